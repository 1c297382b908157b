"""HTTP live streaming: playlists read by ourselves, segments joined into one stream of bytes.

libav's own reader waits where nobody can reach it, and a playlist could send it to any address.

Source: RFC 8216, sections 4.3 (tags) and 6.3 (what a client does).
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPResponse
from urllib.parse import urljoin

from losszero_rt.timings import now_s
from losszero_rt.video.feeds import Unplayable
from losszero_rt.video.http_client import HttpClient, check_http
from losszero_rt.video.sockets import Patience, Silence

MAX_PLAYLIST_BYTES = 1 << 20
_BANDWIDTH = re.compile(r"[:,]BANDWIDTH=(\d+)")
_MAP_URI = re.compile(r'URI="([^"]*)"')
_REFUSED = {
    "#EXT-X-BYTERANGE": "its segments are parts of files",
    "#EXT-X-KEY": "it is encrypted",
}


@dataclass(frozen=True, kw_only=True)
class MediaPlaylist:
    """A playlist of segments.

    Attributes:
        first_number: Number of the first segment.
        segments: Addresses of the segments.
        map_url: Address of what comes before the segments; None when nothing does.
        target_s: Length of the longest segment, seconds.
        finite: Whether no segment will be added.
    """

    first_number: int
    segments: tuple[str, ...]
    map_url: str | None
    target_s: float
    finite: bool


def best_variant(text: str, *, url: str) -> str | None:
    """Return the address of the variant with the highest rate; None if the text has none."""
    variants, bandwidth = [], -1
    for line in _lines(text):
        if line.startswith("#EXT-X-STREAM-INF"):
            found = _BANDWIDTH.search(line)
            bandwidth = int(found[1]) if found else 0
        elif not line.startswith("#") and bandwidth >= 0:
            variants.append((bandwidth, line))
            bandwidth = -1
    return urljoin(url, max(variants)[1]) if variants else None


def parse_media(text: str, *, url: str) -> MediaPlaylist:
    """Parse a playlist of segments.

    Raises:
        Unplayable: It holds none, or such as cannot be played.
    """
    segments: list[str] = []
    tags: dict[str, str] = {}
    for line in _lines(text):
        tag, _, value = line.partition(":")
        if tag in _REFUSED and "METHOD=NONE" not in value:
            raise Unplayable(f"its HLS playlist cannot be played: {_REFUSED[tag]}")
        if line.startswith("#"):
            tags[tag] = value
        else:
            segments.append(urljoin(url, line))
    if "#EXT-X-TARGETDURATION" not in tags:
        raise Unplayable("its HLS playlist says no target duration")
    found = _MAP_URI.search(tags.get("#EXT-X-MAP", ""))
    return MediaPlaylist(
        first_number=int(_number(tags.get("#EXT-X-MEDIA-SEQUENCE", "0"))),
        segments=tuple(segments),
        map_url=urljoin(url, found[1]) if found else None,
        target_s=min(max(_number(tags["#EXT-X-TARGETDURATION"]), 0.5), 60.0),
        finite="#EXT-X-ENDLIST" in tags,
    )


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise Unplayable("its HLS playlist has something else where numbers belong")
    return number


def _lines(text: str) -> Iterator[str]:
    return (line.strip() for line in text.splitlines() if line.strip())


class HlsReader:
    """The segments of a playlist as one stream of bytes, the newest first when it is live.

    Args:
        client: Gets the segments.
        url: Address of the playlist.
        text: What is written there.
        patience: How long to wait for new segments.

    Raises:
        Unplayable: It cannot be played.
        OSError: Its variant cannot be read.
    """

    def __init__(self, client: HttpClient, *, url: str, text: bytes, patience: Patience) -> None:
        self._client = client
        self._patience = patience
        variant = best_variant(text.decode("utf-8", "replace"), url=url)
        self._url = variant or url
        self._playlist = self._read_playlist() if variant else self._parsed(text)
        self.finite = self._playlist.finite
        newest = max(0, len(self._playlist.segments) - 1)
        self._next = self._playlist.first_number + (0 if self.finite else newest)
        self._map_url: str | None = None
        self._answer: HTTPResponse | None = None

    def pull(self, num_bytes: int) -> bytes:
        """Return bytes of the segment at hand, else of the next one; nothing at the end."""
        while True:
            if self._answer is not None:
                read = self._answer.read1(num_bytes)
                if read:
                    return read
                self.close()
            url = self._next_url()
            if url is None:
                return b""
            self._answer = self._client.get(url)

    def close(self) -> None:
        """Let go of the segment at hand."""
        if self._answer is not None:
            self._answer.close()
            self._answer = None

    def _next_url(self) -> str | None:
        """Return where to go on, waiting for a new segment; None at the end of a finite list."""
        until_s = now_s() + self._patience.silence_s + 2 * self._playlist.target_s
        while (place := self._next - self._playlist.first_number) >= len(self._playlist.segments):
            if self._playlist.finite:
                return None
            if now_s() > until_s:
                raise Silence("no new segment")
            # Half the longest segment is the least that the standard allows.
            self._patience.stop.wait(self._playlist.target_s / 2)
            self._playlist = self._read_playlist()
        if place < 0:
            # The list moved on without us.
            place = len(self._playlist.segments) - 1
            self._next = self._playlist.first_number + place
        if self._playlist.map_url != self._map_url:
            self._map_url = self._playlist.map_url
            if self._map_url is not None:
                return self._map_url
        self._next += 1
        return self._playlist.segments[place]

    def _read_playlist(self) -> MediaPlaylist:
        self._patience.stop.check()
        answer = self._client.get(self._url)
        with answer:
            return self._parsed(answer.read(MAX_PLAYLIST_BYTES))

    def _parsed(self, text: bytes) -> MediaPlaylist:
        playlist = parse_media(text.decode("utf-8", "replace"), url=self._url)
        for url in playlist.segments:
            check_http(url)
        return playlist
