import gc
import resource
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from losszero_rt.errors import InputError
from losszero_rt.frame import Cargo, Frame
from losszero_rt.timings import now_s
from losszero_rt.video import SourceOptions, VideoSource
from tests.media import draw_index, frames_of, read_clip, read_index, to_picture, write_clip

NTSC = Fraction(30000, 1001)


def test_frames_come_in_order_and_whole(clip: Path) -> None:
    source, frames, lost = read_clip(clip)
    assert [read_index(frame.planes) for frame in frames] == list(range(30))
    assert [frame.index for frame in frames] == list(range(30))
    assert not lost
    assert source.warnings == []
    assert source.incomplete is None
    assert source.info.num_frames_declared == 30
    assert source.info.rate_declared == 30
    assert source.info.notes == ()


def test_b_frames_come_in_order_of_presentation(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "b.mp4", options={"preset": "veryfast", "bf": "3"})
    _, frames, lost = read_clip(path)
    assert [read_index(frame.planes) for frame in frames] == list(range(30))
    assert not lost


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".ts", ".avi", ".flv"])
def test_every_container_gives_rising_times(tmp_path: Path, suffix: str) -> None:
    path = write_clip(tmp_path / f"clip{suffix}", options={"preset": "veryfast", "bf": "3"})
    source, frames, lost = read_clip(path)
    start = frames[0].time_s
    assert [read_index(frame.planes) for frame in frames] == list(range(30))
    times = [frame.time_s - start for frame in frames]
    assert times == pytest.approx([index / 30 for index in range(30)], abs=1.1e-3)
    assert not lost
    assert source.warnings == []
    assert source.incomplete is None


def test_planes_are_views_of_the_decoder_and_outlive_it(clip: Path, no_leaks: None) -> None:
    source = VideoSource(clip)
    frames = frames_of(source)
    source.close()
    del source
    gc.collect()
    assert not frames[0].planes.y.flags.owndata
    assert not frames[0].planes.y.flags.writeable
    assert [read_index(frame.planes) for frame in frames] == list(range(30))


def test_facts_stay_readable_after_close(clip: Path) -> None:
    source = VideoSource(clip)
    source.close()
    source.close()
    assert source.info.time_base == Fraction(1, 15360)
    assert source.audio_streams == ()


def test_clocks_of_a_frame_are_monotonic_and_real(clip: Path) -> None:
    start_s = now_s()
    _, frames, _ = read_clip(clip)
    stamps = [frame.decoded_at_s for frame in frames]
    assert stamps == sorted(stamps)
    assert start_s < stamps[0] < stamps[-1] < now_s()
    assert all(frame.decode_ms > 0 for frame in frames)
    assert sum(frame.decode_ms for frame in frames) < (now_s() - start_s) * 1e3


def test_variable_rate_keeps_its_times(tmp_path: Path) -> None:
    pts = [0, 3000, 6010, 9001, 30000, 30400, 90007, 95000]
    path = write_clip(tmp_path / "vfr.mp4", pts=pts, time_base=Fraction(1, 90000))
    _, frames, _ = read_clip(path)
    assert [frame.pts for frame in frames] == pts
    assert {frame.time_base for frame in frames} == {Fraction(1, 90000)}


@pytest.mark.parametrize("start", [100, 3])
def test_start_offset_is_kept(tmp_path: Path, start: int) -> None:
    exact = {"movie_timescale": "30"}
    path = write_clip(tmp_path / "late.mp4", pts=range(start, start + 10), container_options=exact)
    source, frames, _ = read_clip(path)
    assert frames[0].pts * frames[0].time_base == Fraction(start, 30)
    assert source.info.start_pts == frames[0].pts


def test_ntsc_rate_does_not_drift(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "ntsc.mp4", size=(32, 48), num_frames=300, rate=NTSC)
    source, frames, _ = read_clip(path)
    assert source.info.rate_declared == NTSC
    assert frames[-1].pts * frames[-1].time_base == 299 / NTSC


