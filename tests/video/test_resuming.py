"""Going on with an interrupted output: packets that are whole are copied, in the right places."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from losszero_rt.errors import OutputError
from losszero_rt.frame import Cargo, Frame, LostFrame
from losszero_rt.video import EncodeOptions, VideoSink, VideoSource, part_of, probe
from losszero_rt.video.resuming import KeptPart, parameter_sets
from tests.media import frames_of, packets_of, put, read_clip, read_index, write_clip
from tests.video.test_key_frames import key_times

GOP = 10
OPTIONS = EncodeOptions(gop=GOP, crf=10)


PTS = [3000 + index * 3000 + (index % 7) * 300 for index in range(60)]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Sixty numbered frames at irregular times from a late start, with sound."""
    path = tmp_path / "source.mp4"
    return write_clip(path, pts=PTS, time_base=Fraction(1, 90_000), audio="aac")


def write_until(source: Path, out: Path, *, stop_at: int, **options: Any) -> None:
    """Write an output that breaks off at a frame, as after an error."""
    with_source = VideoSource(source)
    sink = VideoSink(
        out, info=with_source.info, audio_from=with_source, **{"options": OPTIONS, **options}
    )
    feed(sink, with_source, stop_at=stop_at)
    sink.abort()
    with_source.close()


def feed(sink: VideoSink, source: VideoSource, *, stop_at: int | None = None) -> list[int]:
    """Send a source through a sink; return the frames that were encoded."""
    made = []
    for item in sink.go_on(source):
        if isinstance(item, Cargo):
            sink.copy(item)
        elif isinstance(item, Frame):
            if item.index == stop_at:
                break
            made.append(item.index)
            put(sink, item)
    return made


def go_on(source: Path, out: Path, **options: Any) -> list[int]:
    """Go on with an output to its end; return the frames that were encoded."""
    opened = VideoSource(source)
    try:
        sink = VideoSink(
            out,
            info=opened.info,
            audio_from=opened,
            resume=True,
            **{"options": OPTIONS, **options},
        )
        made = feed(sink, opened)
        sink.close()
        return made
    finally:
        opened.close()


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
def test_output_is_whole_and_kept_packets_are_the_same(
    source: Path, tmp_path: Path, suffix: str
) -> None:
    out = tmp_path / f"o{suffix}"
    write_until(source, out, stop_at=37)
    left = packets_of(part_of(out), "video")
    made = go_on(source, out)
    kept = 60 - len(made)
    assert kept == 30, "the group of pictures that may be incomplete is made again"
    assert made == list(range(kept, 60))
    assert [read_index(frame.planes) for frame in read_clip(out)[1]] == list(range(60))
    found = packets_of(out, "video")
    assert [p[2] for p in found[:kept]] == [p[2] for p in left[:kept]]
    heard = [packets_of(path)[-1][1] for path in (source, out)]
    assert abs(heard[0] - heard[1]) < Fraction(1, 10), "the sound goes on to its end"
    if suffix in (".mp4", ".mov"):
        assert list(probe(out).pts) == list(probe(source).pts)
    assert not list(tmp_path.glob("o.*.part*"))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_groups_of_a_second_are_kept_whole_at_low_rates(tmp_path: Path, suffix: str) -> None:
    slow = write_clip(tmp_path / "slow.mp4", num_frames=40, rate=Fraction(5))
    out, whole = tmp_path / f"o{suffix}", tmp_path / f"whole{suffix}"
    options = {"options": EncodeOptions(crf=10)}
    write_until(slow, out, stop_at=23, **options)
    assert go_on(slow, out, **options) == list(range(20, 40))
    go_on(slow, whole, **options)
    times = [[time for _, time, _ in packets_of(path, "video")] for path in (out, whole)]
    assert times[0] == times[1]
    assert key_times(out) == key_times(whole) == times[0][::5], "as if nothing had happened"
    assert [read_index(frame.planes) for frame in read_clip(out)[1]] == list(range(40))


