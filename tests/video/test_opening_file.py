import http.server
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from losszero_rt.errors import ExitCode, InputError
from losszero_rt.video import SourceOptions, VideoSource
from tests.media import add_audio, draw_index, frames_of, read_clip, sound, to_picture, write_clip


def refusal_of(path: Path, **options: int) -> str:
    """Open what must not open; return the one line that says why."""
    start_s = time.monotonic()
    with pytest.raises(InputError) as caught:
        VideoSource(path, options=SourceOptions(**options))  # type: ignore[arg-type]
    assert time.monotonic() - start_s < 1
    assert caught.value.exit_code == ExitCode.INPUT
    text = str(caught.value)
    assert "\n" not in text
    assert path.name in text
    return text


def test_missing_file_is_named(tmp_path: Path) -> None:
    assert "No such file" in refusal_of(tmp_path / "absent.mp4")


def test_directory_is_no_video(tmp_path: Path) -> None:
    assert "is a directory" in refusal_of(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"just some text\n" * 50,
        np.random.default_rng(0).bytes(100_000),
        b"<!DOCTYPE html><html></html>",
        b"version https://git-lfs.github.com/spec/v1\n",
    ],
    ids=["text", "random", "html", "lfs-pointer"],
)
def test_other_content_is_not_a_video(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ride.mp4"
    path.write_bytes(content)
    assert "not a video" in refusal_of(path)


def test_empty_file_is_not_a_video(tmp_path: Path) -> None:
    path = tmp_path / "ride.mp4"
    path.touch()
    assert "is empty, not a video" in refusal_of(path)


def test_pipe_is_refused_and_does_not_block(tmp_path: Path) -> None:
    path = tmp_path / "ride.mp4"
    os.mkfifo(path)
    assert "not a regular file" in refusal_of(path)


def test_recording_without_index_hints_at_its_repair(clip: Path) -> None:
    data = clip.read_bytes()
    clip.write_bytes(data[: data.index(b"moov") - 4])
    text = refusal_of(clip)
    assert "not finalised" in text
    assert "untrunc" in text


def write_audio_only(path: Path, *, cover: bool) -> Path:

    with av.open(str(path), "w", format="mp4") as output:
        track = add_audio(output, "aac")
        if cover:
            image = output.add_stream("mjpeg", rate=1, width=64, height=64, pix_fmt="yuvj420p")
            image.disposition = av.stream.Disposition.attached_pic
        packets = list(sound(track, 0.5, 0.0))
        if cover:
            luma = np.full((64, 64), 90, np.uint8)
            packets += image.encode(to_picture(luma, pix_fmt="yuvj420p")) + image.encode(None)
        output.mux(packets)
    return path


def test_audio_only_file_has_no_video_stream(tmp_path: Path) -> None:
    assert "no video stream" in refusal_of(write_audio_only(tmp_path / "a.m4a", cover=False))


def test_cover_art_is_no_video(tmp_path: Path) -> None:
    path = write_audio_only(tmp_path / "a.m4a", cover=True)
    with av.open(str(path)) as container:
        assert len(container.streams.video) == 1
    assert "no video stream" in refusal_of(path)


def write_two_videos(path: Path) -> Path:

    with av.open(str(path), "w") as output:
        sizes = ((48, 96), (96, 192))
        streams = []
        for height, width in sizes:
            stream = output.add_stream("libx264", rate=30, width=width, height=height)
            stream.options = {"preset": "ultrafast"}
            streams.append(stream)
        streams[0].disposition = av.stream.Disposition(0)
        streams[1].disposition = av.stream.Disposition.default
        for stream, size in zip(streams, sizes, strict=True):
            for index in range(5):
                output.mux(stream.encode(to_picture(draw_index(index, size=size))))
            output.mux(stream.encode(None))
    return path


def test_best_of_several_video_streams_is_read_and_named(tmp_path: Path) -> None:
    path = write_two_videos(tmp_path / "two.mkv")
    source, frames, _ = read_clip(path)
    assert source.info.size == (96, 192)
    assert len(frames) == 5
    assert source.info.notes == ("reading video stream 1 of 0, 1",)


def test_wanted_video_stream_is_read(tmp_path: Path) -> None:
    path = write_two_videos(tmp_path / "two.mkv")
    assert read_clip(path, stream=0)[0].info.size == (48, 96)
    assert "--stream 0, 1" in refusal_of(path, stream=7)


def test_picture_over_the_limit_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "wide.mp4", size=(64, 8192), num_frames=1)
    text = refusal_of(path, max_pixels=64 * 8192 - 1)
    assert "8192x64" in text
    assert f"--max-pixels {64 * 8192}" in text
    assert len(read_clip(path, max_pixels=64 * 8192)[1]) == 1


