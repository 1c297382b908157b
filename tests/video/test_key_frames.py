"""A crash costs a second of pictures at any rate: that is how far key frames lie apart."""

from fractions import Fraction
from pathlib import Path

import av
import pytest

from losszero_rt.video import VideoSource, part_of
from losszero_rt.video.key_frames import KeyFrames
from tests.media import copy_clip, read_clip, write_clip
from tests.video.test_sink_crash import kill_while_writing

MS = Fraction(1, 1000)
# A camera that slows down at night, stands still, and comes back.
IRREGULAR = [0, 33, 67, 100, 500, 900, 1300, 1700, 2700, 7700, 7733, 7767, 8300, 8833, 9366, 9900]


def key_times(path: Path) -> list[Fraction]:
    """Times of the key frames, seconds."""
    with av.open(str(path)) as container:
        return [
            packet.pts * packet.time_base
            for packet in container.demux(container.streams.video[0])
            if packet.pts is not None and packet.is_keyframe
        ]


def groups(pts: list[int], *, unit: Fraction) -> list[list[int]]:
    """Divide times into groups as an encoder would that does what it is asked."""
    keys, found = KeyFrames(time_base=unit), []
    for time in pts:
        if keys.wanted(time):
            keys.see(time)
            found.append([time])
        else:
            found[-1].append(time)
    return found


@pytest.mark.parametrize(
    ("rate", "length"),
    [
        (Fraction(1, 3), 1), (Fraction(1), 1), (Fraction(3, 2), 1), (Fraction(2), 2),
        (Fraction(15), 15), (Fraction(24000, 1001), 24), (Fraction(30000, 1001), 30),
        (Fraction(60), 60),
    ],
)  # fmt: skip
def test_group_lasts_a_second_at_most(rate: Fraction, length: int) -> None:
    found = groups(list(range(200)), unit=1 / rate)
    assert {len(group) for group in found[:-1]} == {length}


def test_irregular_times_have_no_longer_groups() -> None:
    found = groups(IRREGULAR, unit=MS)
    assert [time for group in found for time in group] == IRREGULAR
    assert all(group[-1] - group[0] < 1000 for group in found)
    assert [2700] in found
    assert 7700 in [group[0] for group in found], "where the signal comes back"


def test_key_frame_of_the_encoder_itself_begins_a_group() -> None:
    keys = KeyFrames(time_base=MS)
    assert keys.wanted(0)
    keys.see(0)
    assert not keys.wanted(400)
    keys.see(400)
    assert not keys.wanted(800)
    assert not keys.wanted(1000)
    assert keys.wanted(1400)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "webm"])
def test_encoders_put_key_frames_where_they_are_asked_to(tmp_path: Path, suffix: str) -> None:
    clip = write_clip(tmp_path / "in.mp4", pts=IRREGULAR, time_base=MS)
    source = VideoSource(clip)
    copy_clip(source, tmp_path / f"o.{suffix}")
    source.close()
    wanted = [group[0] * MS for group in groups(IRREGULAR, unit=MS)]
    assert key_times(tmp_path / f"o.{suffix}") == wanted


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "webm"])
@pytest.mark.parametrize("rate", [2, 15])
def test_killed_writer_loses_a_second_at_low_rates_too(
    tmp_path: Path, suffix: str, rate: int
) -> None:
    num_written = 6 * rate + 1
    clip = write_clip(tmp_path / "in.mp4", num_frames=8 * rate, rate=Fraction(rate))
    out = tmp_path / f"o.{suffix}"
    kill_while_writing(clip, out, after=num_written)
    frames = read_clip(part_of(out))[1]
    assert num_written - rate <= len(frames) <= num_written


def test_an_encoder_that_hands_packets_out_late_is_not_asked_twice() -> None:
    keys = KeyFrames(time_base=Fraction(1, 30))
    assert [time for time in range(61) if keys.wanted(time)] == [0, 30, 60]
