"""What libav reads live bytes from: files of our own making, whose waits can be ended."""

from collections.abc import Callable
from http.client import HTTPException

from losszero_rt.timings import now_s
from losszero_rt.video.stop_flag import Stopped


class Unplayable(ValueError):  # noqa: N818
    """What came is understood, and is nothing that can be played; the text says why."""


class Feed:
    """A file-like source of bytes for libav, which must never see an exception.

    libav carries on after a failed read and would have several exceptions fight for one place.
    So a failure reads as the end of the stream, and is kept for whoever opened the feed.

    Args:
        name: Its name for libav, free of secrets.
        pull: Returns up to so many bytes, at least one, or nothing at the end.
        close: Releases what ``pull`` reads from.

    Attributes:
        name: Its name.
        failure: What ended the stream early, or None.
        paced: Whether the bytes come in bursts, faster than the pictures in them are shown.
        finite: Whether its end is the end of the source, not a lost connection.
        heard_s: Monotonic clock when bytes came last.
    """

    def __init__(
        self, name: str, *, pull: Callable[[int], bytes], close: Callable[[], None]
    ) -> None:
        self.name = name
        self.failure: Exception | None = None
        self.paced = False
        self.finite = False
        self.heard_s = now_s()
        self._pull = pull
        self._close = close

    def read(self, num_bytes: int) -> bytes:
        """Return up to ``num_bytes``; nothing at the end and after a failure."""
        if self.failure is not None:
            return b""
        try:
            piece = self._pull(num_bytes)[:num_bytes]
        except (OSError, HTTPException, Stopped, ValueError) as error:
            self.failure = error.with_traceback(None)
            return b""
        self.heard_s = now_s()
        return piece

    def close(self) -> None:
        """Let go of the connection."""
        self._close()
