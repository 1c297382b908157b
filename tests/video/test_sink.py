from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest

from losszero_rt.frame import Frame
from losszero_rt.timings import now_s
from losszero_rt.video import (
    EncodeOptions,
    SourceOptions,
    VideoSink,
    VideoSource,
    part_of,
    probe,
)
from tests.media import boxes_of, copy_clip, put, read_clip, read_index, write_clip

NTSC = Fraction(30000, 1001)
CONTAINERS = ["mp4", "mov", "mkv", "webm"]


@pytest.mark.parametrize("suffix", CONTAINERS)
def test_every_frame_arrives_once_at_its_time(
    clip: Path, tmp_path: Path, suffix: str, no_leaks: None
) -> None:
    source = VideoSource(clip)
    path = tmp_path / f"out.{suffix}"
    report = copy_clip(source, path)
    source.close()
    _, frames, _ = read_clip(path)
    assert [read_index(frame.planes) for frame in frames] == list(range(30))
    tolerance = 0 if suffix in ("mp4", "mov") else 1e-3
    times = [frame.time_s for frame in frames]
    assert times == pytest.approx([index / 30 for index in range(30)], abs=tolerance + 1e-9)
    assert report.frames == 30
    assert report.duration_s == pytest.approx(1.0, abs=2e-3)
    assert report.codec == ("libvpx-vp9" if suffix == "webm" else "libx264")
    assert report.num_bytes == path.stat().st_size
    assert not part_of(path).exists()


@pytest.mark.parametrize(
    ("pts", "time_base"),
    [
        ([0, 3000, 6010, 9001, 30000, 30400, 90007, 95000], Fraction(1, 90000)),
        (range(7, 40, 3), Fraction(1, 90000)),
        (range(100, 130), Fraction(1, 30)),
        (range(1000), Fraction(1001, 30000)),
        (range(0, 500, 33), Fraction(1, 1000)),
        ([0, 1, 2, 40], Fraction(1, 240)),
    ],
    ids=["vfr", "start-off-the-ms", "late-start", "ntsc", "ms", "gap"],
)
@pytest.mark.parametrize("suffix", ["mp4", "mov"])
def test_times_and_time_base_are_kept_exactly(
    tmp_path: Path, pts: list[int], time_base: Fraction, suffix: str
) -> None:
    scale = {"movie_timescale": str(time_base.denominator)}
    path = write_clip(
        tmp_path / "in.mp4",
        size=(32, 48),
        pts=pts,
        time_base=time_base,
        container_options={**scale, "video_track_timescale": str(time_base.denominator)},
    )
    source, out = VideoSource(path), tmp_path / f"out.{suffix}"
    copy_clip(source, out)
    source.close()
    source_times = [frame.pts * frame.time_base for frame in read_clip(path)[1]]
    assert source_times == [time * time_base for time in pts]
    result, frames, _ = read_clip(out)
    assert [frame.pts * frame.time_base for frame in frames] == source_times
    assert result.info.time_base == source.info.time_base


def test_very_late_times_do_not_overflow(tmp_path: Path) -> None:
    day = 26 * 3600 * 90000
    assert day > 2**32
    path = write_clip(
        tmp_path / "in.mkv", pts=range(day, day + 30 * 90, 90), time_base=Fraction(1, 90000)
    )
    for suffix in ("mp4", "mkv"):
        source = VideoSource(path)
        copy_clip(source, tmp_path / f"out.{suffix}")
        source.close()
        frames = read_clip(tmp_path / f"out.{suffix}")[1]
        assert frames[0].time_s == pytest.approx(26 * 3600, abs=1e-3)
        assert len(frames) == 30


def test_durations_are_kept(tmp_path: Path) -> None:
    pts = [0, 3000, 9000, 9500]
    path = write_clip(tmp_path / "in.mp4", pts=pts, time_base=Fraction(1, 90000), rate=Fraction(10))
    source = VideoSource(path)
    copy_clip(source, tmp_path / "out.mp4")
    source.close()
    before = [frame.duration for frame in read_clip(path)[1]]
    assert [frame.duration for frame in read_clip(tmp_path / "out.mp4")[1]] == before
    assert before[:3] == [3000, 6000, 500]


def test_times_below_zero_move_up_together_and_it_is_said(clip: Path, tmp_path: Path) -> None:
    source = VideoSource(clip)
    early = replace(source.info, start_pts=-5120)
    sink = VideoSink(tmp_path / "out.mp4", info=early)
    for frame in (item for item in source if isinstance(item, Frame)):
        put(sink, replace(frame, pts=frame.pts - 5120))
    report = sink.close()
    source.close()
    assert [f.pts for f in read_clip(tmp_path / "out.mp4")[1]] == [n * 512 for n in range(30)]
    assert any("moved by 0.333 s" in note for note in report.notes)


