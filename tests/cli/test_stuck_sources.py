"""Live runs that are told to end while a library hangs: real processes, which come to their end."""

import select
import signal
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from losszero_rt.video import probe
from losszero_rt.video.output_path import part_of
from tests.cli.program import read_json, start, wait_until
from tests.cli.test_live_lifecycle import AS_IT_IS, ended, num_lines, running
from tests.video.live_servers import http_server, rtsp_server

# 3 s are promised on a machine that does nothing else; what hangs here hangs for longer than this.
WITHIN_S = 8.0

# A resolver that has no answer, once a file is there.
NO_ANSWER = """
import os, socket, time
_answer = socket.getaddrinfo
def getaddrinfo(*words, **more):
    if os.path.exists({flag!r}):
        open({asked!r}, "w").close()
        time.sleep(120)
    return _answer(*words, **more)
socket.getaddrinfo = getaddrinfo
"""


class RtspFront(socketserver.ThreadingTCPServer):
    """Passes on to an RTSP server; when told to hang, it greets and then says nothing more.

    Attributes:
        is_hanging: Whether it hangs.
        num_hung: Questions that got no answer.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, behind: int) -> None:
        super().__init__(("127.0.0.1", 0), _Relay)
        self.behind = behind
        self.is_hanging = False
        self.num_hung = 0
        self.over = threading.Event()

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self.server_address[1]}/live"


class _Relay(socketserver.BaseRequestHandler):
    server: RtspFront

    def handle(self) -> None:
        with suppress(OSError):
            if self.server.is_hanging:
                self._hang()
            else:
                self._relay()

    def _hang(self) -> None:
        asked = self.request.recv(4096).decode()
        number = asked.partition("CSeq:")[2].splitlines()[0].strip()
        self.request.sendall(
            f"RTSP/1.0 200 OK\r\nCSeq: {number}\r\nPublic: DESCRIBE\r\n\r\n".encode()
        )
        if self.request.recv(4096):
            self.server.num_hung += 1
            self.server.over.wait(60)

    def _relay(self) -> None:
        with socket.create_connection(("127.0.0.1", self.server.behind)) as inner:
            ends = {self.request: inner, inner: self.request}
            while not self.server.is_hanging:
                for end in select.select(list(ends), [], [], 0.02)[0]:
                    data = end.recv(65536)
                    if not data:
                        return
                    ends[end].sendall(data)


@contextmanager
def rtsp_front(behind: int) -> Iterator[RtspFront]:
    with RtspFront(behind) as front:
        thread = threading.Thread(target=front.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield front
        front.over.set()
        front.shutdown()
        thread.join(10)


def check_ended(folder: Path, *, code: int) -> None:
    """Demand that what was shown is recorded and reported."""
    report = read_json(folder / "r.json")
    assert report["exit_code"] == code
    assert report["live"]["ended_by"] == "signal"
    frames = report["frames"]
    # A frame that was cut in two with the connection cannot be decoded.
    ends = [frames[fate] for fate in ("shown", "dropped", "late", "corrupt")]
    assert frames["read"] == sum(ends)
    assert probe(folder / "o.mp4").frames == report["output"]["frames"] == frames["shown"] >= 25
    assert not list(folder.glob("*.part*"))


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_name_that_is_never_resolved_does_not_hold_up_the_end(
    bundle: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    flag, asked, folder = tmp_path / "flag", tmp_path / "asked", tmp_path / "site"
    folder.mkdir()
    words = NO_ANSWER.format(flag=str(flag), asked=str(asked))
    (folder / "sitecustomize.py").write_text(words)
    with http_server() as camera, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(folder))
        process = running(tmp_path, bundle=bundle, source=camera.url("/mjpeg"))
        flag.touch()
        camera.cut = True
        wait_until(asked.exists, process=process)
        process.send_signal(number)
        outcome = ended(process, within_s=WITHIN_S)
    assert outcome.code == code
    check_ended(tmp_path, code=code)


@pytest.mark.slow
def test_server_that_only_greets_does_not_hold_up_the_end_of_a_start(
    bundle: Path, tmp_path: Path
) -> None:
    with rtsp_front(0) as front:
        front.is_hanging = True
        words = ("--record", tmp_path / "o.mp4", "--report", tmp_path / "r.json")
        process = start("live", front.url, *words, *AS_IT_IS, bundle=bundle)
        wait_until(lambda: front.num_hung >= 1, process=process)
        process.send_signal(signal.SIGINT)
        outcome = ended(process, within_s=WITHIN_S)
    assert outcome.code == 130
    assert read_json(tmp_path / "r.json")["exit_code"] == 130
    assert not list(tmp_path.glob("o.mp4*"))


@pytest.mark.slow
def test_server_that_only_greets_does_not_hold_up_the_end_of_a_ride(
    bundle: Path, tmp_path: Path
) -> None:
    with rtsp_server() as server, rtsp_front(server.port) as front:
        process = running(tmp_path, bundle=bundle, source=front.url)
        before = num_lines(part_of(tmp_path / "l.jsonl"))
        assert before > 0
        front.is_hanging = True
        # Each attempt waits for longer than the one before; the fourth for ten seconds.
        wait_until(lambda: front.num_hung >= 4, process=process)
        process.send_signal(signal.SIGINT)
        outcome = ended(process, within_s=WITHIN_S)
    assert outcome.code == 130
    check_ended(tmp_path, code=130)
