"""Reading and verifying bundles."""

import json
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from losszero_rt.bundle import (
    GATE,
    MANIFEST_NAME,
    PARITY_NAME,
    WEIGHTS,
    WEIGHTS_NAME,
    Bundle,
    seal,
)
from losszero_rt.errors import ModelError
from tests.bundle.conftest import write_parity

Change = Callable[[dict[str, Any]], object]


def test_a_bundle_comes_back_as_it_was_written(unsealed: Bundle) -> None:
    written = seal(unsealed)
    read = Bundle.open(unsealed.path)
    assert read == written
    assert replace(read, files={}, sha256="") == unsealed
    assert set(read.files) == {WEIGHTS_NAME, "model.xml", "model.bin"}


def test_the_size_of_maps_is_kept_and_may_be_absent(unsealed: Bundle) -> None:
    assert seal(unsealed).cams_size is None
    assert "cams_size" not in json.loads((unsealed.path / MANIFEST_NAME).read_text())
    assert seal(replace(unsealed, cams_size=(16, 24))).cams_size == (16, 24)


def test_where_it_comes_from_is_kept_and_may_be_absent(unsealed: Bundle) -> None:
    assert not seal(unsealed).provenance
    assert "provenance" not in json.loads((unsealed.path / MANIFEST_NAME).read_text())
    known = {"commit": "c" * 40, "dirty": False, "data_version": "d" * 64}
    assert seal(replace(unsealed, provenance=known)).provenance == known


def test_weights_that_are_not_the_checkpoints_leave_it_unverified(bundle: Bundle) -> None:
    proved = write_parity(bundle, miou_points=0, class_points=0)
    record = json.loads((bundle.path / PARITY_NAME).read_text())
    weights = {**proved.parity_head(WEIGHTS), "miou_points": 0.1}
    for points, other, words in (
        (0.5, {}, ""),
        (1.5, {}, "weights: moves the mean IoU by 0.10 and a class by 1.50 points"),
        (0.0, {"sha256": "0" * 64}, "weights: no parity record for these weights"),
        (0.0, {"miou_points": "?"}, "weights: parity record that cannot be understood"),
        (0.0, {"model": {}}, "weights: classes is "),
    ):
        record["weights"] = {**weights, "class_points": {"road": points}, **other}
        (bundle.path / PARITY_NAME).write_text(json.dumps(record))
        faults = "; ".join(seal(proved).faults)
        assert faults.startswith(words)
        assert bool(faults) == bool(words)


