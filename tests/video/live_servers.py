"""Real sources on loopback for the tests of live video, each with faults on demand."""

import base64
import http.server
import select
import shutil
import signal
import socket
import socketserver
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import cv2
import pytest

from tests.media import draw_index
from tests.needing import need
from tests.video.live_reading import LIMIT_S

SERVER = Path(__file__).with_name("rtsp_server.py")
SYSTEM_PYTHON = "/usr/bin/python3"


@cache
def why_no_rtsp() -> str:
    """Return why the RTSP server cannot run here; nothing where it can."""
    check = "import gi; gi.require_version('GstRtspServer', '1.0')"
    check += "; from gi.repository import GstRtspServer"
    try:
        done = subprocess.run([SYSTEM_PYTHON, "-c", check], capture_output=True, timeout=60)
    except OSError as error:
        return str(error)
    return "" if done.returncode == 0 else "gir1.2-gst-rtsp-server-1.0 is not installed"


def need_rtsp() -> None:
    """Skip the test where there is no RTSP server, unless it is demanded."""
    reason = why_no_rtsp()
    need(reason and f"no RTSP server: {reason}", demanded_by="LOSSZERO_REQUIRE_LIVE")


class RtspServer:
    """A child process that serves ``/live``; a pause leaves its connections open and silent."""

    def __init__(self) -> None:
        need_rtsp()
        self._child: subprocess.Popen[str] | None = None
        self.port = 0

    def start(self, **settings: str) -> None:
        """Start, at the same port as before; settings are those of ``rtsp_server.py``."""
        asked = [f"--{name}={value}" for name, value in settings.items()]
        self._child = subprocess.Popen(
            [SYSTEM_PYTHON, str(SERVER), f"--port={self.port}", *asked],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._child.stdout is not None
        assert select.select([self._child.stdout], [], [], LIMIT_S)[0], "the server does not start"
        self.port = int(self._child.stdout.readline())

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}/live"

    def pause(self) -> None:
        assert self._child is not None
        self._child.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._child is not None
        self._child.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.communicate(timeout=LIMIT_S)
            self._child = None


@contextmanager
def rtsp_server(**settings: str) -> Iterator[RtspServer]:
    server = RtspServer()
    server.start(**settings)
    try:
        yield server
    finally:
        server.kill()


@contextmanager
def silent_peer() -> Iterator[int]:
    """A port that takes connections and never says a word; yields its number."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(50)
        yield listener.getsockname()[1]


@contextmanager
def tls_in_front(port: int, folder: Path) -> Iterator[int]:
    """A port that takes TLS, with a certificate of its own making, and passes on to another."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=localhost", "-keyout", str(key), "-out", str(cert)),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)

    class Relay(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with (
                suppress(OSError),
                context.wrap_socket(self.request, server_side=True) as outer,
                socket.create_connection(("127.0.0.1", port)) as inner,
            ):
                outer.settimeout(0.02)
                while True:
                    for source, target in ((outer, inner), (inner, outer)):
                        if source is outer or select.select([inner], [], [], 0)[0]:
                            with suppress(TimeoutError):
                                data = source.recv(65536)
                                if not data:
                                    return
                                target.sendall(data)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Relay) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join(LIMIT_S)


def refused_port() -> int:
    """Return a port where nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


class HttpServer(http.server.ThreadingHTTPServer):
    """Files, MJPEG and refusals over HTTP.

    Attributes:
        fps: Pictures a second of ``/mjpeg``.
        size: (height, width) of its pictures.
        stalled: Whether it sends nothing for now.
        cut: Whether connections end.
        files: Bytes by path.
        login: ``user:password`` that is demanded; empty for none.
        asked: Paths that were asked for.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), HttpHandler)
        self.fps, self.size = 50, (96, 192)
        self.stalled = self.cut = False
        self.files: dict[str, Callable[[], bytes]] = {}
        self.redirects: dict[str, str] = {}
        self.login = ""
        self.asked: list[str] = []

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}{path}"


class HttpHandler(http.server.BaseHTTPRequestHandler):
    server: HttpServer

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        server, path = self.server, self.path.partition("?")[0]
        server.asked.append(self.path)
        expected = "Basic " + base64.b64encode(server.login.encode()).decode()
        if server.login and self.headers.get("Authorization") != expected:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="cam"')
            self.end_headers()
        elif path in server.redirects:
            self.send_response(302)
            self.send_header("Location", server.redirects[path])
            self.end_headers()
        elif path in server.files:
            content = server.files[path]()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        elif path == "/mjpeg":
            self._send_pictures()
        else:
            self.send_error(404)

    def _send_pictures(self) -> None:
        server = self.server
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        number = 0
        while not server.cut:
            if server.stalled:
                time.sleep(0.01)
                continue
            _, jpeg = cv2.imencode(".jpg", draw_index(number % 4096, size=server.size))
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            try:
                self.wfile.write(head.encode() + jpeg.tobytes() + b"\r\n")
            except OSError:
                return
            number += 1
            time.sleep(1 / server.fps)


@contextmanager
def http_server() -> Iterator[HttpServer]:
    server = HttpServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.cut = True
        server.shutdown()
        thread.join(LIMIT_S)
        server.server_close()
