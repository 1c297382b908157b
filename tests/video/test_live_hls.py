"""Live sources over HTTP that come in segments: HLS."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from losszero_rt.errors import InputError
from losszero_rt.frame import Frame
from losszero_rt.video.feeds import Unplayable
from losszero_rt.video.hls import best_variant, parse_media
from tests.media import read_index, write_clip
from tests.video.live_media import write_hls
from tests.video.live_reading import open_live, take
from tests.video.live_servers import HttpServer, http_server

HEAD = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n"


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with http_server() as started:
        yield started


def publish(server: HttpServer, folder: Path, *, live: bool) -> None:
    """Put a clip of segments online: all at once, or one more every second, two at the start."""
    segments, begun_s = write_hls(folder), time.monotonic()
    for path in segments:
        server.files[f"/hls/{path.name}"] = path.read_bytes

    def playlist() -> bytes:
        num = min(len(segments), int(time.monotonic() - begun_s) + 2) if live else len(segments)
        first = max(0, num - 3) if live else 0
        listed = "".join(f"#EXTINF:1.0,\n{path.name}\n" for path in segments[first:num])
        end = "#EXT-X-ENDLIST\n" if num == len(segments) else ""
        return f"{HEAD}#EXT-X-MEDIA-SEQUENCE:{first}\n{listed}{end}".encode()

    server.files["/hls/live.m3u8"] = playlist


@pytest.mark.slow
def test_live_hls_starts_at_its_newest_segment_and_keeps_the_pace(
    server: HttpServer, tmp_path: Path
) -> None:
    publish(server, tmp_path, live=True)
    variants = (
        "#EXT-X-STREAM-INF:BANDWIDTH=9\nlow/x.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=90\nhls/live.m3u8\n"
    )
    server.files["/master.m3u8"] = lambda: f"#EXTM3U\n{variants}".encode()
    source = open_live(server.url("/master.m3u8"))
    frames = take(source, 60)
    source.close()
    indices = [read_index(frame.planes) for frame in frames]
    assert indices[0] >= 30
    assert indices == list(range(indices[0], indices[0] + 60))
    assert [frame.pts for frame in frames] == [index * 3000 for index in range(60)]
    span_s = (frames[-1].captured_at_s or 0) - (frames[0].captured_at_s or 0)
    assert span_s > 59 / 30 * 0.95


def test_finished_hls_is_played_whole_and_ends(server: HttpServer, tmp_path: Path) -> None:
    publish(server, tmp_path, live=False)
    source = open_live(server.url("/hls/live.m3u8"), realtime=False)
    items = [item for item in source if isinstance(item, Frame)]
    source.close()
    assert [read_index(frame.planes) for frame in items] == list(range(180))
    assert source.signal.reason == "the source has ended"


def test_reordered_pictures_come_in_order_and_whole(server: HttpServer, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.ts", num_frames=90, options={"bf": "3", "g": "30"})
    server.files["/clip.ts"] = clip.read_bytes
    source = open_live(server.url("/clip.ts"), realtime=False)
    items = list(source)
    source.close()
    frames = [item for item in items if isinstance(item, Frame)]
    assert [read_index(frame.planes) for frame in frames] == list(range(90))
    assert [frame.pts for frame in frames] == [index * 3000 for index in range(90)]
    assert len(items) == 90


def test_damage_is_counted_and_not_the_end(server: HttpServer, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.ts", num_frames=120, options={"bf": "0", "g": "15"})
    content = bytearray(clip.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 4000] = bytes(4000)
    server.files["/clip.ts"] = lambda: bytes(content)
    source = open_live(server.url("/clip.ts"), realtime=False)
    items = list(source)
    source.close()
    frames = [item for item in items if isinstance(item, Frame)]
    suspects = [frame.pts // 3000 for frame in frames if frame.suspect]
    assert suspects
    # From the key frame behind the damage on all is well again.
    healed = suspects[-1] // 15 * 15 + 15
    sound = [f for f in frames if not suspects[0] <= f.pts // 3000 < healed]
    assert [read_index(frame.planes) for frame in sound] == [f.pts // 3000 for f in sound]
    assert len(sound) > 60
    assert sound[-1].pts == 119 * 3000
    assert [item.index for item in items] == list(range(len(items)))
    assert source.signal.reason == "the source has ended"


def test_hls_cannot_lead_to_files(server: HttpServer, tmp_path: Path) -> None:
    secret = write_clip(tmp_path / "secret.ts")
    server.files["/a.m3u8"] = lambda: f"{HEAD}#EXTINF:1,\nfile://{secret}\n".encode()
    with pytest.raises(InputError, match="not http:// or https://"):
        open_live(server.url("/a.m3u8"))
    server.files["/b.m3u8"] = lambda: (
        f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nfile://{secret}\n".encode()
    )
    with pytest.raises(InputError, match="not http:// or https://"):
        open_live(server.url("/b.m3u8"))


def test_playlists_are_parsed() -> None:
    url = "http://cam/a/live.m3u8?token=x"
    text = f'{HEAD}#EXT-X-MEDIA-SEQUENCE:7\n#EXT-X-MAP:URI="init.mp4"\n#EXTINF:1,\n1.m4s\n/2.m4s\n'
    playlist = parse_media(text, url=url)
    assert playlist.segments == ("http://cam/a/1.m4s", "http://cam/2.m4s")
    assert (playlist.first_number, playlist.map_url) == (7, "http://cam/a/init.mp4")
    assert (playlist.target_s, playlist.finite) == (1.0, False)
    assert best_variant(text, url=url) is None


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('#EXT-X-KEY:METHOD=AES-128,URI="k"', "encrypted"),
        ("#EXT-X-BYTERANGE:75232@0", "parts of files"),
        ("#EXT-X-MEDIA-SEQUENCE:many", "where numbers belong"),
        ("#EXT-X-MEDIA-SEQUENCE:inf", "where numbers belong"),
        ("#EXT-X-TARGETDURATION:nan", "where numbers belong"),
    ],
)
def test_playlists_that_cannot_be_played_say_why(line: str, why: str) -> None:
    with pytest.raises(Unplayable, match=why):
        parse_media(f"{HEAD}{line}\n#EXTINF:1,\n1.ts\n", url="http://cam/")