def test_interrupted_twice(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "o.mp4"
    write_until(source, out, stop_at=25)
    write_until(source, out, stop_at=45, resume=True)
    assert {path.name for path in tmp_path.glob("o.*")} == {"o.mp4.part", "o.mp4.part.resumed"}
    assert go_on(source, out) == list(range(40, 60)), "the attempt that came further is kept"
    assert [read_index(frame.planes) for frame in read_clip(out)[1]] == list(range(60))


def test_second_attempt_that_came_less_far_does_not_lose_the_first(
    source: Path, tmp_path: Path
) -> None:
    out = tmp_path / "o.mp4"
    write_until(source, out, stop_at=45)
    first = part_of(out).read_bytes()
    part_of(out).rename(tmp_path / "o.mp4.part.resumed")
    write_until(source, out, stop_at=15)
    assert part_of(out).read_bytes() != first
    assert go_on(source, out) == list(range(40, 60))


def test_damaged_end_is_not_kept(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "o.mkv"
    write_until(source, out, stop_at=55)
    part = part_of(out)
    part.write_bytes(part.read_bytes()[: part.stat().st_size // 2])
    made = go_on(source, out)
    assert 0 < 60 - len(made) < 50
    assert [read_index(frame.planes) for frame in read_clip(out)[1]] == list(range(60))


@pytest.mark.parametrize("content", [None, b"", b"nothing that plays", "one group"])
def test_nothing_whole_means_a_fresh_start(
    source: Path, tmp_path: Path, content: bytes | str | None
) -> None:
    out = tmp_path / "o.mp4"
    if content == "one group":
        write_until(source, out, stop_at=5)
    elif isinstance(content, bytes):
        part_of(out).write_bytes(content)
    assert go_on(source, out) == list(range(60))
    assert probe(out).frames == 60


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"size": (96, 384)}, "asked for is h264 384x96"),
        ({"options": EncodeOptions(gop=GOP, preset="medium")}, "the encoder's settings differ"),
    ],
)
def test_other_settings_are_refused_and_the_part_is_left_alone(
    source: Path, tmp_path: Path, options: dict[str, Any], words: str
) -> None:
    out = tmp_path / "o.mp4"
    write_until(source, out, stop_at=37)
    before = part_of(out).read_bytes()
    with pytest.raises(OutputError, match=words) as error:
        go_on(source, out, **options)
    assert "--force" in str(error.value)
    assert part_of(out).read_bytes() == before
    assert not out.exists()


def test_other_codec_is_refused(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "o.mkv"
    write_until(source, out, stop_at=37)
    with pytest.raises(OutputError, match="asked for is vp9"):
        go_on(source, out, options=EncodeOptions(gop=GOP, codec="libvpx-vp9"))


def test_other_source_is_refused(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "o.mp4"
    write_until(source, out, stop_at=37)
    pts = [time + 100 * (index == 17) for index, time in enumerate(PTS)]
    other = write_clip(tmp_path / "other.mp4", pts=pts, time_base=Fraction(1, 90_000))
    with pytest.raises(OutputError, match="where the source has none"):
        go_on(other, out)


def test_source_that_is_shorter_than_what_is_kept_is_refused(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "o.mp4"
    write_until(source, out, stop_at=37)
    kept = KeptPart.find(out)
    assert kept is not None
    frames = read_clip(source)[1][:10]
    with pytest.raises(OutputError, match="fewer frames"):
        list(kept.replay(frames, shift=0))


def test_losses_before_the_end_of_what_is_kept_are_not_told_again(
    source: Path, tmp_path: Path
) -> None:
    out = tmp_path / "o.mp4"
    write_until(source, out, stop_at=37)
    kept = KeptPart.find(out)
    assert kept is not None
    lost = [LostFrame(index=n, pts=None, fate="dropped", reason="stride") for n in (1, 99)]
    frames = read_clip(source)[1]
    items = list(kept.replay([lost[0], *frames, lost[1]], shift=0))
    assert sum(isinstance(item, Cargo) for item in items) == kept.num_frames == 30
    assert [item for item in items if isinstance(item, LostFrame)] == [lost[1]]


def test_parameter_sets_are_found_in_both_wrappings() -> None:
    sequence, picture = b"\x67\x42\x00\x0a", b"\x68\xce\x06"
    plain = b"\0\0\0\1" + sequence + b"\0\0\1" + picture + b"\0\0\1\x06note"
    packed = b"\1\x42\0\x0a\xff\xe1\0\4" + sequence + b"\1\0\3" + picture
    assert parameter_sets(plain) == parameter_sets(packed) == {sequence, picture}
    assert parameter_sets(b"") == frozenset()


@pytest.mark.parametrize("num_taken", [0, 1, 29])
@pytest.mark.parametrize("end", ["abort", "close"])
def test_run_that_ends_before_the_end_of_what_is_kept_leaves_it_whole(
    source: Path, tmp_path: Path, num_taken: int, end: str
) -> None:
    out = tmp_path / "o.mp4"
    write_until(source, out, stop_at=37)
    before = part_of(out).read_bytes()
    opened = VideoSource(source)
    sink = VideoSink(out, info=opened.info, audio_from=opened, options=OPTIONS, resume=True)
    items = (item for item in sink.go_on(frames_of(opened)) if isinstance(item, Cargo))
    for _ in range(num_taken):
        sink.copy(next(items))
    assert sink.num_left == 30 - num_taken
    if end == "abort":
        sink.abort()
    else:
        with pytest.raises(OutputError, match="was not all taken over"):
            sink.close()
    opened.close()
    assert [path.name for path in tmp_path.glob("o.*")] == ["o.mp4.part"]
    assert part_of(out).read_bytes() == before
    assert go_on(source, out) == list(range(30, 60))
