from fractions import Fraction
from pathlib import Path

import av
import pytest

from losszero_rt.frame import Cargo, Frame
from losszero_rt.video import SourceOptions, VideoSink, VideoSource
from tests.media import copy_clip, packets_of, put, read_clip, write_clip

B_FRAMES = {"preset": "veryfast", "g": "12", "bf": "2"}


def send(path: Path, out: Path) -> tuple[str, ...]:
    source = VideoSource(path)
    report = copy_clip(source, out)
    source.close()
    return report.notes


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
@pytest.mark.parametrize("codec", ["aac", "ac3", "libmp3lame"])
def test_packets_keep_their_bytes_and_times(tmp_path: Path, codec: str, suffix: str) -> None:
    path = write_clip(tmp_path / "in.mp4", audio=codec, options=B_FRAMES)
    out = tmp_path / f"out.{suffix}"
    assert send(path, out) == ()
    before = packets_of(path)
    assert packets_of(out) == [(1, time, data) for _, time, data in before]
    assert len(before) > 20


@pytest.mark.parametrize("suffix", ["mkv", "webm"])
@pytest.mark.parametrize("codec", ["aac", "libmp3lame", "flac", "libopus"])
@pytest.mark.parametrize("start_s", [0.0, 0.45])
def test_sound_before_zero_never_moves_the_pictures(
    tmp_path: Path, codec: str, suffix: str, start_s: float
) -> None:
    path = write_clip(tmp_path / "in.mp4", audio=codec, num_frames=45)
    source = VideoSource(path, options=SourceOptions(start_s=start_s))
    out, wanted = tmp_path / f"out.{suffix}", []
    sink = VideoSink(out, info=source.info, audio_from=source, origin_pts=source.origin_pts)
    for item in source:
        if isinstance(item, Cargo):
            sink.copy(item)
        elif isinstance(item, Frame):
            put(sink, item)
            wanted.append((item.pts - source.origin_pts) * item.time_base)
    sink.close()
    source.close()
    found = [time for _, time, _ in packets_of(out, "video")]
    assert max(abs(a - b) for a, b in zip(found, wanted, strict=True)) <= Fraction(1, 1000)


def test_matroska_keeps_bytes_and_times_of_what_sounds(
    clip_with_audio: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.mkv"
    notes = send(clip_with_audio, out)
    before, after = packets_of(clip_with_audio), packets_of(out)
    num_priming = len(before) - len(after)
    # With the priming declared, which depends on the version of PyAV, all of it can stay.
    assert num_priming in (0, 1)
    assert all(time < 0 for _, time, _ in before[:num_priming])
    kept = before[num_priming:]
    assert [data for *_, data in after] == [data for *_, data in kept]
    assert all(abs(b[1] - a[1]) <= Fraction(1, 1000) for a, b in zip(kept, after, strict=True))
    assert any("1 audio packet that began below zero" in note for note in notes) == bool(
        num_priming
    )


def test_matroska_keeps_priming_that_it_declares(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "in.mkv", audio="aac")
    out = tmp_path / "out.mkv"
    assert send(path, out) == ()
    assert packets_of(out) == packets_of(path)
    assert packets_of(out)[0][1] < 0


def test_picture_and_sound_keep_their_distance(tmp_path: Path) -> None:
    path = write_clip(
        tmp_path / "in.mp4",
        pts=range(12, 42),
        time_base=Fraction(1, 30),
        audio="aac",
        audio_start_s=0.1,
        container_options={"movie_timescale": "240000"},
    )
    out = tmp_path / "out.mp4"
    send(path, out)
    assert packets_of(out) == packets_of(path)
    assert packets_of(out, "video")[0][1] == packets_of(path, "video")[0][1]


@pytest.mark.parametrize(("audio_s", "start_s"), [(0.3, 0.0), (4.0, 0.0), (0.5, 0.6)])
def test_audio_of_another_length_stays_whole(
    tmp_path: Path, audio_s: float, start_s: float
) -> None:
    path = write_clip(tmp_path / "in.mp4", audio="aac", audio_s=audio_s, audio_start_s=start_s)
    out = tmp_path / "out.mp4"
    send(path, out)
    assert packets_of(out) == packets_of(path)
    assert len(read_clip(out)[1]) == 30


def test_all_audio_tracks_are_copied(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "in.mkv", audio="aac", num_audio=3)
    source = VideoSource(path)
    report = copy_clip(source, tmp_path / "out.mp4")
    source.close()
    assert source.info.num_audio == 3
    assert len(report.audio_packets) == 3
    assert min(report.audio_packets) > 20
    for track in (1, 2, 3):
        before = [data for index, _, data in packets_of(path) if index == track]
        assert [d for index, _, d in packets_of(tmp_path / "out.mp4") if index == track] == before


@pytest.mark.parametrize(
    ("container", "codec", "suffix", "made"),
    [
        ("mov", "pcm_s16le", "mp4", "aac"),
        ("mkv", "libopus", "mov", "aac"),
        ("mkv", "flac", "mov", "aac"),
        ("mp4", "aac", "webm", "opus"),
        ("avi", "pcm_s16le", "mp4", "aac"),
    ],
)
def test_audio_that_does_not_fit_is_made_anew(
    tmp_path: Path, container: str, codec: str, suffix: str, made: str
) -> None:
    path = write_clip(tmp_path / f"in.{container}", audio=codec, num_frames=60)
    out = tmp_path / f"out.{suffix}"
    notes = send(path, out)
    assert any(f"made {made}" in note for note in notes)
    with av.open(str(out)) as result, av.open(str(path)) as original:
        track = result.streams.audio[0]
        assert track.codec_context.codec.canonical_name == made
        length = sum(frame.samples / frame.sample_rate for frame in result.decode(track))
        wanted = sum(f.samples / f.sample_rate for f in original.decode(audio=0))
    assert length == pytest.approx(wanted, abs=0.1)


@pytest.mark.parametrize(
    ("codec", "suffix"), [("pcm_s16le", "mov"), ("flac", "mkv"), ("libopus", "webm")]
)
def test_audio_that_fits_is_copied(tmp_path: Path, codec: str, suffix: str) -> None:
    path = write_clip(tmp_path / "in.mkv", audio=codec)
    out = tmp_path / f"out.{suffix}"
    assert not any("made" in note for note in send(path, out))
    assert [data for *_, data in packets_of(out)] == [data for *_, data in packets_of(path)]


def test_transport_stream_audio_fits_into_mp4(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "in.ts", audio="aac", options=B_FRAMES)
    for suffix in ("mp4", "mov", "mkv"):
        out = tmp_path / f"out.{suffix}"
        assert not any("made" in note for note in send(path, out))
        with av.open(str(out)) as result:
            assert sum(frame.samples for frame in result.decode(audio=0)) > 40_000


def test_source_may_be_closed_before_the_last_packet(tmp_path: Path) -> None:

    path = write_clip(tmp_path / "in.mov", audio="pcm_s16le")
    source = VideoSource(path)
    sink = VideoSink(tmp_path / "out.mp4", info=source.info, audio_from=source)
    items = list(source)
    source.close()
    del source
    for item in items:
        if isinstance(item, Cargo):
            sink.copy(item)
        else:
            put(sink, item)  # type: ignore[arg-type]
    assert min(sink.close().audio_packets) > 20


def test_silence_is_possible(clip_with_audio: Path, tmp_path: Path) -> None:
    source = VideoSource(clip_with_audio)
    report = copy_clip(source, tmp_path / "out.mp4", audio=False)
    source.close()
    assert report.audio_packets == ()