def test_digest_of_the_bundle_changes_with_any_file(bundle: Bundle) -> None:
    (bundle.path / "model.bin").write_bytes(b"\1" * 64)
    assert seal(bundle).sha256 != bundle.sha256


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def _link(path: Path) -> None:
    path.rename(path.with_suffix(".elsewhere"))
    path.symlink_to(path.with_suffix(".elsewhere"))


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "flipped byte": (_flip, "has sha256"),
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:7]), "manifest says"),
    "missing": (lambda path: path.unlink(), "is missing"),
    "a link": (_link, "is a link"),
    "LFS pointer": (
        lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0"),
        "Git LFS pointer",
    ),
    "HTML page": (lambda path: path.write_text("<!DOCTYPE html><html>404"), "HTML page"),
    "pickle": (lambda path: path.write_bytes(b"\x80\x04K\x01."), "never loaded"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_weights_are_refused(bundle: Bundle, damage: str) -> None:
    harm, words = DAMAGES[damage]
    harm(bundle.path / WEIGHTS_NAME)
    with pytest.raises(ModelError, match=words) as caught:
        Bundle.open(bundle.path)
    assert WEIGHTS_NAME in str(caught.value)


def test_a_file_that_changes_after_opening_is_refused(bundle: Bundle) -> None:
    _flip(bundle.path / "model.bin")
    with pytest.raises(ModelError, match="has sha256"):
        bundle.read("model.bin")


def _rename_weights(name: str) -> Change:
    return lambda m: m["files"].update({name: m["files"][WEIGHTS_NAME]})


CHANGES: dict[str, tuple[Change, str]] = {
    "another format": (lambda m: m.update(format=2), "has format 2, this version reads 1"),
    "unknown key": (lambda m: m.update(surprise=1), r"unknown keys \['surprise'\]"),
    "missing key": (lambda m: m.pop("scores"), r"lacks \['scores'\]"),
    "wrong type": (lambda m: m.update(name=3), "name of the wrong type int"),
    "preprocessing absent": (lambda m: m["input"].pop("mean"), "does not fit: 'mean'"),
    "unknown key of a file": (
        lambda m: m["files"]["model.bin"].update(mode=1),
        r"model\.bin: unknown keys \['mode'\]",
    ),
    "size that is no whole number": (
        lambda m: m["files"]["model.bin"].update(bytes=4.0),
        "bytes of the wrong type float",
    ),
    "file that is no object": (lambda m: m["files"].update(x=1), "files: x of the wrong type int"),
    "role that is no text": (
        lambda m: m["engines"]["openvino"].update(graph=5),
        "openvino: graph of the wrong type int",
    ),
    "facts that are no object": (
        lambda m: m.update(built={"openvino": {"graph": 5}}),
        "built openvino: graph of the wrong type int",
    ),
    "unknown input key": (lambda m: m["input"].update(gamma=2), "gamma"),
    "unknown architecture": (
        lambda m: m["network"].update(architecture="os.system"),
        "unknown architecture 'os.system'",
    ),
    "unknown attribute": (lambda m: m["network"].update(_model_class="x"), "_model_class"),
    "name that escapes": (_rename_weights("../weights.safetensors"), "plain file names"),
    "absolute name": (_rename_weights("/etc/passwd"), "plain file names"),
    "name with a folder": (_rename_weights("a/b"), "plain file names"),
    "no weights": (lambda m: m["files"].pop(WEIGHTS_NAME), "missing"),
    "engine file not listed": (
        lambda m: m["engines"]["openvino"].update(graph="other.xml"),
        "other.xml",
    ),
    "file too large": (
        lambda m: m["files"]["model.bin"].update(bytes=1 << 40),
        "at most 4294967296 bytes",
    ),
    "digest that is none": (
        lambda m: m["files"]["model.bin"].update(sha256="abc"),
        "64 hexadecimal digits",
    ),
    "size as text": (
        lambda m: m["files"]["model.bin"].update(bytes="64"),
        "bytes of the wrong type str",
    ),
    "classes and colours differ": (lambda m: m["classes"]["names"].pop(), "5 names and 6 colours"),
    "classes and network differ": (lambda m: m["network"].update(num_classes=5), "5 classes"),
    "maps of no size": (lambda m: m.update(cams_size=[16]), "does not fit"),
    "maps larger than the input": (
        lambda m: m.update(cams_size=[64, 97]),
        "activation maps of 64x97 for an input of 64x96",
    ),
    "labels of nothing": (lambda m: m.update(labels_size=[0, 96]), "labels of 0x96"),
    "labels larger than memory": (
        lambda m: m.update(labels_size=[999999968, 96]),
        "labels of 999999968x96 for an input of 64x96",
    ),
    "input larger than memory": (
        lambda m: m["input"].update(size=[999999968, 999999968]),
        "999999968x999999968 pixels.*at most 8388608 pixels",
    ),
    "sides that no network takes": (
        lambda m: m["input"].update(size=[400, 700]),
        "an input of 400x700 pixels.*multiples of 32",
    ),
    "input of no size": (lambda m: m["input"].update(size=[0, 96]), "an input of 0x96"),
    "input of negative size": (lambda m: m["input"].update(size=[-64, -96]), "of -64x-96"),
    "input of three sides": (lambda m: m["input"].update(size=[64, 96, 3]), "does not fit"),
    "half a pixel": (lambda m: m["input"].update(size=[64.0, 96]), "does not fit"),
    "true as a size": (lambda m: m.update(labels_size=[True, 96]), "does not fit"),
    "mean of two": (lambda m: m["input"].update(mean=[0.5, 0.5]), "no three numbers"),
    "deviation in words": (lambda m: m["input"].update(std=["a", "b", "c"]), "no three numbers"),
    "maps of a wrong type": (lambda m: m.update(cams_size=16), "cams_size of the wrong type int"),
    "terminal codes": (lambda m: m.update(name="\x1b[2Jsmall"), "control characters"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_manifest_is_refused(bundle: Bundle, change: str) -> None:
    alter, words = CHANGES[change]
    path = bundle.path / MANIFEST_NAME
    manifest = json.loads(path.read_text())
    alter(manifest)
    path.write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match=words):
        Bundle.open(bundle.path)


def test_a_checkpoint_file_is_refused_by_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    path.write_bytes(b"PK\x03\x04 and more")
    with pytest.raises(ModelError, match=r"zip archive or a torch pickle, which is never loaded"):
        Bundle.open(path)


def test_parity_within_tolerance_makes_it_verified(bundle: Bundle) -> None:
    assert not bundle.is_verified
    assert write_parity(bundle, miou_points=-0.3, class_points=1.0).is_verified


@pytest.mark.parametrize(("miou", "worst"), [(0.31, 0.0), (0.0, -1.01), (float("inf"), 0.0)])
def test_parity_beyond_tolerance_does_not(bundle: Bundle, miou: float, worst: float) -> None:
    if miou == float("inf"):
        with pytest.raises(ModelError, match="Infinity is not a number"):
            write_parity(bundle, miou_points=miou, class_points=worst)
        return
    found = write_parity(bundle, miou_points=miou, class_points=worst)
    assert not found.is_verified
    assert "bf16 moves" in found.parity_fault("openvino")


@pytest.mark.parametrize("role", ["graph", "constants"])
def test_parity_of_another_graph_does_not_count(bundle: Bundle, role: str) -> None:
    proved = write_parity(bundle, miou_points=0, class_points=0)
    (bundle.path / bundle.engines["openvino"][role]).write_text("<net>other</net>")
    assert seal(proved).parity_fault("openvino") == "no parity record for this graph"


def test_parity_from_before_models_were_recorded_names_the_remedy(bundle: Bundle) -> None:
    proved = write_parity(bundle, miou_points=0, class_points=0)
    record = {key: value for key, value in proved.parity["openvino"].items() if key != "model"}
    (bundle.path / PARITY_NAME).write_text(json.dumps({"openvino": {**record, "gate": GATE - 1}}))
    fault = seal(proved).parity_fault("openvino")
    assert f"gate {GATE - 1}" in fault
    assert "python -m export" in fault


def test_a_bundle_without_any_graph_is_not_proved_by_that(bundle: Bundle) -> None:
    proved = write_parity(bundle, miou_points=0, class_points=0)
    record = {"openvino": proved.parity["openvino"]}
    (bundle.path / PARITY_NAME).write_text(json.dumps(record))
    bare = seal(replace(proved, engines={}))
    assert bare.faults == ("weights: no parity record for these weights",)


def test_parity_that_makes_no_sense_does_not_count(bundle: Bundle) -> None:
    record = {**bundle.parity_head("openvino"), "precisions": {"bf16": {"miou_points": "x"}}}
    (bundle.path / PARITY_NAME).write_text(json.dumps({"openvino": record}))
    assert "cannot be understood" in seal(bundle).parity_fault("openvino")


def test_large_files_are_verified_piece_by_piece(unsealed: Bundle) -> None:
    (unsealed.path / "large.bin").write_bytes(bytes(64 << 20))
    seal(unsealed)
    tracemalloc.start()
    try:
        Bundle.open(unsealed.path)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < 8 << 20
