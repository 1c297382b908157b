"""``losszero-rt bench``: speed beside accuracy."""

import json
from pathlib import Path

import pytest

from losszero_rt.pipeline import benchmark
from losszero_rt.ride import RideSpec
from tests.cli.program import Program
from tests.media import write_clip


@pytest.fixture(autouse=True)
def tiny_rides(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw rides of a few small frames."""
    ride = RideSpec(size=(96, 160), duration_s=0.3)
    scored = RideSpec(size=(96, 160), duration_s=0.2, seed=1)
    defaults = {"timed_ride": ride, "scored_ride": scored}
    monkeypatch.setattr(benchmark.run_bench, "__kwdefaults__", defaults)


def test_bench_puts_speed_next_to_accuracy(program: Program) -> None:
    report = json.loads(program.done("bench", "--json").out)
    assert report["frames"]["shown"] == 9
    assert report["fps"] > 0
    assert report["source"] == "rendered ride 160x96"
    assert set(report["stage_ms"]) == {"decode", "preprocess", "infer", "overlay", "encode"}
    accuracy = report["accuracy"]
    assert accuracy["n"] == 6
    assert 0 < accuracy["miou"] < 1
    low, high = accuracy["miou_ci95"]
    assert low <= accuracy["miou"] <= high
    assert set(accuracy["class_iou"]) == set(accuracy["boundary"]["class_iou"])
    assert report["machine"]["cores"] >= 1
    assert report["warmup_frames"] == 0


def test_bench_of_a_clip_excludes_and_counts_the_warm_up(program: Program, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "c.mp4", size=(96, 160), num_frames=100)
    labels = tmp_path / "labels"
    program.done(clip, "--masks", labels)
    outcome = program.done("bench", clip, "--labels", labels)
    assert "first 30 frames excluded" in outcome.out
    assert "mIoU 1.000" in outcome.out
    assert "n=100" in outcome.out
    for stage in ("end to end", "decode", "preprocess", "infer", "overlay", "encode"):
        assert any(line.startswith(stage) for line in outcome.out.splitlines())
    assert "boundary IoU" in outcome.out
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["c.mp4"], "leaves nothing"


def test_bench_without_a_fitting_label_is_refused(program: Program, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "c.mp4", size=(96, 160), num_frames=3)
    (tmp_path / "labels").mkdir()
    outcome = program("bench", clip, "--labels", tmp_path / "labels")
    assert outcome.code == 3
    assert "fits a frame" in outcome.error_line
    assert program("bench", tmp_path / "none.mp4").code == 3


def test_compare_prints_differences(program: Program, tmp_path: Path) -> None:
    first = json.loads(program.done("bench", "--json").out)
    second = {**first, "fps": first["fps"] * 2, "precision": "another"}
    paths = []
    for name, report in (("a", first), ("b", second)):
        paths.append(tmp_path / f"{name}.json")
        paths[-1].write_text(json.dumps(report))
    text = program.done("bench", "--compare", *paths).out
    fps = next(line for line in text.splitlines() if line.startswith("fps"))
    assert fps.split()[-1] == "2.000"
    assert f"precision: {first['precision']} -> another" in text
    assert "accuracy.class_iou.road" in text


@pytest.mark.parametrize("content", ["", "[]", "{}", "\xff"])
def test_compare_refuses_what_is_no_result(program: Program, tmp_path: Path, content: str) -> None:
    (tmp_path / "a").write_text(content, encoding="latin-1")
    outcome = program("bench", "--compare", tmp_path / "a", tmp_path / "a")
    assert outcome.code == 2
    assert "bench --json" in outcome.error_line
