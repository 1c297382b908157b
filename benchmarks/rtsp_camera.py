"""A network camera that can be cut off: the RTSP server of the tests, in a process of its own."""

import select
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from benchmarks.options import ROOT
from benchmarks.program import ProgramError

SERVER = ROOT / "tests" / "video" / "rtsp_server.py"
# Debian's GStreamer is for Debian's Python.
PYTHON = "/usr/bin/python3"
_START_S = 60.0


def why_no_rtsp() -> str:
    """Say what is missing; nothing when the server can run."""
    check = "import gi; gi.require_version('GstRtspServer', '1.0')"
    check += "; from gi.repository import GstRtspServer"
    with suppress(OSError):
        if subprocess.run([PYTHON, "-c", check], capture_output=True, check=False).returncode == 0:
            return ""
    return "no GStreamer RTSP server on this machine (gir1.2-gst-rtsp-server-1.0, python3-gi)"


class RtspCamera:
    """Serves H.264 over RTSP at one port for as long as it is on.

    Args:
        size: (height, width).
        fps: Frames a second.
    """

    def __init__(self, *, size: tuple[int, int], fps: int) -> None:
        self._settings = [f"--size={size[1]}x{size[0]}", f"--fps={fps}", "--pattern=ball"]
        self._process: subprocess.Popen[str] | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """Where the stream is."""
        return f"rtsp://127.0.0.1:{self._port}/live"

    def switch_on(self) -> None:
        """Serve, at the same port as before.

        Raises:
            ProgramError: The server does not start.
        """
        command = [PYTHON, str(SERVER), f"--port={self._port}", *self._settings]
        self._process = process = _start(command)
        assert process.stdout is not None, "started with a pipe"
        if not select.select([process.stdout], [], [], _START_S)[0]:
            raise ProgramError(f"the RTSP server did not start within {_START_S:.0f} s")
        line = process.stdout.readline()
        if not line.strip().isdecimal():
            raise ProgramError("the RTSP server did not start; is its port taken?")
        self._port = int(line)

    def fall_silent(self) -> None:
        """Send nothing more, with every connection left open."""
        assert self._process is not None, "it is on"
        self._process.send_signal(signal.SIGSTOP)

    def switch_off(self) -> None:
        """End every connection, and take no more."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def _start(command: list[str]) -> "subprocess.Popen[str]":
    # In a session of its own, as a Ctrl-C at the terminal is no failure of the camera.
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )


@contextmanager
def rtsp_camera(*, size: tuple[int, int], fps: int) -> Iterator[RtspCamera]:
    """Run a camera; it is gone when the body ends.

    Raises:
        ProgramError: The server does not start.
    """
    camera = RtspCamera(size=size, fps=fps)
    try:
        camera.switch_on()
        yield camera
    finally:
        camera.switch_off()
