"""Those who open connections to a page and do not go away, on addresses of loopback."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from losszero_rt.serve import Page

VIEWER, STRANGER = "127.0.0.1", "127.0.0.2"
# More than any page of these tests has places.
CROWD = 220
WHOLE = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@contextmanager
def crowd(
    page: Page, *, says: bytes = b"", count: int = CROWD, host: str = STRANGER
) -> Iterator[list[socket.socket]]:
    """Connect many times, each of them saying the same."""
    with ExitStack() as leaving:
        connections = []
        for _ in range(count):
            one = socket.create_connection(("127.0.0.1", page.port), source_address=(host, 0))
            leaving.enter_context(one)
            connections.append(one)
            say(one, says)
        yield connections


def say(connection: socket.socket, text: bytes) -> None:
    """Send some bytes; who was shown out already says nothing."""
    try:
        connection.sendall(text)
    except OSError:
        return


def is_ended(connection: socket.socket) -> bool:
    """Say whether the page ended a connection; what it answered before is read over."""
    connection.setblocking(False)
    try:
        while connection.recv(65536):
            pass
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