def test_audio_packets_come_between_the_frames(clip_with_audio: Path) -> None:
    source = VideoSource(clip_with_audio)
    kinds = [type(item) for item in source]
    assert source.info.num_audio == 1
    first_frame, last_frame = kinds.index(Frame), len(kinds) - 1 - kinds[::-1].index(Frame)
    assert Cargo in kinds[first_frame:last_frame]
    source.close()


def test_audio_can_be_left_out(clip_with_audio: Path) -> None:
    source = VideoSource(clip_with_audio, options=SourceOptions(audio=False))
    assert {type(item) for item in source} == {Frame}
    assert source.audio_streams == ()
    assert source.incomplete is None
    source.close()


@pytest.mark.parametrize("num_frames", [1, 2])
def test_very_short_clips_work(tmp_path: Path, num_frames: int) -> None:
    path = write_clip(tmp_path / "short.mp4", num_frames=num_frames)
    assert len(read_clip(path)[1]) == num_frames


def test_duplicate_and_backward_times_rise_again(tmp_path: Path) -> None:
    # The muxer checks the order of decoding only, and Matroska stores none.
    pts = [0, 33, 33, 100, 90, 133, 167, 200, 20, 233]
    path = tmp_path / "dup.mkv"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("mjpeg", rate=30, width=96, height=48, pix_fmt="yuvj420p")
        stream.time_base = Fraction(1, 1000)
        for index, time in enumerate(pts):
            (packet,) = stream.encode(
                to_picture(draw_index(index, size=(48, 96)), pix_fmt="yuvj420p")
            )
            packet.time_base = Fraction(1, 1000)
            packet.pts, packet.dts = time, index
            output.mux(packet)
    source, frames, lost = read_clip(path)
    times = [frame.pts for frame in frames]
    assert times == sorted(set(times))
    assert [read_index(frame.planes) for frame in frames] == [0, 1, 2, 3, 4, 5, 6, 7, 9]
    assert [frame.pts for frame in frames] == [0, 33, 34, 100, 101, 133, 167, 200, 233]
    assert [(item.index, item.fate, item.reason) for item in lost] == [
        (8, "dropped", "non-monotonic")
    ]
    assert any("shared a time" in line for line in source.warnings)


def test_stream_without_times_takes_the_declared_rate(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "raw.h264", container="h264", num_frames=12)
    source, frames, _ = read_clip(path)
    step = frames[1].pts - frames[0].pts
    assert [frame.pts for frame in frames] == [index * step for index in range(12)]
    assert step * frames[0].time_base == 1 / source.info.rate_declared  # type: ignore[operator]
    assert any("carried no time" in line for line in source.warnings)


@pytest.mark.parametrize("rate", [Fraction(90000), Fraction(1000)])
def test_absurd_rates_are_not_declared(tmp_path: Path, rate: Fraction) -> None:
    path = write_clip(
        tmp_path / "fast.mkv", rate=rate, pts=[0, 33, 67], time_base=Fraction(1, 1000)
    )
    source, frames, _ = read_clip(path)
    assert source.info.rate_declared is None or source.info.rate_declared < 480
    assert [frame.pts for frame in frames] == [0, 33, 67]


def test_size_change_is_scaled_to_the_first_size_and_said_once(tmp_path: Path) -> None:
    path = tmp_path / "change.h264"
    parts = []
    for number, size in enumerate(((96, 192), (192, 384), (48, 96))):
        part = write_clip(tmp_path / f"{number}.h264", size=size, num_frames=5, container="h264")
        parts.append(part.read_bytes())
    path.write_bytes(b"".join(parts))
    source, frames, _ = read_clip(path)
    assert {frame.planes.size for frame in frames} == {(96, 192)}
    assert [read_index(frame.planes) for frame in frames] == [*range(5)] * 3
    assert sum("picture changed to" in line for line in source.warnings) == 1


