"""The connections of the page: a bounded number, of which nobody unknown keeps one.

    taken -> stranger --- admitted ---> known, stays as long as it likes
                |
                +--- after some seconds, or when another needs the place ---> ended

A stranger is everybody whose requests the gate has not admitted yet: who has said nothing so far,
dribbles a request, does not finish TLS, idles between requests, or has no token.
"""

import asyncio
from collections import Counter
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from losszero_rt.serve.clients import client_of

PLACE = "losszero_rt.place"
# Enough to be led to the page over a bad line and to sign in.
STRANGER_S = 10.0


class Place:
    """The place of one connection, from its first packet to its last.

    Args:
        places: All of them.
        transport: The connection, beneath TLS.
        client: Who holds it.

    Attributes:
        client: Who holds it.
        is_known: Whether it was admitted.
    """

    def __init__(self, places: "Places", *, transport: asyncio.Transport, client: str) -> None:
        self.client = client
        self.is_known = False
        self._places = places
        self._transport = transport
        self._deadline = asyncio.get_running_loop().call_later(STRANGER_S, self.end)

    def admit(self) -> None:
        """Let the connection stay."""
        self.is_known = True
        self._deadline.cancel()

    def end(self) -> None:
        """End the connection now, whatever was still to be sent; idempotent."""
        self.leave()
        self._transport.abort()

    def leave(self) -> None:
        """Give the place back, once the connection has ended; idempotent."""
        self._deadline.cancel()
        self._places.forget(self)

    def announced(self, app: ASGIApp) -> ASGIApp:
        """Return an application that finds this place in the scope of its requests."""

        async def with_place(scope: Scope, receive: Receive, send: Send) -> None:
            scope[PLACE] = self
            await app(scope, receive, send)

        return with_place


def place_of(scope: Scope) -> Place:
    """Return the place of the connection that a request came by."""
    place: Any = scope[PLACE]
    assert isinstance(place, Place), "the server announces it"
    return place


class Places:
    """All places. Belongs to the thread of the event loop.

    Args:
        count: Places there are.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._taken: dict[Place, None] = {}  # in the order in which they were taken
        self._is_closed = False

    def take(self, transport: asyncio.Transport) -> Place | None:
        """Give a new connection its place, if need be that of a stranger.

        Returns:
            None when everybody is known; the connection is ended then.
        """
        peer = transport.get_extra_info("peername") or ("",)
        if self._is_closed or not self._make_room():
            transport.abort()
            return None
        place = Place(self, transport=transport, client=client_of(str(peer[0])))
        self._taken[place] = None
        return place

    def forget(self, place: Place) -> None:
        """Take a place off the list."""
        self._taken.pop(place, None)

    def close(self) -> None:
        """End the connections of strangers, and let nobody in any more."""
        self._is_closed = True
        for place in list(self._taken):
            if not place.is_known:
                place.end()

    def _make_room(self) -> bool:
        """Say whether there is a free place; a stranger may have to go.

        It is the oldest of the client who holds most, so that a crowd only gets in its own way.
        """
        if len(self._taken) < self._count:
            return True
        strangers = [place for place in self._taken if not place.is_known]
        if not strangers:
            return False
        crowd = Counter(place.client for place in strangers).most_common(1)[0][0]
        next(place for place in strangers if place.client == crowd).end()
        return True
