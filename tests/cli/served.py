"""A live run as a process, with a page on a real port."""

import re
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from websockets.sync.client import connect
from websockets.typing import Origin

from tests.cli.program import Outcome, finish, start
from tests.serve.watcher import Watcher

LIMIT_S = 60.0
GREY = "lavfi:color=gray:size=320x180:rate=30"


class Served:
    """A live run with a page."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        assert process.stderr is not None
        self.said: list[str] = []
        while not self.said or not self.said[-1].startswith("watch at "):
            line = process.stderr.readline()
            assert line, (self.said, process.wait())
            self.said.append(line.rstrip("\n"))
        self.url = self.said[-1].removeprefix("watch at ")
        self.port = int(re.findall(r":(\d+)/", self.url)[0])

    @contextmanager
    def watching(self) -> Iterator[Watcher]:
        with connect(
            f"ws://127.0.0.1:{self.port}/watch",
            origin=Origin(f"http://127.0.0.1:{self.port}"),
            max_size=None,
            close_timeout=1,
            open_timeout=LIMIT_S,
        ) as socket:
            yield Watcher(socket)

    def get(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=20) as answer:
            text: str = answer.read().decode()
            return text

    def interrupt(self) -> Outcome:
        self.process.send_signal(signal.SIGINT)
        return finish(self.process)


@contextmanager
def served(
    *words: object, bundle: Path, source: str = GREY, place: str = "0", **environment: str
) -> Iterator[Served]:
    asked = ("live", source, "--serve", place, "--no-legend", *words)
    process = start(*asked, bundle=bundle, **environment)
    try:
        yield Served(process)
    finally:
        process.kill()
        process.communicate()
