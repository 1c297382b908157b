"""The web server: uvicorn, with limits, without logs of its own, on a socket that is there."""

import asyncio
import socket
import ssl
from typing import Any

from starlette.types import ASGIApp
from uvicorn import Config, Server
from uvicorn.protocols.http.h11_impl import H11Protocol

from losszero_rt.serve.hub import Hub
from losszero_rt.serve.messages import MAX_MESSAGE_BYTES

_FIRST_REQUEST_S = 10.0
_MAX_HEAD_BYTES = 16 * 1024
_PING_S = 10.0
_END_S = 1


class LimitedProtocol(H11Protocol):
    """HTTP/1.1 that takes a bounded number of connections, and none that asks for nothing.

    Attributes:
        max_connections: Connections at one time, WebSockets among them.
    """

    max_connections = 64

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, or end it at once when there are too many."""
        if len(self.connections) >= self.max_connections:
            transport.abort()
            return
        super().connection_made(transport)
        self.loop.call_later(_FIRST_REQUEST_S, self._end_if_silent)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a connection, unless it was never taken."""
        if self.transport is not None:
            super().connection_lost(exc)

    def _end_if_silent(self) -> None:
        if self.scope is None and not self.transport.is_closing():
            self.transport.abort()


def build_server(app: ASGIApp, *, context: ssl.SSLContext | None, max_viewers: int) -> Server:
    """Return the server, not running yet.

    Args:
        app: The page.
        context: For TLS; None for none.
        max_viewers: Viewers at one time; each may need some connections.
    """
    limits = {"max_connections": 32 + 4 * max_viewers}
    options: dict[str, Any] = {}
    if context is not None:
        options["ssl_context_factory"] = lambda _config, _default: context
    config = Config(
        app,
        http=type("PageProtocol", (LimitedProtocol,), limits),
        ws="websockets-sansio",
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_ping_interval=_PING_S,
        ws_ping_timeout=_PING_S,
        ws_per_message_deflate=False,  # a JPEG does not get smaller
        loop="asyncio",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="critical",  # what strangers send is no news of the run
        access_log=False,
        proxy_headers=False,
        server_header=False,
        h11_max_incomplete_event_size=_MAX_HEAD_BYTES,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=_END_S,
        **options,
    )
    return Server(config)


async def serve(server: Server, *, hub: Hub, door: socket.socket) -> None:
    """Serve until the hub is closed.

    Raises:
        Exception: Whatever ended the encoding of pictures.
    """
    encoding = asyncio.create_task(hub.encode_forever())
    serving = asyncio.create_task(server.serve(sockets=[door]))
    ending = asyncio.create_task(hub.wait_for_end())
    try:
        await asyncio.wait({encoding, serving, ending}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        hub.close()
        server.should_exit = True
        await asyncio.wait({serving})
        encoding.cancel()
        ending.cancel()
        await asyncio.wait({encoding, ending})
    for task in (encoding, serving):
        if not task.cancelled():
            task.result()
