"""A checkpoint of the training runs as it is: report, figures on the picture, objects, refusals."""

import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import cv2
import jsonschema
import numpy as np
import pytest

from losszero_rt.checkpoint import WEIGHTS_NAME, load_network, read_checkpoint, write_checkpoint
from losszero_rt.video import probe
from tests.bundles import write_small_checkpoint
from tests.cli.program import Program, read_json, read_lines
from tests.engine.test_eager_objects import write_object_checkpoint
from tests.media import read_clip, write_clip

ONE_THREAD = ("--threads", "1")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_checkpoint(tmp_path_factory.mktemp("run") / "best")


@pytest.fixture(scope="module")
def finder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint whose network finds objects of no meaning."""
    return write_object_checkpoint(tmp_path_factory.mktemp("finder") / "last")


@pytest.fixture
def short(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "short.mp4", size=(96, 160), num_frames=6)


def schema(name: str) -> Any:
    return json.loads((files("losszero_rt") / "schema" / f"{name}.schema.json").read_text())


def test_checkpoint_runs_and_the_report_says_what_ran(
    program: Program, short: Path, checkpoint: Path, tmp_path: Path
) -> None:
    out, report = tmp_path / "o.mp4", tmp_path / "r.json"
    words = ("--model", checkpoint, "--out", out, "--report", report, *ONE_THREAD)
    outcome = program.done(short, *words)
    facts = read_json(report)
    jsonschema.validate(facts, schema("report"))
    assert probe(out).frames == 6
    assert (facts["engine"], facts["precision"]) == ("eager", "fp32")
    assert facts["model"]["kind"] == "checkpoint"
    assert facts["model"]["sha256"] == read_checkpoint(checkpoint).weights_sha256
    assert facts["model"]["miou"] is None
    assert facts["detections"] is None
    assert "model    checkpoint " in outcome.out
    assert "not measured" in outcome.out


def test_scores_of_a_checkpoint_come_with_their_number(
    program: Program, short: Path, checkpoint: Path, tmp_path: Path
) -> None:
    network, record = load_network(checkpoint)
    scores = {"miou": 0.71, "miou_ci95": [0.6, 0.8], "n": 6, "class_iou": {"dark": 0.7}}
    folder = tmp_path / "scored"
    scored = replace(record, scores=scores)
    write_checkpoint(folder, checkpoint=scored, weights=network.state_dict())
    outcome = program.done(short, "--model", folder, "--out", tmp_path / "o.mp4", *ONE_THREAD)
    assert "mIoU 0.710 [0.600, 0.800] on the validation split of its training, n=6" in outcome.out
    listed = program.done("models", folder, checkpoint).out
    assert "on the validation split of its training, n=6" in listed
    assert listed.count("parity    none needed") == 2
    cards = json.loads(program.done("models", folder, "--json").out)
    assert [card["kind"] for card in cards] == ["checkpoint"]


def test_wrong_engines_and_broken_weights_end_with_exit_4_and_no_output(
    program: Program, short: Path, checkpoint: Path, tmp_path: Path
) -> None:
    out = tmp_path / "o.mp4"
    outcome = program(short, "--model", checkpoint, "--out", out, "--engine", "openvino")
    assert outcome.code == 4
    assert f"python -m export {checkpoint}" in outcome.error_line
    broken = tmp_path / "broken"
    broken.mkdir()
    for path in checkpoint.iterdir():
        (broken / path.name).write_bytes(path.read_bytes())
    (broken / WEIGHTS_NAME).write_bytes(b"other")
    for words in ((short, "--out", out, "--model", broken), ("models", broken)):
        outcome = program(*words)
        assert outcome.code == 4
        assert "sha256" in outcome.error_line
    assert not list(tmp_path.glob("o.mp4*"))


def test_doctor_judges_a_checkpoint_beside_what_ships(program: Program, checkpoint: Path) -> None:
    facts = json.loads(program.done("doctor", checkpoint, "--json").out)
    assert facts["models"][str(checkpoint)]["eager"] == "fits"
    assert "python -m export" in facts["models"][str(checkpoint)]["openvino"]
    assert "night-ride" in facts["models"]


def test_bench_measures_a_checkpoint(
    program: Program, short: Path, checkpoint: Path, tmp_path: Path
) -> None:
    labels = tmp_path / "labels"
    labels.mkdir()
    cv2.imwrite(str(labels / "000000.png"), np.zeros((96, 160), np.uint8))
    words = ("bench", short, "--labels", labels, "--model", checkpoint, "--json", *ONE_THREAD)
    report = json.loads(program.done(*words).out)
    assert report["model"]["kind"] == "checkpoint"
    assert report["engine"] == "eager"
    assert report["accuracy"]["n"] == 1


def test_objects_are_counted_by_frame_and_by_run(
    program: Program, short: Path, finder: Path, tmp_path: Path
) -> None:
    lines, report = tmp_path / "l.jsonl", tmp_path / "r.json"
    words = (short, "--model", finder, "--json", lines, "--report", report, *ONE_THREAD)
    outcome = program.done(*words, "--out", tmp_path / "o.mp4")
    *frames, last = read_lines(lines)
    for frame in frames:
        jsonschema.validate(frame, schema("frame"))
    jsonschema.validate(last["report"], schema("report"))
    found = read_json(report)["detections"]
    assert found["frames"] == 6
    assert found["objects"] == sum(len(frame["objects"]) for frame in frames) > 0
    for name, of in found["classes"].items():
        scores = [o["score"] for f in frames for o in f["objects"] if o["class"] == name]
        assert of["objects"] == len(scores)
        assert of["mean_score"] == pytest.approx(np.mean(scores), abs=1e-3)
        assert of["frames"] == sum(name in frame["detections"] for frame in frames)
        assert f"{name} {of['objects']} in {of['frames']} frames" in outcome.out
    for frame in frames:
        counts = {name: of["objects"] for name, of in frame["detections"].items()}
        assert sum(counts.values()) == len(frame["objects"])
        boxes = np.array([o["box"] for o in frame["objects"]])
        assert (boxes <= [160, 96, 160, 96]).all()


def test_no_objects_neither_draws_nor_counts_them(
    program: Program, short: Path, finder: Path, tmp_path: Path
) -> None:
    plain = ("--alpha", "0", "--no-legend", "--no-hud", "--crf", "5", *ONE_THREAD)
    lines = tmp_path / "l.jsonl"
    outs = {}
    for word in ("--objects", "--no-objects"):
        out = tmp_path / f"{word.strip('-')}.mp4"
        program.done(
            short, "--model", finder, "--out", out, word, *plain, "--force", "--json", lines
        )
        outs[word] = first_luma(out)
        assert ("objects" in read_lines(lines)[0]) == (word == "--objects")
    source = first_luma(short)
    assert np.abs(outs["--no-objects"] - source).mean() < 2
    assert np.abs(outs["--objects"] - source).max() > 60
    last = read_lines(lines)[-1]["report"]
    assert last["detections"] is None


def first_luma(path: Path) -> np.ndarray:
    return np.asarray(read_clip(path)[1][0].planes.y.astype(int))
