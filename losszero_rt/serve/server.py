"""The web server: uvicorn, with limits, without logs of its own, on a socket that is there."""

import asyncio
import socket
import ssl
from functools import partial
from typing import cast

from starlette.types import ASGIApp
from uvicorn import Config, Server

from losszero_rt.serve.connections import KEEP_ALIVE_S, PageProtocol
from losszero_rt.serve.hub import Hub
from losszero_rt.serve.messages import MAX_MESSAGE_BYTES
from losszero_rt.serve.places import Places

_MAX_HEAD_BYTES = 16 * 1024
_PING_S = 10.0
_END_S = 1


def places_for(*, max_viewers: int) -> Places:
    """Return as many places as so many viewers may need, each with some connections."""
    return Places(32 + 4 * max_viewers)


def build_server(app: ASGIApp, *, places: Places, context: ssl.SSLContext | None) -> Server:
    """Return the server, not running yet.

    Args:
        app: The page.
        places: Where connections find room.
        context: For TLS; None for none.
    """
    protocol = partial(PageProtocol, places=places, context=context)
    config = Config(
        app,
        http=cast("type[asyncio.Protocol]", protocol),  # only ever called
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
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=_END_S,
    )
    return Server(config)


async def serve(server: Server, *, hub: Hub, places: Places, door: socket.socket) -> None:
    """Serve until the hub is closed.

    Args:
        server: From :func:`build_server`.
        hub: Where pictures and figures come from.
        places: Of the server.
        door: Socket that listens.

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
        places.close()
        server.should_exit = True
        await asyncio.wait({serving})
        encoding.cancel()
        ending.cancel()
        await asyncio.wait({encoding, ending})
    for task in (encoding, serving):
        if not task.cancelled():
            task.result()