def test_part_of_a_clip_is_read(tmp_path: Path) -> None:
    options = {"preset": "veryfast", "g": "10", "bf": "2"}
    path = write_clip(tmp_path / "long.mp4", num_frames=90, options=options, audio="aac")
    source = VideoSource(path, options=SourceOptions(start_s=0.5, duration_s=1.0))
    items = list(source)
    frames = [item for item in items if isinstance(item, Frame)]
    assert [read_index(frame.planes) for frame in frames] == list(range(15, 45))
    assert [frame.index for frame in frames] == list(range(30))
    assert frames[0].time_s == pytest.approx(0.5)
    assert source.origin_pts * source.info.time_base == Fraction(1, 2)
    times = [p.pts * p.time_base for p in (i.packet for i in items if isinstance(i, Cargo))]  # type: ignore[attr-defined]
    assert 0.47 < min(times) < 0.5
    assert 1.47 < max(times) < 1.5
    assert source.incomplete is None
    source.close()


@pytest.mark.parametrize("suffix", ["mkv", "ts", "avi", "h264"])
def test_part_is_found_in_every_container(tmp_path: Path, suffix: str) -> None:
    options = {"preset": "veryfast", "g": "10", "bf": "2"}
    path = write_clip(tmp_path / f"a.{suffix}", num_frames=60, options=options)
    _, frames, lost = read_clip(path, start_s=0.5, duration_s=0.5)
    assert [read_index(frame.planes) for frame in frames] == list(range(15, 30))
    assert not lost


def test_part_far_inside_a_stream_without_index_is_found(tmp_path: Path) -> None:
    options = {"preset": "ultrafast", "g": "45"}
    path = write_clip(tmp_path / "a.ts", size=(32, 96), num_frames=480, options=options)
    _, frames, lost = read_clip(path, start_s=15, duration_s=0.2)
    assert [read_index(frame.planes) for frame in frames] == list(range(450, 456))
    assert not lost


def test_part_behind_the_end_is_refused(clip: Path) -> None:
    with pytest.raises(InputError, match="nothing between --start 9 s"):
        VideoSource(clip, options=SourceOptions(start_s=9))


def test_interlaced_video_is_noted(tmp_path: Path) -> None:
    options = {"preset": "ultrafast", "x264-params": "tff=1"}
    path = write_clip(tmp_path / "tv.mp4", options=options)
    assert any("interlaced" in note for note in read_clip(path)[0].info.notes)


def test_animated_gif_is_read_as_a_video(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.gif", codec="gif", pix_fmt="gray", num_frames=4, options={})
    frames = read_clip(path)[1]
    assert [read_index(frame.planes) for frame in frames] == list(range(4))


@pytest.mark.slow
def test_sources_that_were_forgotten_do_not_block(clip: Path, no_leaks: None) -> None:
    for number in range(30):
        source = VideoSource(clip)
        for taken, _ in enumerate(source):
            if taken == number % 7:
                break
        del source
        gc.collect()


def test_many_files_leave_no_threads_and_no_files(clip_with_audio: Path, no_leaks: None) -> None:
    for _ in range(30):
        source = VideoSource(clip_with_audio)
        next(iter(source))
        source.close()


@pytest.mark.slow
def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "long.mp4", size=(480, 640), num_frames=400)
    source = VideoSource(path)
    peaks = [
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for item in source
        if isinstance(item, Frame) and item.index in (50, 399)
    ]
    source.close()
    assert peaks[1] - peaks[0] < 20_000, "kilobytes; each frame holds 450"


def test_numbers_in_the_picture_survive_writing(tmp_path: Path) -> None:
    luma = draw_index(1234, size=(96, 192))
    assert len(np.unique(luma)) == 2
    path = write_clip(tmp_path / "one.mp4", num_frames=1, draw=lambda _: luma)
    assert read_index(read_clip(path)[1][0].planes) == 1234
