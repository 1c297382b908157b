"""A viewer without a browser: the WebSocket client of another library, on the real port."""

import json
import ssl
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from losszero_rt.serve import Page
from losszero_rt.timings import now_s
from tests.serve.painted import read_number

# The fields of a choice, for tests that ask for something else in one of them.
USUAL: dict[str, Any] = {
    "view": "overlay",
    "alpha": 0.45,
    "classes": None,
    "cam": None,
    "text": True,
}
_HEAD = struct.Struct("<IIffd")


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A picture as a viewer got it.

    Attributes:
        number: Counts the pictures of the page.
        index: Number of the frame.
        age_ms: Age when it was sent.
        screen_ms: Delay of the picture before.
        unix_s: When it was captured.
        bgr_HWC: The picture.
    """

    number: int
    index: int
    age_ms: float
    screen_ms: float
    unix_s: float
    bgr_HWC: np.ndarray

    @property
    def drawn_index(self) -> int:
        """The number that is drawn in the picture itself."""
        return read_number(cv2.cvtColor(self.bgr_HWC, cv2.COLOR_BGR2GRAY))


class Watcher:
    """Speaks the page's protocol by hand."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def picture(self, *, drawn: bool = True, limit_s: float = 20.0) -> Seen:
        """Return the next picture, and say that it was drawn."""
        end_s = now_s() + limit_s
        while isinstance(message := self.socket.recv(timeout=max(0, end_s - now_s())), str):
            pass
        number, index, age_ms, screen_ms, unix_s = _HEAD.unpack_from(message)
        seen = Seen(
            number=number,
            index=index,
            age_ms=age_ms,
            screen_ms=screen_ms,
            unix_s=unix_s,
            bgr_HWC=decoded(message[_HEAD.size :]),
        )
        if drawn:
            self.say(t="drawn", number=number)
        return seen

    def text(self, kind: str, *, limit_s: float = 20.0) -> dict[str, Any]:
        """Return the next message of a kind; pictures on the way are said to be drawn."""
        while True:
            message = self.socket.recv(timeout=limit_s)
            if isinstance(message, bytes):
                self.say(t="drawn", number=_HEAD.unpack_from(message)[0])
            elif (found := json.loads(message))["t"] == kind:
                assert isinstance(found, dict)
                return found

    def say(self, **message: Any) -> None:
        """Send a message; one that comes too late is no matter."""
        with suppress(ConnectionClosed):
            self.socket.send(json.dumps(message))


def address(page: Page, *, path: str = "/watch", scheme: str = "ws") -> str:
    return f"{scheme}://127.0.0.1:{page.port}{path}"


def decoded(jpeg: bytes) -> np.ndarray:
    """Return the picture of a JPEG file, uint8 (H, W, 3), BGR."""
    pixels = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None, "a JPEG file"
    return pixels


@contextmanager
def watching(
    page: Page,
    *,
    url: str = "",
    origin: str | None = "own",
    headers: dict[str, str] | None = None,
    context: ssl.SSLContext | None = None,
) -> Iterator[Watcher]:
    """Watch a page; by default on loopback, without a token, as the page's own script would."""
    sender = f"http://127.0.0.1:{page.port}" if origin == "own" else origin
    with connect(
        url or address(page),
        origin=None if sender is None else Origin(sender),
        additional_headers=headers,
        ssl=context,
        max_size=None,
        close_timeout=1,
    ) as socket:
        yield Watcher(socket)
