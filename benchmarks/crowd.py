"""A crowd of viewers in a process of its own, which read every picture of a page and drop it.

Each speaks the page's protocol on a socket of its own: it takes a picture, says at once that it
was drawn, and decodes nothing. So they cost as little as viewers can, and are as quick.

Run: python -m benchmarks.crowd URL. Every line on standard input is a number of viewers to be from
then on; the answer is a line of JSON about the time since the line before. It ends with its input.
"""

import json
import os
import selectors
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.typing import Origin
from websockets.uri import parse_uri

from benchmarks.options import ROOT
from benchmarks.program import ProgramError
from losszero_rt.timings import now_s

_CHUNK_BYTES = 1 << 18
_TIMEOUT_S = 30.0


class Spectator:
    """One viewer on a socket of its own.

    Args:
        place: Host and port of the page.

    Attributes:
        socket: Ready when there is something to take.
        num_pictures: Pictures got.
    """

    def __init__(self, place: str) -> None:
        host, _, port = place.rpartition(":")
        self._protocol = ClientProtocol(
            parse_uri(f"ws://{place}/watch"), origin=Origin(f"http://{place}"), max_size=None
        )
        self.num_pictures = 0
        self.socket = socket.create_connection((host, int(port)), timeout=_TIMEOUT_S)
        self._protocol.send_request(self._protocol.connect())
        self._send()

    def take(self) -> int:
        """Take what has come; return its size in bytes, 0 when the page has ended."""
        chunk = self.socket.recv(_CHUNK_BYTES)
        if not chunk:
            return 0
        self._protocol.receive_data(chunk)
        for event in self._protocol.events_received():
            if isinstance(event, Frame) and event.opcode is Opcode.BINARY:
                self.num_pictures += 1
                number = struct.unpack_from("<I", event.data)[0]
                self._protocol.send_text(b'{"t":"drawn","number":%d}' % number)
        self._send()
        return len(chunk)

    def _send(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self.socket.sendall(data)


class Crowd:
    """So many viewers, served by one thread.

    Args:
        place: Host and port of the page.
    """

    def __init__(self, place: str) -> None:
        self._place = place
        self._spectators: list[Spectator] = []
        self._selector = selectors.DefaultSelector()
        self._num_bytes, self._since_s, self._cpu_s = 0, now_s(), time.process_time()

    def serve(self, orders: int) -> None:
        """Watch, and do what the lines of a file descriptor ask for, until its end."""
        self._selector.register(orders, selectors.EVENT_READ)
        while True:
            for key, _ in self._selector.select():
                if key.data is not None:
                    num_bytes = key.data.take()
                    if not num_bytes:
                        sys.exit("the page ended a connection")
                    self._num_bytes += num_bytes
                elif text := os.read(orders, 64):
                    print(json.dumps(self._told()), flush=True)
                    self._become(int(text))
                else:
                    return

    def _told(self) -> dict[str, Any]:
        """Return what came since the last time, and begin to count anew."""
        facts = {
            "pictures": [spectator.num_pictures for spectator in self._spectators],
            "bytes": self._num_bytes,
            "seconds": now_s() - self._since_s,
            "cpu_s": time.process_time() - self._cpu_s,
        }
        for spectator in self._spectators:
            spectator.num_pictures = 0
        self._num_bytes, self._since_s, self._cpu_s = 0, now_s(), time.process_time()
        return facts

    def _become(self, number: int) -> None:
        while len(self._spectators) > number:
            spectator = self._spectators.pop()
            self._selector.unregister(spectator.socket)
            spectator.socket.close()
        while len(self._spectators) < number:
            spectator = Spectator(self._place)
            self._selector.register(spectator.socket, selectors.EVENT_READ, spectator)
            self._spectators.append(spectator)


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What a crowd got in some time.

    Attributes:
        pictures: Pictures of each viewer.
        bytes: Bytes of all.
        seconds: How long it was.
        cpu_s: Processor time of the whole crowd.
    """

    pictures: list[int]
    bytes: int
    seconds: float
    cpu_s: float


class CrowdProgram:
    """A crowd seen from outside; argument is its process."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def become(self, number: int) -> Taken:
        """Be so many viewers from now on; return what was since this was called last.

        Raises:
            ProgramError: It has ended.
        """
        assert self._process.stdin is not None, "started with pipes"
        assert self._process.stdout is not None, "started with pipes"
        try:
            print(number, file=self._process.stdin, flush=True)
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer.startswith("{"):
            raise ProgramError(f"the viewers ended: {answer}{self._process.stdout.read()}")
        return Taken(**json.loads(answer))


@contextmanager
def crowd(url: str) -> Iterator[CrowdProgram]:
    """Run a crowd for a page, of nobody at first; it is gone when the body ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.crowd", url],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield CrowdProgram(process)
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    Crowd(urlsplit(sys.argv[1]).netloc).serve(sys.stdin.fileno())
