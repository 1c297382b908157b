"""Viewers who come and go: when, and each as the page's own script or a player does it."""

import http.client
import json
import logging
import random
import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect
from websockets.typing import Origin

from losszero_rt.timings import now_s

NUM_SEATS = 3
# How long a viewer stays, and stays away, seconds; less in a short run.
STAY_S, AWAY_S = (5.0, 60.0), (2.0, 30.0)
_SHORT_S = 300.0
_VIEWS = ("overlay", "mask", "side")
_TIMEOUT_S = 60.0
# The client's library complains of connections that are cut, which is what they are for.
_SILENT = logging.getLogger(__name__)
_SILENT.disabled = True

Kind = Literal["websocket", "mjpeg"]


@dataclass(frozen=True, kw_only=True)
class Visit:
    """One viewer, from coming to going.

    Attributes:
        seat: Visits of one seat follow one another.
        kind: ``websocket`` as the page's script does, ``mjpeg`` as a player does.
        start_s: When it begins, seconds since the start of the run.
        end_s: When it ends.
        view: The picture that is asked for, for all viewers; none where players watch.
        abrupt: Whether the connection is cut instead of closed.
    """

    seat: int
    kind: Kind
    start_s: float
    end_s: float
    view: str
    abrupt: bool


def plan_visits(*, length_s: float, seed: int) -> list[Visit]:
    """Return all visits of a run; all have ended when it ends.

    The first seat is for the page's script, the second for players, the last for both.

    Args:
        length_s: Length of the run, seconds.
        seed: Same seed, same visits.
    """
    chance = random.Random(seed)
    scale = min(1.0, length_s / _SHORT_S)
    visits = []
    for seat in range(NUM_SEATS):
        at_s = scale * chance.uniform(*AWAY_S)
        while (end_s := at_s + scale * chance.uniform(*STAY_S)) < length_s:
            kinds: tuple[Kind, ...] = ("websocket", "mjpeg")
            kind = kinds[seat] if seat < len(kinds) else chance.choice(kinds)
            view, abrupt = chance.choice(_VIEWS), chance.random() < 0.3
            visits.append(
                Visit(seat=seat, kind=kind, start_s=at_s, end_s=end_s, view=view, abrupt=abrupt)
            )
            at_s = end_s + scale * chance.uniform(*AWAY_S)
    return visits


