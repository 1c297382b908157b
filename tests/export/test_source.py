"""A bundle as what is exported: its weights stay as they are, and what is known of them."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from export.config import ExportConfig
from export.exporting import export_bundle
from export.source import open_source
from losszero_rt.bundle import (
    CARD_NAME,
    PARITY_NAME,
    WEIGHTS,
    WEIGHTS_NAME,
    Bundle,
    find_bundle,
    list_bundles,
    seal,
)
from losszero_rt.errors import LossZeroError, ModelError, UsageError
from tests.bundles import SIZE, write_pairs

POINTS = ("label_agreement", "miou_points", "class_points", "rate_points")


@pytest.fixture
def source(bundle: Bundle, tmp_path: Path) -> Path:
    """A copy of a bundle that may be harmed."""
    return Path(shutil.copytree(bundle.path, tmp_path / "source"))


@pytest.fixture
def wish(config: ExportConfig, source: Path, tmp_path: Path) -> ExportConfig:
    """The ONNX file of it, which is the quickest to make."""
    return replace(
        config,
        checkpoint=source,
        out=tmp_path / "made",
        engine="onnx",
        precision="fp32",
        portable=True,
    )


@pytest.mark.slow
def test_its_weights_and_rights_go_on_and_its_graphs_stay_behind(
    bundle: Bundle, wish: ExportConfig, tmp_path: Path
) -> None:
    own = write_pairs(tmp_path / "own", first=60)
    made = export_bundle(replace(wish, labelled=own))
    assert made.is_verified
    assert set(made.engines) == {"onnx"}
    assert made.read(WEIGHTS_NAME) == bundle.read(WEIGHTS_NAME)
    same = ("source_sha256", "data", "licence", "attribution", "network_spec", "input_spec")
    assert [getattr(made, name) for name in same] == [getattr(bundle, name) for name in same]
    assert made.scores["dataset"] == "own"
    record, known = made.parity[WEIGHTS], bundle.parity[WEIGHTS]
    assert [record[name] for name in POINTS] == [known[name] for name in POINTS]
    assert record["label_agreement"] < 1, "that is of the checkpoint, not of the bundle"
    assert record["compared_on"] == "pairs"
    assert "weights (on pairs)" in made.read(CARD_NAME).decode()
    # Passed on as often as one likes.
    again = export_bundle(replace(wish, checkpoint=made.path, out=tmp_path / "again"))
    assert again.is_verified
    assert again.parity[WEIGHTS]["compared_on"] == "pairs"


@pytest.mark.slow
def test_it_may_be_replaced_by_what_is_made_of_it(bundle: Bundle, wish: ExportConfig) -> None:
    made = export_bundle(replace(wish, out=wish.checkpoint, force=True, licence="MIT"))
    assert made.path == wish.checkpoint
    assert made.read(WEIGHTS_NAME) == bundle.read(WEIGHTS_NAME)
    assert set(made.engines) == {"onnx"}
    assert made.licence == "MIT"


def refused(wish: ExportConfig, words: str, *, kind: type[LossZeroError] = ModelError) -> None:
    with pytest.raises(kind, match=words):
        export_bundle(wish)
    assert not wish.out.exists()


def test_another_size_is_refused_because_kernels_were_rounded_at_its_own(
    wish: ExportConfig,
) -> None:
    assert isinstance(open_source(replace(wish, imgsz=SIZE)), Bundle)
    words = r"--imgsz 96x128 of .*, a bundle for 64x96.*export the checkpoint"
    refused(replace(wish, imgsz=(96, 128)), words, kind=UsageError)


def test_weights_that_were_never_compared_cannot_become_verified(wish: ExportConfig) -> None:
    source = find_bundle(wish.checkpoint)
    parity = {name: record for name, record in source.parity.items() if name != WEIGHTS}
    (wish.checkpoint / PARITY_NAME).write_text(json.dumps(parity))
    seal(replace(source, parity=parity))
    refused(wish, "is unverified: its weights were never compared")
    assert isinstance(open_source(replace(wish, labelled=None)), Bundle)


@pytest.mark.slow
def test_weights_that_were_found_to_differ_are_not_passed_on(wish: ExportConfig) -> None:
    source = find_bundle(wish.checkpoint)
    record = {**source.parity[WEIGHTS], "miou_points": -2.0}
    parity = {**source.parity, WEIGHTS: record}
    (wish.checkpoint / PARITY_NAME).write_text(json.dumps(parity))
    seal(replace(source, parity=parity))
    refused(wish, "would not be the network: weights: moves the mean IoU by 2.00")


def test_a_bundle_that_was_changed_is_refused(wish: ExportConfig) -> None:
    with (wish.checkpoint / WEIGHTS_NAME).open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x7f")
    refused(wish, "weights.safetensors has sha256")


def test_bundles_that_ship_are_known_by_name(tmp_path: Path) -> None:
    for path in list_bundles():
        source = open_source(ExportConfig(checkpoint=Path(path.name), out=tmp_path / "b"))
        assert (source.path, source.name) == (path, path.name)
