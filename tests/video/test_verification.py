"""What is read back from a finished file: a tail that was changed is seen, a healthy one is not."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from losszero_rt.errors import OutputError
from losszero_rt.video import VideoSink, VideoSource
from losszero_rt.video.verification import WrittenTimes, verify
from tests.media import copy_clip, frames_of, put, read_clip, write_clip

UNIT = Fraction(1, 90_000)
CONTAINERS = ["mp4", "mov", "mkv", "webm"]


def write_durations(path: Path, pts: list[int], durations: list[int]) -> WrittenTimes:
    """Write a file whose frames state durations; return what was handed to its muxer."""
    clip = write_clip(path.with_name("in.mp4"), pts=pts, time_base=UNIT)
    source = VideoSource(clip)
    assert source.info.time_base == UNIT
    sink, written = VideoSink(path, info=source.info), WrittenTimes()
    for frame, duration in zip(frames_of(source), durations, strict=True):
        put(sink, replace(frame, duration=duration))
        written.add(frame.pts, duration=duration)
    sink.close()
    source.close()
    return written


@pytest.mark.parametrize("suffix", CONTAINERS)
@pytest.mark.parametrize(
    "durations",
    [
        [3000, 6000, 500, 45],
        [3000, 6000, 500, 70_007],
        [3000, 200_000, 500, 3000],
        [3000, 0, 500, 3000],
        [3000, 6000, 500, 0],
    ],
    ids=["short-tail", "long-tail", "overlong-inside", "unknown-inside", "unknown-tail"],
)
def test_any_duration_that_a_source_states_is_accepted(
    tmp_path: Path, suffix: str, durations: list[int]
) -> None:
    path = tmp_path / f"out.{suffix}"
    write_durations(path, [30, 3030, 9030, 9530], durations)
    assert path.exists()


@pytest.mark.parametrize("suffix", CONTAINERS)
@pytest.mark.parametrize("audio_s", [0.3, 4.0])
def test_length_of_the_sound_does_not_matter(tmp_path: Path, suffix: str, audio_s: float) -> None:
    clip = write_clip(tmp_path / "in.mkv", num_frames=30, audio="aac", audio_s=audio_s)
    source = VideoSource(clip)
    report = copy_clip(source, tmp_path / f"out.{suffix}")
    source.close()
    assert report.duration_s == pytest.approx(1.0, abs=0.01)


def test_changed_tail_of_mp4_is_found(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    written = write_durations(path, [0, 3000, 9000, 9500], [3000, 6000, 500, 7000])
    assert read_clip(path)[1][-1].duration == 7000
    verify(path, written=written, time_base=UNIT, exact=True)
    data = bytearray(path.read_bytes())
    table = data.rindex(b"stts")
    last = table + 12 + 8 * int.from_bytes(data[table + 8 : table + 12], "big") - 4
    assert int.from_bytes(data[last : last + 4], "big") == 7000
    data[last : last + 4] = (6000).to_bytes(4, "big")
    path.write_bytes(data)
    with pytest.raises(OutputError, match=r"lasts 0\.172222 s, 0\.183333 s were written"):
        verify(path, written=written, time_base=UNIT, exact=True)


@pytest.mark.parametrize(("suffix", "exact"), [("mp4", True), ("mkv", False)])
def test_constant_shift_is_found(tmp_path: Path, suffix: str, exact: bool) -> None:
    path = tmp_path / f"out.{suffix}"
    write_durations(path, [0, 9000, 18_000], [9000, 9000, 9000])
    asked = WrittenTimes()
    for pts in (-1890, 7110, 16_110):  # 21 ms, as the priming of AAC makes
        asked.add(pts, duration=9000)
    with pytest.raises(OutputError, match=r"frame 0 lies at 0\.000000 s, written at -0\.021000 s"):
        verify(path, written=asked, time_base=UNIT, exact=exact)


def test_changed_tail_of_matroska_is_found(tmp_path: Path) -> None:
    path = tmp_path / "out.mkv"
    written = write_durations(path, [0, 9000, 18_000], [9000, 9000, 9000])
    verify(path, written=written, time_base=UNIT, exact=False)
    data = path.read_bytes()
    assert data.count(b"00:00:00.300") == 1
    path.write_bytes(data.replace(b"00:00:00.300", b"00:00:00.290"))
    with pytest.raises(OutputError, match=r"lasts 0\.290000 s, 0\.300000 s were written"):
        verify(path, written=written, time_base=UNIT, exact=False)