@pytest.mark.parametrize(
    ("codec", "suffix", "pix_fmt"),
    [
        ("mpeg4", "mp4", "yuv420p"),
        ("mjpeg", "avi", "yuvj420p"),
        ("ffv1", "mkv", "yuv420p"),
        ("libvpx-vp9", "webm", "yuv420p"),
    ],
)
def test_decoder_that_keeps_quiet_about_too_large_a_picture_changes_no_refusal(
    tmp_path: Path, codec: str, suffix: str, pix_fmt: str
) -> None:
    path = tmp_path / f"wide.{suffix}"
    write_clip(path, size=(48, 96), num_frames=2, codec=codec, pix_fmt=pix_fmt, options={})
    text = refusal_of(path, max_pixels=48 * 96 - 1)
    assert "has 96x48 pixels" in text
    assert f"--max-pixels {48 * 96} lets it in" in text
    assert len(read_clip(path, max_pixels=48 * 96)[1]) == 2


def test_codec_without_decoder_is_named(clip: Path) -> None:
    data = clip.read_bytes()
    clip.write_bytes(data.replace(b"avc1", b"zzz1").replace(b"avcC", b"zzzC"))
    text = refusal_of(clip)
    assert "no decoder" in text
    assert "zzz1" in text


def test_playlist_in_disguise_opens_no_other_file(clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "trap.mp4"
    path.write_text(f"ffconcat version 1.0\nfile {clip.name}\n")
    with av.open(str(path)) as container:
        assert container.format.name == "concat", "libav itself falls for it"
    assert "not a video" in refusal_of(path)


@pytest.fixture
def visitors() -> Iterator[tuple[str, list[str]]]:
    """Serve on loopback; yield the address and the paths that were asked for."""
    seen: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            self.send_error(404)

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", seen
    server.shutdown()
    thread.join()
    server.server_close()


def test_playlists_reach_no_network(tmp_path: Path, visitors: tuple[str, list[str]]) -> None:
    address, seen = visitors
    texts = {
        "a.mp4": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{address}/a.ts\n#EXT-X-ENDLIST\n",
        "b.mp4": f'<?xml version="1.0"?><MPD><BaseURL>{address}/b</BaseURL></MPD>',
        "c.mp4": "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
        "d.mp4": f"ffconcat version 1.0\nfile {address}/d.mp4\n",
    }
    for name, text in texts.items():
        path = tmp_path / name
        path.write_text(text)
        assert "not a video" in refusal_of(path)
    assert seen == []


@pytest.mark.parametrize(
    "name",
    [
        "two words.mp4",
        "-rf.mp4",
        "frame%03d.mp4",
        "röad 夜.mp4",
        "a\nb.mp4",
        "http:x.mp4",
        "a?*[b].mp4",
    ],
)
def test_odd_names_are_taken_literally(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_clip(tmp_path / name, num_frames=3)
    monkeypatch.chdir(tmp_path)
    source = VideoSource(Path(name))
    assert len(frames_of(source)) == 3
    source.close()
    assert "\n" not in source.info.name


def test_texts_in_another_encoding_are_no_obstacle(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "latin.mkv", num_frames=3, title="Nachtfahrt fuer Anna")
    data = path.read_bytes()
    assert b"fuer" in data
    path.write_bytes(data.replace(b"fuer", b"f\xfc r"))
    assert len(read_clip(path)[1]) == 3


def test_subtitle_and_data_tracks_are_left_out_and_named(tmp_path: Path) -> None:

    path = tmp_path / "gopro.mp4"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=30, width=96, height=48)
        telemetry = output.add_data_stream("bin_data")
        packets = []
        for index in range(5):
            packets += stream.encode(to_picture(draw_index(index, size=(48, 96))))
        output.mux(packets + stream.encode(None))
        packet = av.Packet(b"GPMD telemetry")
        packet.stream, packet.pts, packet.dts = telemetry, 0, 0
        output.mux(packet)
    source, frames, _ = read_clip(path)
    assert len(frames) == 5
    assert source.info.notes == ("data left out: 1 track",)
