"""A bundle whose files are only bytes: reading and verifying needs no engine."""

import json
from pathlib import Path

import pytest

from losszero_rt.bundle import PARITY_NAME, WEIGHTS_NAME, Bundle, seal
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


def digests(bundle: Bundle) -> dict[str, str]:
    """What a parity record says of the files it was measured on."""
    roles = bundle.engines["openvino"]
    return {f"{role}_sha256": bundle.files[name].sha256 for role, name in roles.items()}


def write_parity(bundle: Bundle, *, miou_points: float, class_points: float) -> Bundle:
    """Give a bundle a parity record and seal it again."""
    record = {
        **digests(bundle),
        "precisions": {
            "bf16": {"miou_points": miou_points, "class_points": {"road": class_points}}
        },
    }
    (bundle.path / PARITY_NAME).write_text(json.dumps({"openvino": record}))
    return seal(bundle)
