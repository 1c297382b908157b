"""One connection to the page: its place, TLS, and the time that a request may take to come."""

import asyncio
import ssl
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from losszero_rt.serve.places import Place, Places

if TYPE_CHECKING:
    from h11 import Request

# How long a connection may idle after an answer; browsers use it again for what they need next.
KEEP_ALIVE_S = 15
# When one that did not go in peace then, or dribbles its next request, is ended.
_OVERDUE_S = KEEP_ALIVE_S + 5.0
# How long TLS waits for a word of farewell.
_FAREWELL_S = 1.0


class PageProtocol(H11Protocol):
    """HTTP/1.1 on a place of its own, whose requests have to come whole and in time.

    The handshake of TLS is made here, behind the place: who never finishes it has one like others.

    Args:
        args: For the server's own protocol.
        places: Where the connection finds room.
        context: For TLS; None for none.
        kwargs: For the server's own protocol.
    """

    def __init__(
        self, *args: Any, places: Places, context: ssl.SSLContext | None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._places, self._context = places, context
        self._place: Place | None = None
        self._early = bytearray()
        self._overdue: asyncio.TimerHandle | None = None
        self._is_upgraded = self._is_lost = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, if there is a place for it."""
        self._place = place = self._places.take(transport)
        if place is None:
            return
        self.app = place.announced(self.app)
        self.ws_protocol_class = partial(PageSocket, place=place)  # type: ignore[assignment]
        if self._context is None:
            self._begin(transport)
            return
        task = self.loop.create_task(self._secure(transport, place=place, context=self._context))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a connection."""
        self._is_lost = True
        if self._overdue is not None:
            self._overdue.cancel()
        if self._place is not None:
            self._place.leave()
        if self.transport is not None:
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came; under TLS it may come with the last word of the handshake."""
        if self.transport is None:
            self._early += data
            return
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        self._watch()

    def handle_websocket_upgrade(self, event: "Request") -> None:
        """Leave the connection to another protocol."""
        self._is_upgraded = True
        super().handle_websocket_upgrade(event)

    async def _secure(
        self, transport: asyncio.Transport, *, place: Place, context: ssl.SSLContext
    ) -> None:
        secured = None
        try:
            with suppress(OSError):  # as all is that goes wrong with TLS
                secured = await self.loop.start_tls(
                    transport,
                    self,
                    context,
                    server_side=True,
                    ssl_shutdown_timeout=_FAREWELL_S,
                )
        finally:
            if secured is None or self._is_lost:
                place.end()
        if secured is not None and not self._is_lost:
            self._begin(secured)

    def _begin(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self._watch()
        if self._early:
            early, self._early = bytes(self._early), bytearray()
            self.data_received(early)

    def _watch(self) -> None:
        """See to it that nobody stays for long between two requests or in the middle of one."""
        is_answered = self.cycle is None or self.cycle.response_complete
        is_waiting = is_answered and not self._is_upgraded and not self._is_lost
        if is_waiting and self._overdue is None and self._place is not None:
            self._overdue = self.loop.call_later(_OVERDUE_S, self._place.end)
        elif not is_waiting and self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None


class PageSocket(WebSocketsSansIOProtocol):
    """A WebSocket on the place of the connection that asked for it.

    Args:
        args: For the server's own protocol.
        place: Of the connection.
        kwargs: For the server's own protocol.
    """

    def __init__(self, *args: Any, place: Place, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.app = place.announced(self.app)
        self._place = place

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a connection."""
        self._place.leave()
        super().connection_lost(exc)

    def keepalive_timeout(self) -> None:
        """Give up a viewer who is gone, or took nothing for long, without waiting any more."""
        super().keepalive_timeout()
        self._place.end()
