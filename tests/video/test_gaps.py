"""Frames that a damaged file skips: told by the times of a constant rate, and by nothing else."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import pytest

from losszero_rt.video.gaps import Gaps
from tests.media import read_clip, write_clip

MS = Fraction(1, 1000)


def gaps_of(times_ms: Iterable[int | None], *, rate: Fraction | None = Fraction(30)) -> Gaps:
    """See the times; None is a frame that was lost."""
    gaps = Gaps(time_base=MS, rate=rate)
    for time_ms in times_ms:
        if time_ms is None:
            gaps.lose()
        else:
            gaps.see(time_ms)
    return gaps


def steady(*indices: int) -> list[int]:
    """Times at thirty a second, rounded as Matroska does."""
    return [round(index * 1000 / 30) for index in indices]


def test_constant_rate_has_no_gap() -> None:
    assert gaps_of(steady(*range(300))).num_gone == 0


def test_what_is_missing_is_counted_with_its_place() -> None:
    gaps = gaps_of(steady(*range(60), *range(85, 120), *range(121, 300)))
    assert gaps.num_gone == 26
    assert str(gaps) == "26 frames are missing in between: 25 at 2.0 s, 1 at 4.0 s"


def test_what_was_lost_otherwise_is_not_counted_again() -> None:
    lost = [None] * 10
    gaps = gaps_of([*steady(*range(60)), *lost, *steady(*range(85, 300))])
    assert gaps.num_gone == 15


@pytest.mark.parametrize(
    "times_ms",
    [
        # A night camera that exposes for two frames, then for one; one whose rate drifts; a
        # recording of one frame in two or three.
        [*steady(*range(0, 100, 2)), *steady(*range(100, 200))],
        [round(index * 33 + index**2 / 20) for index in range(300)],
        steady(*(index for index in range(300) if index % 5 not in (1, 2))),
    ],
    ids=["exposure", "drift", "recorded"],
)
def test_rate_that_is_not_constant_has_no_gaps(times_ms: list[int]) -> None:
    assert gaps_of(times_ms).num_gone == 0


def test_without_a_rate_nothing_is_missing() -> None:
    assert gaps_of(steady(*range(60), *range(85, 300)), rate=None).num_gone == 0


def damaged(path: Path) -> Path:
    """Overwrite a tenth of a file, from the middle on."""
    data = bytearray(path.read_bytes())
    middle, length = len(data) // 2, len(data) // 10
    data[middle : middle + length] = b"\x55" * length
    path.write_bytes(bytes(data))
    return path


def test_every_frame_of_a_damaged_file_is_accounted_for(tmp_path: Path) -> None:
    options = {"preset": "ultrafast", "g": "10", "bf": "0"}
    path = write_clip(tmp_path / "a.mkv", size=(96, 192), num_frames=200, options=options)
    source, frames, lost = read_clip(damaged(path))
    num_gone = source.reach.num_gone
    assert num_gone > 0
    assert len(frames) + len(lost) + num_gone == 200
    assert source.incomplete is not None
    assert source.incomplete.startswith(f"{num_gone} frames are missing in between: ")
    assert source.incomplete in source.warnings


def test_gap_of_a_sound_file_is_its_own(tmp_path: Path) -> None:
    pts = [index for index in range(120) if not 40 <= index < 70]
    source, frames, _ = read_clip(write_clip(tmp_path / "a.mkv", pts=pts))
    assert len(frames) == 90
    assert (source.incomplete, source.warnings) == (None, [])
