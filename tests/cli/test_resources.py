"""Nothing is left open, nothing grows, and what cannot be written is said and kept."""

import gc
import os
import resource
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from losszero_rt.video import probe
from losszero_rt.video.output_path import part_of
from tests.cli.program import Program, finish, read_json, read_picture, start
from tests.media import draw_index, read_clip, read_index, write_clip

NUM_RUNS = 30
NUM_LONG = 5000


def counts() -> tuple[int, int, int]:
    """Open files, threads of Python, threads of the system."""
    gc.collect()
    own = Path("/proc/self")
    return (
        len(list((own / "fd").iterdir())),
        threading.active_count(),
        len(list((own / "task").iterdir())),
    )


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts what Linux shows")
def test_many_runs_leave_no_file_and_no_thread_behind(program: Program, tmp_path: Path) -> None:
    good = write_clip(tmp_path / "good.mp4", size=(64, 96), num_frames=4, audio="aac")
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"nothing")
    words = ("--force", "--out", tmp_path / "o.mp4", "--json", tmp_path / "l", "-q")
    for _ in range(3):  # libraries open what they keep
        program.done(good, *words)
    before = counts()
    for number in range(NUM_RUNS):
        if number % 5:
            program.done(good, *words)
        else:
            assert program(bad, *words).code == 3
    after = counts()
    deadline = time.monotonic() + 5
    while after > before and time.monotonic() < deadline:
        time.sleep(0.05)
        after = counts()
    assert after <= before


