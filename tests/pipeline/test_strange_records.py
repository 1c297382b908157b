"""Whatever a stranger wrote into the records of a bundle: refused in one line, or told as it is."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from losszero_rt.bundle import MANIFEST_NAME, PARITY_NAME, WEIGHTS, Bundle
from losszero_rt.bundle.finding import MODELS_FOLDER
from losszero_rt.bundle.sidecar import parse_sidecar
from losszero_rt.engine.openvino_graphs import offered_precisions, proved_precisions
from losszero_rt.errors import ModelError
from losszero_rt.pipeline.inspection import inspection, inspection_text

SHIPPED = MODELS_FOLDER / "night-ride"
RECORDS = (MANIFEST_NAME, PARITY_NAME)
VALUES: tuple[Any, ...] = (None, 7, -1, 1e308, 0.5, True, "x", "", [], [1], [None], {}, {"a": 1})

Record = dict[str, Any]


def _places(node: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to everything inside a record."""
    pairs = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in pairs:
        yield (*at, key)
        if isinstance(value, dict | list):
            yield from _places(value, (*at, key))


PLACES = [
    (name, place)
    for name in RECORDS
    for place in _places(json.loads((SHIPPED / name).read_text(encoding="utf-8")))
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All files that ship, the records aside."""
    made = tmp_path_factory.mktemp("strange")
    for path in SHIPPED.iterdir():
        if path.name not in RECORDS:
            shutil.copy(path, made)
    return made


def _open(folder: Path, records: dict[str, Record]) -> Bundle:
    parity = json.dumps(records[PARITY_NAME]).encode()
    files = records[MANIFEST_NAME].get("files")
    if isinstance(files, dict):
        files[PARITY_NAME] = {"bytes": len(parity), "sha256": hashlib.sha256(parity).hexdigest()}
    (folder / PARITY_NAME).write_bytes(parity)
    (folder / MANIFEST_NAME).write_text(json.dumps(records[MANIFEST_NAME]))
    return Bundle.open(folder)


def _changed(place: tuple[str, tuple[Any, ...]], value: Any) -> dict[str, Record]:
    records = {name: json.loads((SHIPPED / name).read_text(encoding="utf-8")) for name in RECORDS}
    node = records[place[0]]
    for key in place[1][:-1]:
        node = node[key]
    node[place[1][-1]] = value
    return records


def test_the_records_as_they_ship_are_read(folder: Path) -> None:
    bundle = _open(folder, _changed((MANIFEST_NAME, ("name",)), "night-ride"))
    assert bundle.is_verified
    assert "proved at export" in inspection_text(bundle)


@settings(max_examples=60, deadline=None)
@given(depth=st.integers(1, 6), pick=st.randoms(use_true_random=False))
def test_a_record_with_anything_in_it_is_refused_or_read(
    folder: Path, depth: int, pick: Any
) -> None:
    place = pick.choice([one for one in PLACES if len(one[1]) == depth])
    try:
        bundle = _open(folder, _changed(place, pick.choice(VALUES)))
    except ModelError:
        return
    json.dumps(inspection(bundle))
    assert inspection_text(bundle).startswith(str(bundle.name))
    rows = bundle.parity.get("openvino", {}).get("precisions", {})
    with suppress(ModelError):
        assert set(proved_precisions(bundle)) <= (
            set(rows) or {"fp32", *offered_precisions(bundle)}
        )


@pytest.mark.parametrize("rows", [7, True, [], {"fp32": 7}, {"fp32": None}])
def test_rows_of_a_proof_are_objects(folder: Path, rows: Any) -> None:
    with pytest.raises(ModelError, match="one object an engine, with one a precision"):
        _open(folder, _changed((PARITY_NAME, ("openvino", "precisions")), rows))


def test_an_empty_record_of_the_weights_proves_nothing(folder: Path) -> None:
    bundle = _open(folder, _changed((PARITY_NAME, (WEIGHTS,)), {}))
    assert not bundle.is_verified
    assert bundle.weights_fault == "no parity record for these weights"


def test_a_digest_of_another_checkpoint_is_not_believed(folder: Path) -> None:
    bundle = _open(folder, _changed((MANIFEST_NAME, ("source_sha256",)), "0" * 64))
    assert bundle.faults == ("weights: no parity record for these weights",)


@pytest.mark.parametrize("colour", [[1, 2], [0.5, 1, 2], [1, 2, 256], ["a", 1, 2], [True, 1, 2]])
def test_colours_are_three_bytes(folder: Path, colour: list[Any]) -> None:
    with pytest.raises(ModelError, match="colours of three whole numbers 0 to 255"):
        _open(folder, _changed((MANIFEST_NAME, ("classes", "colours", 1)), colour))


@pytest.mark.parametrize(
    "place",
    [
        (MANIFEST_NAME, ("input", "mean", 0)),
        (MANIFEST_NAME, ("scores", "miou")),
        (PARITY_NAME, ("openvino", "precisions", "int8", "miou")),
        (PARITY_NAME, ("openvino", "precisions", "bf16", "logits", "share")),
    ],
)
def test_numbers_that_nothing_can_hold_are_refused(
    folder: Path, place: tuple[str, tuple[Any, ...]]
) -> None:
    with pytest.raises(ModelError, match="a number of 401 digits"):
        _open(folder, _changed(place, 10**400))


def test_numbers_beyond_all_numbers_are_refused(folder: Path) -> None:
    records = _changed((MANIFEST_NAME, ("name",)), "endless")
    text = json.dumps(records[PARITY_NAME]).replace('"share": ', '"share": 1e400, "was": ', 1)
    with pytest.raises(ModelError, match="1e400 is beyond every number"):
        parse_sidecar(text.encode(), path=folder / PARITY_NAME)


def test_a_proof_that_is_silent_about_a_class_is_none(folder: Path) -> None:
    place = (PARITY_NAME, ("openvino", "precisions", "fp32", "class_points"))
    fault = _open(folder, _changed(place, {"road": 0.0})).parity_fault("openvino")
    assert fault == "fp32 does not tell of lane mark, moveable, my bike, rider, undrivable"


def test_classes_that_were_hardly_scored_are_named(folder: Path) -> None:
    bundle = _open(folder, _changed((MANIFEST_NAME, ("scores", "unproved")), ["rider"]))
    assert "nothing is proved of rider" in inspection_text(bundle)


def test_a_proof_of_a_graph_that_was_taken_out_is_none(folder: Path) -> None:
    records = _changed((MANIFEST_NAME, ("name",)), "less")
    for role in ("int8_graph", "int8_constants"):
        del records[MANIFEST_NAME]["engines"]["openvino"][role]
    bundle = _open(folder, records)
    assert bundle.parity_fault("openvino") == "no parity record for this graph"


def test_a_proof_tells_of_the_classes_that_there_are(folder: Path) -> None:
    place = (PARITY_NAME, ("openvino", "precisions", "fp32", "class_points"))
    fault = _open(folder, _changed(place, {"horse": 0.0})).parity_fault("openvino")
    assert fault == "tells of classes that it has not: horse"