@dataclass(kw_only=True)
class Audience:
    """What became of the visits so far; each seat writes for itself.

    Attributes:
        watching: Whether a seat is taken at this moment.
        visits: Visits that ended as planned.
        pictures: Pictures got, by kind.
        failures: What ended other visits early.
    """

    watching: list[bool] = field(default_factory=lambda: [False] * NUM_SEATS)
    visits: int = 0
    pictures: dict[Kind, int] = field(default_factory=lambda: {"websocket": 0, "mjpeg": 0})
    failures: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def num_watching(self) -> int:
        """Viewers at this moment."""
        return sum(self.watching)

    def note(self, visit: Visit, *, pictures: int, failure: str) -> None:
        """Count a visit."""
        with self._lock:
            self.pictures[visit.kind] += pictures
            if failure:
                self.failures.append(f"{visit.kind} at {visit.start_s:.0f} s: {failure}")
            else:
                self.visits += 1

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for a JSON file."""
        return {"visits": self.visits, "pictures": self.pictures, "failures": self.failures}


@contextmanager
def audience(url: str, *, visits: Sequence[Visit]) -> Iterator[Audience]:
    """Have viewers come and go while the body runs, each seat on a thread of its own.

    Args:
        url: Address of the page.
        visits: Counted from now.
    """
    found, closing, start_s = Audience(), threading.Event(), now_s()

    def sit(seat: int) -> None:
        for visit in visits:
            if visit.seat != seat:
                continue
            if closing.wait(max(0.0, start_s + visit.start_s - now_s())):
                return
            found.watching[seat] = True
            pay(visit, url=url, until_s=start_s + visit.end_s, found=found, closing=closing)
            found.watching[seat] = False

    threads = [threading.Thread(target=sit, args=(s,), daemon=True) for s in range(NUM_SEATS)]
    for thread in threads:
        thread.start()
    try:
        yield found
    finally:
        closing.set()
        for thread in threads:
            thread.join(_TIMEOUT_S)


def pay(
    visit: Visit, *, url: str, until_s: float, found: Audience, closing: threading.Event
) -> None:
    """Pay one visit: watch until its time has come, and count it."""
    place = urlsplit(url).netloc
    watcher: Listener | Player
    watcher = (Listener if visit.kind == "websocket" else Player)(place, visit=visit)
    failure = ""
    try:
        watcher.open()
        thread = threading.Thread(target=watcher.watch, daemon=True)
        thread.start()
        while thread.is_alive() and now_s() < until_s and not closing.wait(0.05):
            pass
        failure = watcher.failure
        watcher.leave()
        thread.join(_TIMEOUT_S)
    except (OSError, WebSocketException, http.client.HTTPException) as error:
        failure = repr(error)
    found.note(visit, pictures=watcher.num_pictures, failure=failure)


class Listener:
    """Speaks the page's protocol: asks for a view, and says of every picture that it was drawn.

    Args:
        place: Host and port of the page.
        visit: What to do.

    Attributes:
        num_pictures: Pictures got.
        failure: Why watching ended before anybody left; empty else.
    """

    def __init__(self, place: str, *, visit: Visit) -> None:
        self._place, self._visit = place, visit
        self._opened = ExitStack()
        self._leaving = False
        self.num_pictures = 0
        self.failure = ""

    def open(self) -> None:
        """Connect, and say which picture is wanted."""
        self._connection = self._opened.enter_context(
            connect(
                f"ws://{self._place}/watch",
                origin=Origin(f"http://{self._place}"),
                open_timeout=_TIMEOUT_S,
                max_size=None,
                compression=None,
                logger=_SILENT,
            )
        )
        self._say(t="choice", view=self._visit.view, alpha=0.45, classes=None, cam=None, text=True)

    def watch(self) -> None:
        """Take pictures until the connection ends."""
        try:
            for message in self._connection:
                if isinstance(message, bytes):
                    self.num_pictures += 1
                    self._say(t="drawn", number=struct.unpack_from("<I", message)[0])
            if not self._leaving:
                self.failure = "the page closed the connection"
        except (OSError, WebSocketException) as error:
            if not self._leaving:
                self.failure = repr(error)

    def leave(self) -> None:
        """End the connection, with a word or without."""
        self._leaving = True
        if self._visit.abrupt:
            cut(self._connection.socket)
        self._opened.close()

    def _say(self, **message: object) -> None:
        self._connection.send(json.dumps(message))


class Player:
    """Reads the plain stream of JPEG files; arguments and attributes as for :class:`Listener`."""

    def __init__(self, place: str, *, visit: Visit) -> None:
        self._connection = http.client.HTTPConnection(place, timeout=_TIMEOUT_S)
        self._leaving = False
        self.num_pictures = 0
        self.failure = ""

    def open(self) -> None:
        """Ask for the stream."""
        self._connection.request("GET", "/stream.mjpg")
        self._socket = self._connection.sock
        self._answer = self._connection.getresponse()
        if self._answer.status != http.HTTPStatus.OK:
            raise http.client.HTTPException(f"{self._answer.status} {self._answer.reason}")

    def watch(self) -> None:
        """Take pictures until the connection ends."""
        try:
            while line := self._answer.readline():
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    self._answer.readline()
                    self._answer.read(int(value))
                    self.num_pictures += 1
            if not self._leaving:
                self.failure = "the page ended the stream"
        except (OSError, ValueError, AttributeError, http.client.HTTPException) as error:
            if not self._leaving:
                self.failure = repr(error)

    def leave(self) -> None:
        """End the connection; players say no word."""
        self._leaving = True
        cut(self._socket)
        self._connection.close()


def cut(connection: socket.socket) -> None:
    """End a connection at once, whatever is under way; whoever reads from it goes on."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
