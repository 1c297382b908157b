"""``inspect`` and ``verify``."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from losszero_rt.bundle import Bundle, seal
from losszero_rt.engine.openvino_facts import import_openvino
from tests.cli.glowing import SIZE, write_bundle
from tests.cli.program import Program

pytestmark = pytest.mark.usefixtures("base_install")


def test_inspect_says_what_a_bundle_is(program: Program, tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "glowing")
    text = program.done("inspect", folder).out
    for part in ("64x96", "2 lane mark", "mIoU 0.500", "openvino: ", "weights.safetensors"):
        assert part in text
    assert "mIoU 0.500 [0.400, 0.600] on nothing, n=3, of fp32 weights" in text
    assert "mIoU 0.500 on nothing, n=3, of openvino bf16" in text
    record = json.loads(program.done("inspect", folder, "--json").out)
    assert record["kind"] == "bundle"
    assert record["classes"]["names"][5] == "moveable"
    assert record["parity"]["openvino"]["precisions"]["bf16"]["miou_points"] == 0
    scored = {"miou": 0.5, "miou_ci95": None, "n": 3, "dataset": "nothing"}
    assert record["engine_scores"] == {"openvino fp32": scored, "openvino bf16": scored}


def test_verify_runs_a_good_bundle(program: Program, tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "glowing")
    outcome = program.done("verify", folder)
    assert outcome.out.rstrip().endswith("verified; 1 not tried here")
    assert "UNVERIFIED" not in outcome.out
    assert "  ok    openvino runs" in outcome.out
    assert "  -     openvino agrees   not compared with the network here: torch is" in outcome.out


def test_verify_of_a_bundle_without_parity_ends_in_four(program: Program, tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "raw", verified=False)
    outcome = program("verify", folder, "--json")
    assert outcome.code == 4
    record = json.loads(outcome.out)
    assert not record["verified"]
    states = {check["what"]: check["ok"] for check in record["checks"]}
    assert [what for what, ok in states.items() if ok is False] == ["openvino parity"]


def test_verify_of_a_changed_file_says_both_digests(program: Program, tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "glowing")
    (folder / "weights.safetensors").write_bytes(b"nine")
    outcome = program("verify", folder)
    assert outcome.code == 4
    assert "has sha256" in outcome.error_line
    assert "the manifest says" in outcome.error_line


def test_verify_finds_an_engine_that_always_says_the_same(program: Program, tmp_path: Path) -> None:
    bundle = Bundle.open(write_bundle(tmp_path / "glowing", verified=False))
    ov = import_openvino()
    op = ov.opset13
    pixels = op.parameter([-1, *SIZE, 3], np.uint8, name="pixels")
    nothing = op.multiply(op.reduce_max(pixels, np.array([3]), False), np.uint8(0))
    graph = bundle.path / bundle.engines["openvino"]["graph"]
    ov.save_model(ov.Model([nothing], [pixels], "frozen"), graph, compress_to_fp16=False)
    outcome = program("verify", seal(bundle).path)
    assert outcome.code == 4
    assert "frozen" in outcome.out


def rewritten(folder: Path, **fields: Any) -> Path:
    manifest = folder / "manifest.json"
    record = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**record, **fields}))
    return folder


def test_engine_without_files_is_no_engine(program: Program, tmp_path: Path) -> None:
    folder = rewritten(write_bundle(tmp_path / "glowing"), engines={"openvino": {}})
    outcome = program("verify", folder)
    assert outcome.code == 4
    assert "no file of the engine openvino" in outcome.error_line


def test_engine_that_lacks_a_file_is_not_verified(program: Program, tmp_path: Path) -> None:
    bundle = Bundle.open(write_bundle(tmp_path / "glowing"))
    roles = dict(bundle.engines["openvino"])
    for lacking in roles:
        kept = {role: name for role, name in roles.items() if role != lacking}
        outcome = program("verify", rewritten(bundle.path, engines={"openvino": kept}))
        assert outcome.code == 4
        assert "holds no OpenVINO graph" in outcome.out


def test_what_this_program_does_not_run_is_told(program: Program, tmp_path: Path) -> None:
    bundle = Bundle.open(write_bundle(tmp_path / "glowing"))
    (bundle.path / "model.onnx").write_bytes(b"not opened")
    engines = {**bundle.engines, "onnx": {"graph": "model.onnx"}}
    outcome = program("verify", seal(replace(bundle, engines=engines)).path)
    assert "  -     onnx runs         not tried here: other runtimes run it" in outcome.out
    assert outcome.out.rstrip().endswith("2 not tried here")
    checks = json.loads(program("verify", bundle.path, "--json").out)["checks"]
    assert {check["what"]: check["ok"] for check in checks}["onnx runs"] is None


def test_other_weights_than_those_compared_with_are_not_verified(
    program: Program, tmp_path: Path
) -> None:
    bundle = Bundle.open(write_bundle(tmp_path / "glowing"))
    (bundle.path / "weights.safetensors").write_bytes(b"others")
    outcome = program("verify", seal(bundle).path)
    assert outcome.code == 4
    assert "no parity record for this graph" in outcome.out


def test_a_record_cannot_write_on_the_terminal(program: Program, tmp_path: Path) -> None:
    versions = {"a\x1b]0;x\x07": "1\n  parity    proved at export"}
    folder = rewritten(write_bundle(tmp_path / "raw", verified=False), versions=versions)
    outcome = program("inspect", folder)
    assert "\x1b" not in outcome.out
    assert "\n  parity    proved at export" not in outcome.out


def test_strange_facts_of_an_engine_are_refused_everywhere(
    program: Program, tmp_path: Path
) -> None:
    folder = rewritten(write_bundle(tmp_path / "glowing"), built={"openvino": {"graph": 5}})
    for command in ("inspect", "verify"):
        outcome = program(command, folder)
        assert outcome.code == 4
        assert "graph of the wrong type int" in outcome.error_line