@contextmanager
def files_of_at_most(num_bytes: int) -> Iterator[None]:
    """Let no file grow beyond a size: what a full disk does, without filling one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def noisy(path: Path, *, num_frames: int = 90) -> Path:
    """A numbered clip that does not compress well."""
    rng = np.random.default_rng(0)

    def draw(index: int) -> np.ndarray:
        grain = rng.integers(-20, 20, (96, 192))
        luma: np.ndarray = (draw_index(index, size=(96, 192)) + grain).astype(np.uint8)
        return luma

    return write_clip(path, size=(96, 192), num_frames=num_frames, draw=draw)


def test_full_disk_keeps_what_plays_and_ends_with_5(program: Program, tmp_path: Path) -> None:
    clip, out = noisy(tmp_path / "c.mp4", num_frames=150), tmp_path / "o.mp4"
    with files_of_at_most(500_000):
        outcome = program(clip, "--out", out, "--crf", 1, "--alpha", 0, "--no-hud", "--no-legend")
    assert outcome.code == 5
    assert "o.mp4.part cannot be written" in outcome.error_line
    assert not out.exists()
    numbers = [read_index(frame.planes) for frame in read_clip(part_of(out))[1]]
    assert len(numbers) >= 30
    assert numbers == list(range(len(numbers)))


def test_full_disk_at_the_very_end_is_no_traceback(program: Program, tmp_path: Path) -> None:
    clip, out = noisy(tmp_path / "c.mp4"), tmp_path / "o.mp4"
    program.done(clip, "--out", out, "--no-hud")
    whole = out.stat().st_size
    out.unlink()
    with files_of_at_most(whole - 300):
        outcome = program(clip, "--out", out, "--no-hud")
    assert outcome.code == 5
    assert outcome.error_line
    assert not out.exists()
    assert probe(part_of(out)).frames >= 60


@pytest.mark.parametrize("option", ["--json", "--masks"])
def test_failing_side_output_does_not_cost_the_video(
    program: Program, tmp_path: Path, option: str
) -> None:
    clip, out, report = noisy(tmp_path / "c.mp4"), tmp_path / "o.mp4", tmp_path / "r.json"
    side = tmp_path / "side"
    if option == "--masks":
        (side / "000007.png").mkdir(parents=True)  # a file cannot have that name
        outcome = program(clip, "--out", out, option, side, "--report", report, "--force")
    else:
        plain = write_clip(tmp_path / "plain.mp4", size=(96, 192), num_frames=90)
        with files_of_at_most(30_000):  # room for the video, not for its lines
            outcome = program(plain, "--out", out, option, side, "--report", report)
    assert outcome.code == 5
    assert "cannot write" in outcome.error_line
    assert probe(out).frames == 90
    facts = read_json(report)
    assert facts["exit_code"] == 5
    assert facts["frames"]["shown"] == 90
    assert not (option == "--json" and side.exists()), "half a file keeps its .part name"


def test_masks_that_cannot_be_saved_are_not_shown(program: Program, tmp_path: Path) -> None:
    clip, report, side = noisy(tmp_path / "c.mp4"), tmp_path / "r.json", tmp_path / "side"
    (side / "000007.png").mkdir(parents=True)  # a file cannot have that name
    outcome = program(clip, "--masks", side, "--report", report, "--force")
    assert outcome.code == 5
    facts = read_json(report)
    frames = facts["frames"]
    assert frames["shown"] == 7
    assert frames["dropped_by_reason"] == {"unsaved": frames["read"] - 7}
    assert frames["read"] < 90, "nothing is computed for nobody"
    assert f"cannot write {side / '000007.png'}" in facts["failures"][0]
    assert facts["sources"][0]["error"] == facts["failures"][0]
    saved = sorted(path.name for path in side.iterdir() if path.is_file())
    assert saved == [f"{number:06d}.png" for number in range(7)]


def test_mask_that_does_not_fit_on_the_disk_is_absent_rather_than_cut(
    program: Program, tmp_path: Path
) -> None:
    clip, side = noisy(tmp_path / "c.mp4", num_frames=3), tmp_path / "side"
    program.done(clip, "--masks", side, "-q")
    smallest = min(path.stat().st_size for path in side.iterdir())
    with files_of_at_most(smallest - 10):
        outcome = program(clip, "--masks", side, "--force", "-q")
    assert outcome.code == 5
    assert "cannot write" in outcome.error_line
    assert sorted(path.name for path in side.iterdir()) == [f"{n:06d}.png" for n in range(3)]
    assert all(read_picture(path).shape == (96, 192) for path in side.iterdir())


def test_video_that_cannot_be_finished_is_in_the_report(program: Program, tmp_path: Path) -> None:
    clip, out, report = noisy(tmp_path / "c.mp4"), tmp_path / "o.mp4", tmp_path / "r.json"
    with files_of_at_most(100_000):
        outcome = program(clip, "--out", out, "--crf", 1, "--no-hud", "--report", report)
    assert outcome.code == 5
    facts = read_json(report)
    assert (facts["exit_code"], facts["output"]) == (5, None)
    assert "o.mp4.part cannot be written" in facts["sources"][0]["error"]
    assert facts["frames"]["shown"] < 90


def test_output_that_is_not_what_was_written_is_no_output(
    program: Program, night: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from av.container import OutputContainer

    from losszero_rt.video import muxing

    class Forgetful:
        """Loses one packet on the way."""

        def __init__(self, container: OutputContainer) -> None:
            self._container = container
            self._count = 0

        def __getattr__(self, name: str) -> object:
            return getattr(self._container, name)

        def mux_one(self, packet: object) -> None:
            self._count += 1
            if self._count != 20:
                self._container.mux_one(packet)  # type: ignore[arg-type]

    real = muxing.open_output
    forgetful = lambda *a, **k: Forgetful(real(*a, **k))  # noqa: E731
    monkeypatch.setattr("losszero_rt.video.sink.open_output", forgetful)
    outcome = program(night, "--out", tmp_path / "o.mp4", "--no-audio")
    assert outcome.code == 5
    assert "39 frames, 40 were written" in outcome.error_line
    assert not (tmp_path / "o.mp4").exists()


def test_failed_source_among_others_adds_up(program: Program, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.mp4", "b.mp4"):
        noisy(tmp_path / "in" / name, num_frames=150 if name == "a.mp4" else 10)
    report = tmp_path / "r.json"
    with files_of_at_most(500_000):
        outcome = program(
            tmp_path / "in", "--out", tmp_path / "out", "--crf", 1, "--report", report
        )
    assert outcome.code == 6
    facts = read_json(report)
    frames = facts["frames"]
    assert frames["shown"] + frames["dropped"] == frames["read"]
    assert frames["dropped_by_reason"].get("aborted", 0) > 0
    assert facts["sources"][0]["error"]
    assert facts["sources"][1]["output"]["frames"] == 10, "the engine went on working"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_memory_does_not_grow_over_five_thousand_frames(bundle: Path, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "c.mp4", size=(360, 640), num_frames=NUM_LONG, audio="aac")
    process = start(clip, "--out", tmp_path / "o.mp4", "--json", tmp_path / "l", bundle=bundle)
    lines = tmp_path / "l.part"
    page = os.sysconf("SC_PAGE_SIZE") / 2**20
    taken: dict[int, float] = {}
    while process.poll() is None:
        time.sleep(0.2)
        if lines.exists():
            statm = Path(f"/proc/{process.pid}/statm").read_text().split()
            if len(statm) > 1:
                taken[lines.read_bytes().count(b"\n")] = int(statm[1]) * page
    assert finish(process).code == 0
    early = max(mib for count, mib in taken.items() if 500 <= count < 1500)
    late = max(mib for count, mib in taken.items() if count >= NUM_LONG - 1000)
    assert late < 1.02 * early
