"""Two runs on one output, and what a killed run left: tested on real processes."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from losszero_rt.video import part_of, probe
from tests.cli.program import Program, finish, read_json, read_lines, start, wait_until
from tests.media import read_clip, read_index, write_clip

pytestmark = pytest.mark.slow

CAMERA = "lavfi:testsrc2=size=192x96:rate=60"
LIMIT_S = 60.0
PLAIN = ("--alpha", "0", "--no-legend", "--no-hud")


@pytest.fixture(scope="module")
def ride(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A numbered clip that takes a while; only to be read."""
    folder = tmp_path_factory.mktemp("long")
    return write_clip(folder / "ride.mp4", size=(96, 192), num_frames=2000)


def has_written(path: Path, num_bytes: int = 50_000) -> Callable[[], bool]:
    part = part_of(path)
    return lambda: part.exists() and part.stat().st_size > num_bytes


@contextmanager
def paused(
    *words: object, until: Callable[[], bool], bundle: Path
) -> "Iterator[subprocess.Popen[str]]":
    """Start a run, and have it stand still in the middle while the body runs."""
    process = start(*words, bundle=bundle)
    try:
        wait_until(until, process=process)
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.communicate(timeout=LIMIT_S)


def shown(path: Path) -> list[int]:
    return [read_index(frame.planes) for frame in read_clip(path)[1]]


@pytest.mark.parametrize("option", [(), ("--force",), ("--resume",)])
def test_second_run_on_an_output_is_refused_and_the_first_goes_on(
    program: Program, bundle: Path, ride: Path, tmp_path: Path, option: tuple[str, ...]
) -> None:
    out = tmp_path / "o.mp4"
    words = (ride, "--out", out, "--preset", "medium", *PLAIN)
    with paused(*words, until=has_written(out, 20_000), bundle=bundle) as first:
        outcome = program(ride, "--out", out, *PLAIN, *option)
        assert outcome.code == 5
        for beat in (f"{out} is being written by another run", "one run at a time", "wait until"):
            assert beat in outcome.error_line
        first.send_signal(signal.SIGCONT)
        assert finish(first).code == 0
    assert shown(out) == list(range(2000))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["o.mp4"]


@pytest.mark.parametrize("option", ["--record", "--segment-minutes"])
@pytest.mark.parametrize("force", [(), ("--force",)])
def test_second_recording_is_refused_and_the_first_plays(
    program: Program, bundle: Path, tmp_path: Path, option: str, force: tuple[str, ...]
) -> None:
    out = tmp_path / "o.mp4"
    words: tuple[object, ...] = ("live", CAMERA, "--record", out)
    until = has_written(out)
    if option == "--segment-minutes":
        words += (option, str(1 / 60))
        until = (tmp_path / "o-000.mp4").exists
    with paused(*words, until=until, bundle=bundle) as first:
        before = {path: path.stat().st_size for path in tmp_path.iterdir()}
        outcome = program(*words, "--duration", "1", *force)
        assert outcome.code == 5, outcome.err
        assert {path: path.stat().st_size for path in tmp_path.iterdir()} == before
        first.send_signal(signal.SIGCONT)
        first.send_signal(signal.SIGTERM)
        assert finish(first).code == 143
    recorded = sorted(tmp_path.glob("o*.mp4"))
    assert recorded
    assert all(probe(path).frames for path in recorded)
    assert not [path for path in tmp_path.iterdir() if path.suffix != ".mp4"]


@pytest.mark.parametrize("option", ["--json", "--masks", "--report"])
def test_second_run_on_a_side_output_is_refused(
    program: Program, bundle: Path, ride: Path, tmp_path: Path, option: str
) -> None:
    side, out = tmp_path / "side", tmp_path / "first.mp4"
    words = (ride, "--out", out, "--preset", "medium", *PLAIN)
    with paused(*words, option, side, until=has_written(out, 20_000), bundle=bundle):
        other = tmp_path / "second.mp4"
        outcome = program(ride, "--out", other, option, side, "--force")
        assert outcome.code == 5
        assert "is being written by another run" in outcome.error_line
        assert not other.exists()


def test_killed_run_keeps_nobody_away(program: Program, bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "o.mp4"
    with paused("live", CAMERA, "--record", out, until=has_written(out), bundle=bundle) as first:
        first.kill()
        first.wait()
        program.done("live", CAMERA, "--record", out, "--duration", "1", "--force")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["o.mp4"]


def test_killed_recording_is_kept_when_its_command_is_given_again(
    program: Program, bundle: Path, tmp_path: Path
) -> None:
    out, lines, report = tmp_path / "o.mp4", tmp_path / "l.jsonl", tmp_path / "r.json"
    words = ("live", CAMERA, "--record", out, "--json", lines)
    kept = []
    for number in (1, 2):
        moved = [tmp_path / f"o-{earlier}.mp4" for earlier in range(1, number)]

        def until(moved: list[Path] = moved) -> bool:
            return all(path.exists() for path in moved) and has_written(out)()

        with paused(*words, until=until, bundle=bundle) as first:
            first.kill()
            first.wait()
        kept.append(part_of(out).read_bytes())
    outcome = program.done(*words, "--duration", "1", "--report", report)
    assert [(tmp_path / f"o-{number}.mp4").read_bytes() for number in (1, 2)] == kept
    assert all(probe(tmp_path / f"o-{number}.mp4").frames for number in (1, 2))
    assert read_lines(tmp_path / "l-2.jsonl")[0]["fate"]
    said = f"{part_of(out)} of an interrupted run is kept as {tmp_path / 'o-2.mp4'}, and plays"
    assert said in outcome.err.splitlines()
    assert said in read_json(report)["sources"][0]["warnings"]
    assert probe(out).frames == read_json(report)["frames"]["shown"]


def test_killed_run_is_not_replaced_unless_that_is_asked_for(
    program: Program, bundle: Path, ride: Path, tmp_path: Path
) -> None:
    out = tmp_path / "o.mp4"
    words = (ride, "--out", out, *PLAIN)
    with paused(*words, until=has_written(out, 20_000), bundle=bundle) as first:
        first.kill()
        first.wait()
    before = part_of(out).read_bytes()
    outcome = program(*words)
    assert outcome.code == 5
    for beat in (f"{part_of(out)} holds pictures", "--resume, which", "--force, which"):
        assert beat in outcome.error_line
    assert part_of(out).read_bytes() == before
    again = program.done(*words, "--duration", "1", "--force")
    assert f"{part_of(out)} of an interrupted run is replaced, because of --force" in again.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["o.mp4"]


def test_lines_of_a_killed_run_are_kept_when_its_command_is_given_again(
    program: Program, bundle: Path, ride: Path, tmp_path: Path
) -> None:
    lines = tmp_path / "lines.jsonl"
    left = part_of(lines)
    left.write_text('{"index": 0}\n')
    outcome = program(ride, "--json", lines, "--duration", "0.2")
    assert outcome.code == 0
    assert (tmp_path / "lines-1.jsonl").read_text() == '{"index": 0}\n'
    assert "of an interrupted run is kept as" in outcome.err
    assert "report" in read_lines(lines)[-1]
