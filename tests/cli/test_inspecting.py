"""``inspect`` and ``verify``."""

import json
from pathlib import Path

import numpy as np

from losszero_rt.bundle import Bundle, seal
from losszero_rt.engine.openvino_facts import import_openvino
from tests.cli.glowing import SIZE, write_bundle
from tests.cli.program import Program


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
    assert outcome.out.rstrip().endswith("verified")
    assert "UNVERIFIED" not in outcome.out
    assert "openvino runs" in outcome.out


def test_verify_of_a_bundle_without_parity_ends_in_four(program: Program, tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "raw", verified=False)
    outcome = program("verify", folder, "--json")
    assert outcome.code == 4
    record = json.loads(outcome.out)
    assert not record["verified"]
    assert [check["what"] for check in record["checks"] if not check["ok"]] == ["openvino parity"]


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
