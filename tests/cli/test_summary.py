"""The lines that a person reads at the end of a run, next to the report that they come from."""

from pathlib import Path

from tests.cli.program import Program, read_json
from tests.media import write_clip

LIVE = "lavfi:testsrc2=size=160x96:rate=30"


def test_source_of_one_frame_has_no_rate(program: Program, tmp_path: Path) -> None:
    clip, report = write_clip(tmp_path / "one.mp4", num_frames=1), tmp_path / "r.json"
    outcome = program.done(clip, "--out", tmp_path / "o.mp4", "--report", report)
    assert read_json(report)["fps"] is None
    assert "speed    n/a FPS" in outcome.out


def test_what_was_dropped_is_told_by_reason(program: Program, tmp_path: Path) -> None:
    words = ("--json", tmp_path / "l", "--report", tmp_path / "r.json", "--duration", 1)
    outcome = program.done("live", LIVE, *words, "--policy", "all", "--max-fps", 10)
    dropped = read_json(tmp_path / "r.json")["frames"]["dropped_by_reason"]
    count = dropped["max-fps"]
    assert dropped == {"max-fps": count}
    assert f"dropped {count} (max-fps {count}), corrupt 0" in outcome.out


def test_frames_shown_after_their_deadline_are_counted(program: Program, tmp_path: Path) -> None:
    words = ("--json", tmp_path / "l", "--report", tmp_path / "r.json", "--duration", 1)
    # Nothing is that fast: all that is shown is shown so that there is a picture.
    outcome = program.done("live", LIVE, *words, "--policy", "deadline", "--deadline-ms", 0.001)
    report = read_json(tmp_path / "r.json")
    assert report["live"]["over_deadline"] == report["frames"]["shown"] > 0
    assert report["frames"]["late"] > report["frames"]["shown"]
    assert f"deadline, {report['frames']['shown']} shown after it" in outcome.out