def test_part_of_a_clip_starts_at_zero_with_its_audio(tmp_path: Path) -> None:
    path = write_clip(
        tmp_path / "in.mp4", num_frames=90, audio="aac", options={"preset": "veryfast", "g": "10"}
    )
    source = VideoSource(path, options=SourceOptions(start_s=1.0, duration_s=1.0))
    handed: list[int] = []
    out = tmp_path / "out.mp4"
    sink = VideoSink(out, info=source.info, audio_from=source, origin_pts=source.origin_pts)
    sink.on_muxed = lambda pts, _: handed.append(pts)
    for item in source:
        if isinstance(item, Frame):
            put(sink, item)
        else:
            sink.copy(item)  # type: ignore[arg-type]
    report = sink.close()
    source.close()
    _, frames, _ = read_clip(out)
    assert [read_index(frame.planes) for frame in frames] == list(range(30, 60))
    assert frames[0].time_s == 0
    assert handed[0] == 15360, "callers know frames by the source's own times"
    assert report.duration_s == pytest.approx(1.0)
    with av.open(str(out)) as container:
        audio = container.streams.audio[0]
        assert audio.duration is not None
        assert audio.time_base is not None
        assert float(audio.duration * audio.time_base) == pytest.approx(1.0, abs=0.03)


def test_clean_close_leaves_a_plain_mp4(clip_with_audio: Path, tmp_path: Path) -> None:
    source = VideoSource(clip_with_audio)
    copy_clip(source, tmp_path / "out.mp4")
    source.close()
    boxes = boxes_of(tmp_path / "out.mp4")
    assert boxes[0] == "ftyp"
    assert set(boxes) <= {"ftyp", "free", "mdat", "moov"}
    assert boxes.count("moov") == 1


def test_packets_leave_with_the_picture_that_made_them(clip: Path, tmp_path: Path) -> None:
    source = VideoSource(clip)
    sink = VideoSink(tmp_path / "out.mp4", info=source.info)
    handed: list[tuple[int, float]] = []
    sink.on_muxed = lambda pts, at_s: handed.append((pts, at_s))
    for frame in (item for item in source if isinstance(item, Frame)):
        start_s = now_s()
        put(sink, frame)
        assert handed[-1][0] == frame.pts, "no frame waits inside the encoder"
        assert start_s < handed[-1][1] < now_s()
    sink.close()
    source.close()


def test_canvases_are_used_again(clip: Path, tmp_path: Path) -> None:
    source = VideoSource(clip)
    sink = VideoSink(tmp_path / "out.mp4", info=source.info)
    first, second = sink.canvas(), sink.canvas()
    assert first is not second
    assert first.size == source.info.size
    assert (first.matrix, first.full_range) == (source.info.matrix, source.info.full_range)
    (frame, *_) = (item for item in source if isinstance(item, Frame))
    sink.write(first, frame=frame)
    assert sink.canvas() is first
    sink.abort()
    source.close()


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov"])
def test_colour_and_shape_are_carried(tmp_path: Path, suffix: str) -> None:
    colour = {"colorspace": 1, "color_range": 2, "color_primaries": 1, "color_trc": 1}
    path = write_clip(tmp_path / "in.mp4", colour=colour, sar=Fraction(4, 3), num_frames=5)
    source, out = VideoSource(path), tmp_path / f"out.{suffix}"
    copy_clip(source, out)
    source.close()
    info = read_clip(out)[0].info
    assert (info.matrix, info.full_range, info.primaries, info.transfer) == ("bt709", True, 1, 1)
    assert info.sar == Fraction(4, 3)


def test_turned_video_is_written_upright(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "in.mp4", rotation=90, num_frames=3)
    source = VideoSource(path)
    copy_clip(source, tmp_path / "out.mp4")
    source.close()
    info = read_clip(tmp_path / "out.mp4")[0].info
    assert (info.size, info.rotation) == ((192, 96), 0)


@pytest.mark.parametrize("size", [(1, 1), (15, 17), (16, 16)])
def test_tiny_and_odd_pictures_can_be_written(tmp_path: Path, size: tuple[int, int]) -> None:
    path = write_clip(tmp_path / "in.mkv", size=size, codec="rawvideo", options={}, num_frames=3)
    for suffix in CONTAINERS:
        source = VideoSource(path)
        copy_clip(source, tmp_path / f"out.{suffix}")
        source.close()
        assert probe(tmp_path / f"out.{suffix}").frames == 3


def test_other_output_size_is_possible(clip: Path, tmp_path: Path) -> None:
    source = VideoSource(clip)
    sink = VideoSink(tmp_path / "out.mp4", info=source.info, size=(96, 384))
    assert sink.canvas().size == (96, 384)
    sink.abort()
    source.close()


@pytest.mark.parametrize("name", ["two words.mp4", "frame%03d.mp4", "röad 夜.mkv", "a:b.mp4"])
def test_odd_names_are_taken_literally(
    clip: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    source = VideoSource(clip)
    report = copy_clip(source, Path(name))
    source.close()
    assert report.path == Path(name)
    assert (tmp_path / name).is_file()


def test_lossless_is_lossless(clip: Path, tmp_path: Path) -> None:
    source = VideoSource(clip)
    copy_clip(source, tmp_path / "out.mp4", options=EncodeOptions(crf=0))
    source.close()
    before, after = read_clip(clip)[1], read_clip(tmp_path / "out.mp4")[1]
    for one, other in zip(before, after, strict=True):
        assert (one.planes.y == other.planes.y).all()
        assert (one.planes.u == other.planes.u).all()
