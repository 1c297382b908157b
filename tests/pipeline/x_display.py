"""A screen in memory, and what a person in front of it would do to a window."""

import ctypes
import ctypes.util
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from losszero_rt.pipeline.live_window import has_no_windows
from tests.needing import need

WAYS = ("q", "Escape", "closed")
LIMIT_S = 60.0

_CLIENT_MESSAGE = 33
_ErrorHandler = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
# Without one Xlib ends the process when a window has gone in the meantime. Kept: Xlib keeps it not.
_HEEDLESS = _ErrorHandler(lambda *_: 0)


class _Message(ctypes.Structure):
    """XClientMessageEvent of Xlib.h."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("send_event", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong),
        ("message_type", ctypes.c_ulong),
        ("format", ctypes.c_int),
        ("data", ctypes.c_long * 5),
    )


class _Event(ctypes.Union):
    """XEvent of Xlib.h, as large as the largest."""

    _fields_ = (("message", _Message), ("pad", ctypes.c_long * 24))


def ask_to_close(display: str, *, window: int) -> None:
    """Send a window what its cross sends when somebody clicks on it."""
    name = ctypes.util.find_library("X11")
    assert name is not None, "Xvfb comes with it"
    xlib = ctypes.CDLL(name)
    xlib.XOpenDisplay.restype = ctypes.c_void_p
    xlib.XInternAtom.restype = ctypes.c_ulong
    xlib.XInternAtom.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int)
    xlib.XSendEvent.argtypes = (
        ctypes.c_void_p,
        ctypes.c_ulong,
        ctypes.c_int,
        ctypes.c_long,
        ctypes.POINTER(_Event),
    )
    xlib.XCloseDisplay.argtypes = (ctypes.c_void_p,)
    xlib.XSetErrorHandler(_HEEDLESS)
    connection = xlib.XOpenDisplay(display.encode())
    assert connection, f"no display {display}"
    event = _Event()
    event.message.type = _CLIENT_MESSAGE
    event.message.window = window
    event.message.message_type = xlib.XInternAtom(connection, b"WM_PROTOCOLS", 0)
    event.message.format = 32
    event.message.data[0] = xlib.XInternAtom(connection, b"WM_DELETE_WINDOW", 0)
    xlib.XSendEvent(connection, window, 0, 0, ctypes.byref(event))
    xlib.XCloseDisplay(connection)


def why_no_windows() -> str:
    """Return why there can be no windows here; nothing where there can."""
    missing = [tool for tool in ("Xvfb", "xdotool") if shutil.which(tool) is None]
    if missing:
        return f"no {' and no '.join(missing)} on this machine"
    if has_no_windows():
        return "this OpenCV was built without windows: opencv-python-headless came last"
    return ""


@contextmanager
def x_display() -> Iterator[str]:
    """Start a screen; yields its name. Skips the test where windows cannot be tested."""
    need(why_no_windows(), demanded_by="LOSSZERO_REQUIRE_WINDOWS")
    with white_screen() as display:
        yield display


@contextmanager
def white_screen() -> Iterator[str]:
    """Start a screen of 1280x800 that is white; yields its name. Needs Xvfb."""
    read_end, write_end = os.pipe()
    words = [
        "Xvfb",
        "-displayfd",
        str(write_end),
        "-screen",
        "0",
        "1280x800x24",
        "-nolisten",
        "tcp",
        "-wr",
        # Without it the screen starts anew whenever its last client leaves, as each xdotool does.
        "-noreset",
    ]
    server = subprocess.Popen(words, pass_fds=[write_end], stderr=subprocess.DEVNULL)
    os.close(write_end)
    try:
        with os.fdopen(read_end) as pipe:
            yield f":{pipe.readline().strip()}"
    finally:
        server.terminate()
        server.wait(10)


def end_window(display: str, *, title: str, way: str, ended: Callable[[], bool]) -> None:
    """Find a window and end it in one of :data:`WAYS`, again and again until it has ended."""
    until = time.monotonic() + LIMIT_S
    seen = False
    while not ended() and time.monotonic() < until:
        # Looked for each time: a window that was there a moment ago need not be the one that stays.
        windows = _told(display, "search", "--name", title).split()
        seen = seen or bool(windows)
        if windows and way == "closed":
            ask_to_close(display, window=int(windows[-1]))
        elif windows:
            _told(display, "windowfocus", windows[-1])
            _told(display, "key", "--window", windows[-1], way)
        time.sleep(0.3)
    assert seen, f"no window {title} came"


def _told(display: str, *words: str) -> str:
    done = subprocess.run(
        ["xdotool", *words],
        env={**os.environ, "DISPLAY": display},
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    return done.stdout.strip()
