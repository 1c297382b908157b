"""A bundle whose files are only bytes: reading and verifying needs no engine."""

import json
from pathlib import Path

import pytest

from losszero_rt.bundle import PARITY_NAME, WEIGHTS, WEIGHTS_NAME, Bundle, seal
from losszero_rt.classmap import NIGHT_RIDE
from losszero_rt.network import NetworkSpec
from losszero_rt.preprocess import InputSpec


@pytest.fixture
def unsealed(tmp_path: Path) -> Bundle:
    """Everything but the manifest, in a folder of its own."""
    folder = tmp_path / "small"
    folder.mkdir()
    (folder / WEIGHTS_NAME).write_bytes(bytes(range(256)) * 8)
    (folder / "model.xml").write_text("<net/>")
    (folder / "model.bin").write_bytes(b"\0" * 64)
    return Bundle(
        path=folder,
        name="small",
        network_spec=NetworkSpec(),
        input_spec=InputSpec(size=(64, 96), mean=(0.5,) * 3, std=(0.5,) * 3),
        labels_size=(64, 96),
        classmap=NIGHT_RIDE,
        engines={"openvino": {"graph": "model.xml", "constants": "model.bin"}},
        files={},
        versions={"losszero_rt": "0"},
        source_sha256="",
        scores={"miou": 0.5},
        data={},
        licence="Apache-2.0",
        attribution="nobody",
    )


@pytest.fixture
def bundle(unsealed: Bundle) -> Bundle:
    """A sealed bundle without a parity record."""
    return seal(unsealed)


# How a graph runs that is as good as the network.
RUNS = {
    "rate_points": {},
    "logits": {"n": 17, "not_finite": [], "max": 1.7, "mean": 0.1, "share": 0.02},
    "probes": {"n": 11, "distinct": 9, "night": 0.997, "night_least": 0.99},
    "batches": {"3 of 3": 1.0, "2 of 3": 0.999, "1 of 3": 1.0},
}


def write_parity(bundle: Bundle, *, miou_points: float, class_points: float) -> Bundle:
    """Give a bundle a parity record and seal it again."""
    points = {"miou_points": miou_points, "class_points": {"road": class_points}}
    record = {**bundle.parity_head("openvino"), "precisions": {"bf16": {**RUNS, **points}}}
    weights = {**bundle.parity_head(WEIGHTS), "miou_points": 0, "class_points": {"road": 0}}
    proofs = {"openvino": record, WEIGHTS: weights}
    (bundle.path / PARITY_NAME).write_text(json.dumps(proofs))
    return seal(bundle)
