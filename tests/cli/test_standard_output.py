"""What goes to standard output, and what happens when it takes nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.program import ROOT, Program, finish, start

needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full of Linux")


def lines_of(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("name", ["-", "/dev/stdout"])
def test_json_lines_of_a_run_go_to_standard_output_alone(
    bundle: Path, night: Path, tmp_path: Path, name: str
) -> None:
    outcome = finish(start(night, "--out", tmp_path / "o.mp4", "--json", name, bundle=bundle))
    assert outcome.code == 0
    *frames, last = lines_of(outcome.out)
    assert [frame["index"] for frame in frames] == list(range(40))
    assert last["report"]["output"]["frames"] == 40
    assert "frames   40 shown of 40 read" in outcome.err
    assert not (ROOT / "-").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["o.mp4"]


def test_json_lines_of_a_live_run_go_to_standard_output_alone(bundle: Path) -> None:
    words = ("live", "lavfi:testsrc2=size=192x96:rate=30", "--json", "-", "--duration", "1", "-q")
    outcome = finish(start(*words, bundle=bundle))
    assert outcome.code == 0
    *frames, last = lines_of(outcome.out)
    assert len(frames) == last["report"]["frames"]["read"] > 0
    assert outcome.err == ""


def test_report_is_a_file_only(program: Program, night: Path, tmp_path: Path) -> None:
    outcome = program(night, "--out", tmp_path / "o.mp4", "--report", "-")
    assert outcome.code == 2
    assert "--report -: only JSON lines go to the standard output" in outcome.error_line


def test_reader_that_has_gone_does_not_cost_the_video(
    bundle: Path, night: Path, tmp_path: Path
) -> None:
    out = tmp_path / "o.mp4"
    process = start(night, "--out", out, "--json", "-", bundle=bundle)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    errors = process.stderr.read()
    assert process.wait(60) == 5
    assert "cannot write the standard output: Broken pipe" in errors
    assert out.exists()


def run_into_full(*words: object, bundle: Path, unbuffered: str = "") -> "Any":
    with Path("/dev/full").open("w") as full:
        return subprocess.run(
            [sys.executable, "-m", "losszero_rt", *map(str, words)],
            cwd=ROOT,
            env={
                "LOSSZERO_CACHE": os.environ["LOSSZERO_CACHE"],
                "LOSSZERO_MODEL": str(bundle),
                "PYTHONUNBUFFERED": unbuffered,
                "PATH": "",
            },
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )


@needs_full
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_full_standard_output_is_said_once_and_costs_no_file(
    bundle: Path, night: Path, tmp_path: Path, unbuffered: str
) -> None:
    out = tmp_path / "o.mp4"
    done = run_into_full(night, "--out", out, bundle=bundle, unbuffered=unbuffered)
    assert done.returncode == 5
    (line,) = done.stderr.splitlines()
    assert "the standard output cannot be written: No space left on device" in line
    assert out.exists()


@needs_full
@pytest.mark.parametrize("words", [("--help",), ("--version",), ("run", "--show-config")])
def test_full_standard_output_is_no_internal_error(bundle: Path, words: tuple[str, ...]) -> None:
    done = run_into_full(*words, bundle=bundle)
    assert done.returncode == 5
    assert "the standard output cannot be written" in done.stderr


@needs_full
def test_frames_that_reach_nobody_are_not_shown(bundle: Path, night: Path, tmp_path: Path) -> None:
    report = tmp_path / "r.json"
    done = run_into_full(night, "--json", "-", "--report", report, "-q", bundle=bundle)
    assert done.returncode == 5
    facts = json.loads(report.read_text())
    assert facts["frames"]["shown"] == 0
    assert facts["frames"]["dropped_by_reason"] == {"unsaved": facts["frames"]["read"]}
    assert facts["failures"] == ["cannot write the standard output: No space left on device"]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that takes no files")
def test_output_where_nothing_can_be_written_is_not_said_to_be_kept(
    program: Program, night: Path
) -> None:
    outcome = program(night, "--out", "/proc/x.mp4")
    assert outcome.code == 5
    assert "/proc/x.mp4 cannot be written" in outcome.error_line
    assert "kept" not in outcome.error_line
