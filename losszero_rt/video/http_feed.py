"""Live bytes over HTTP: one endless answer (MJPEG, MPEG-TS), or HLS segment after segment."""

from http.client import HTTPResponse

from losszero_rt.video.addresses import Place
from losszero_rt.video.feeds import Feed
from losszero_rt.video.hls import MAX_PLAYLIST_BYTES, HlsReader
from losszero_rt.video.http_client import HttpClient
from losszero_rt.video.sockets import Patience

_HLS_MARK = b"#EXTM3U"


def open_http(place: Place, *, patience: Patience) -> Feed:
    """Ask for an address and return a feed of what it sends.

    Raises:
        OSError, ValueError: As :meth:`HttpClient.get`; or a playlist that cannot be played.
        Stopped: Somebody asked to stop.
    """
    client = HttpClient(place, patience=patience)
    answer = client.get(place.bare_url)
    head = answer.read1(len(_HLS_MARK))
    while head and len(head) < len(_HLS_MARK) and _HLS_MARK.startswith(head):
        more = answer.read1(len(_HLS_MARK) - len(head))
        if not more:
            break
        head += more
    if head == _HLS_MARK:
        return _hls_feed(client, answer, head, place=place, patience=patience)
    finite = answer.length is not None
    feed = Feed(place.origin, pull=_Answer(answer, head).pull, close=answer.close)
    # A length that is known beforehand is that of a file.
    feed.paced = feed.finite = finite
    return feed


class _Answer:
    """The body of an answer of which the first bytes were looked at."""

    def __init__(self, answer: HTTPResponse, head: bytes) -> None:
        self._answer = answer
        self._head = head

    def pull(self, num_bytes: int) -> bytes:
        head, self._head = self._head[:num_bytes], self._head[num_bytes:]
        return head or self._answer.read1(num_bytes)


def _hls_feed(
    client: HttpClient, answer: HTTPResponse, head: bytes, *, place: Place, patience: Patience
) -> Feed:
    text = head + answer.read(MAX_PLAYLIST_BYTES)
    answer.close()
    reader = HlsReader(client, url=answer.url, text=text, patience=patience)
    feed = Feed(place.origin, pull=reader.pull, close=reader.close)
    feed.paced, feed.finite = True, reader.finite
    return feed
