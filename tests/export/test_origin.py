"""A bundle as what is exported: its weights stay as they are, and what is known of them."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from export.config import ExportConfig
from export.exporting import export_bundle
from export.origin import notes_of, open_origin, rights_of, write_weights
from losszero_rt.bundle import (
    CARD_NAME,
    PARITY_NAME,
    WEIGHTS,
    WEIGHTS_NAME,
    Bundle,
    find_bundle,
    seal,
)
from losszero_rt.bundle.finding import MODELS_FOLDER
from losszero_rt.engine.eager_engine import load_bundle_network
from losszero_rt.errors import LossZeroError, ModelError, UsageError
from tests.bundles import SIZE, swap_classes, write_pairs

POINTS = ("label_agreement", "miou_points", "class_points", "rate_points")


@pytest.fixture
def origin(bundle: Bundle, tmp_path: Path) -> Path:
    """A copy of a bundle that may be harmed."""
    return Path(shutil.copytree(bundle.path, tmp_path / "origin"))


@pytest.fixture
def wish(config: ExportConfig, origin: Path, tmp_path: Path) -> ExportConfig:
    """The ONNX file of it, which is the quickest to make."""
    return replace(
        config,
        model=origin,
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
    notes = tmp_path / "notes.md"
    notes.write_text("- Seen by eye: nothing yet.\n")
    made = export_bundle(replace(wish, labelled=own, notes=notes))
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
    again = export_bundle(replace(wish, model=made.path, out=tmp_path / "again"))
    assert again.parity[WEIGHTS]["compared_on"] == "pairs"
    assert again.read(CARD_NAME).decode().endswith("- Seen by eye: nothing yet.\n")


@pytest.mark.slow
def test_it_may_be_replaced_by_what_is_made_of_it(bundle: Bundle, wish: ExportConfig) -> None:
    made = export_bundle(replace(wish, out=wish.model, force=True, licence="MIT"))
    assert made.path == wish.model
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
    assert isinstance(open_origin(replace(wish, imgsz=SIZE)), Bundle)
    words = r"--imgsz 96x128 of .*, a bundle for 64x96.*export the checkpoint"
    refused(replace(wish, imgsz=(96, 128)), words, kind=UsageError)


def with_other_weights(bundle: Bundle) -> None:
    network = load_bundle_network(bundle)
    swap_classes(network)
    write_weights(network, bundle.path / WEIGHTS_NAME)


def with_record(bundle: Bundle, **fields: Any) -> None:
    record = {**bundle.parity[WEIGHTS], **fields}
    (bundle.path / PARITY_NAME).write_text(json.dumps({**bundle.parity, WEIGHTS: record}))


def without_record(bundle: Bundle, record: dict[str, Any] | None = None) -> None:
    rest = {name: known for name, known in bundle.parity.items() if name != WEIGHTS}
    rest |= {} if record is None else {WEIGHTS: record}
    (bundle.path / PARITY_NAME).write_text(json.dumps(rest))


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (without_record, "no parity record"),
        (lambda bundle: without_record(bundle, {}), "no parity record"),
        (with_other_weights, "no parity record for these weights"),
        (lambda bundle: with_record(bundle, gate=1), "gate 1"),
        (lambda bundle: with_record(bundle, miou_points=2.0), "moves the mean IoU by 2.00"),
        (lambda bundle: with_record(bundle, class_points={}), "cannot be understood"),
    ],
)
def test_weights_that_are_not_known_to_be_the_checkpoints_cannot_become_verified(
    wish: ExportConfig, harm: Callable[[Bundle], None], told: str
) -> None:
    bundle = find_bundle(wish.model)
    harm(bundle)
    seal(bundle)
    refused(wish, f"not known to be the checkpoint's: .*{told}.*leave --labelled away")
    assert isinstance(open_origin(replace(wish, labelled=None)), Bundle)


@pytest.mark.slow
def test_weights_whose_digest_was_edited_in_the_record_too_are_known_by_their_score(
    wish: ExportConfig,
) -> None:
    bundle = find_bundle(wish.model)
    with_other_weights(bundle)
    sealed = seal(bundle)
    with_record(bundle, sha256=sealed.files[WEIGHTS_NAME].sha256)
    assert not seal(bundle).weights_fault
    refused(wish, r"says mean IoU 0\.\d+ of its weights on these pictures, and they have 0\.0")


def test_classes_that_were_renamed_cannot_become_verified(wish: ExportConfig) -> None:
    bundle = find_bundle(wish.model)
    names = tuple(reversed(bundle.classmap.names))
    seal(replace(bundle, classmap=replace(bundle.classmap, names=names)))
    refused(wish, "not known to be the checkpoint's")


def test_a_bundle_that_was_changed_is_refused(wish: ExportConfig) -> None:
    with (wish.model / WEIGHTS_NAME).open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x7f")
    refused(wish, "weights.safetensors has sha256")


def test_bundles_that_ship_are_known_by_name_and_what_is_here_comes_before(
    wish: ExportConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shipped = replace(wish, model=Path("night-ride"))
    origin = open_origin(shipped)
    assert isinstance(origin, Bundle)
    assert origin.path == MODELS_FOLDER / "night-ride"
    assert "motorway" in notes_of(origin)
    shutil.copytree(wish.model, "night-ride")
    assert open_origin(shipped).path == Path("night-ride")
    refused(replace(wish, model=Path("night-rid")), "one that ships: .*night-ride.* models lists")


def test_a_licence_must_be_known(wish: ExportConfig) -> None:
    bundle = seal(replace(find_bundle(wish.model), licence=""))
    with pytest.raises(ModelError, match=r"names no licence.*--licence NAME"):
        rights_of(bundle, licence="")
    assert rights_of(bundle, licence="MIT")[0] == "MIT"
