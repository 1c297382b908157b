"""The window of a live run, where OpenCV can open one."""

import os
import subprocess
import sys

import cv2
import numpy as np

from losszero_rt.errors import UsageError
from losszero_rt.frame import Planes, VideoInfo
from losszero_rt.overlay import Hud
from losszero_rt.preprocess import yuv_to_rgb

_TRIAL = "import cv2; cv2.namedWindow('trial'); cv2.waitKey(1); cv2.destroyAllWindows()"
_TRIAL_TIMEOUT_S = 30.0
_QUIT_KEYS = (ord("q"), ord("Q"), 27)  # 27 is Esc
_MAX_FIRST_WIDTH = 1600


def check_window() -> None:
    """Refuse to show a window where none can be opened.

    It is tried in a process of its own: without a display the library would end this one.

    Raises:
        UsageError: This OpenCV has no windows, or there is no display.
    """
    if has_no_windows():
        raise UsageError(
            "--show: this OpenCV was built without windows",
            accepted="the package opencv-python; opencv-python-headless takes its place",
            remedy="--serve 8080 shows the same in a browser, or pip install --force-reinstall "
            "opencv-python",
        )
    if not _window_opens():
        raise UsageError(
            "--show: no window can be opened, there is no display",
            accepted="a desktop session (DISPLAY or WAYLAND_DISPLAY)",
            remedy="--serve 8080 shows the same in a browser",
        )


def has_no_windows() -> bool:
    """Say whether this OpenCV was built without windows."""
    lines = cv2.getBuildInformation().splitlines()
    return any(line.split() == ["GUI:", "NONE"] for line in lines)


def _window_opens() -> bool:
    on_x11 = sys.platform.startswith("linux")
    if on_x11 and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    try:
        trial = subprocess.run(
            [sys.executable, "-c", _TRIAL],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TRIAL_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return trial.returncode == 0


class Window:
    """Shows pictures of one size; all of its methods are for the main thread.

    Args:
        title: What the window is called.
        info: The source: colour of the pictures.
        size: (height, width) of the pictures.

    Attributes:
        is_open: False once the user closed it, or pressed q or Esc.
    """

    def __init__(self, title: str, *, info: VideoInfo, size: tuple[int, int]) -> None:
        self._title = title
        self.is_open = True
        self._notice = Hud(size, matrix=info.matrix, full_range=info.full_range, edge="top")
        self._line = ""
        self._held = blank_planes(info, size=size)
        self._marked = blank_planes(info, size=size)
        # The matrix with its rows turned round gives blue, green, red, as windows take it.
        self._to_bgr = yuv_to_rgb(info.matrix, info.full_range)[::-1].copy()
        # Without the toolbar that some builds of OpenCV add.
        cv2.namedWindow(title, cv2.WINDOW_NORMAL | cv2.WINDOW_GUI_NORMAL)
        width = min(size[1], _MAX_FIRST_WIDTH)
        cv2.resizeWindow(title, width, size[0] * width // size[1])
        self._draw(self._held)

    def show(self, planes: Planes) -> None:
        """Show a picture; it is copied, because what lies over it later must not stay."""
        _copy(planes, into=self._held)
        self._line = ""
        self._draw(planes)

    def say(self, line: str) -> None:
        """Lay a line over the last picture."""
        if line == self._line:
            return
        self._line = line
        _copy(self._held, into=self._marked)
        self._notice.draw(self._marked, line=line)
        self._draw(self._marked)

    def pump(self) -> None:
        """Let the window answer its user."""
        if not self.is_open:
            return
        key = cv2.waitKey(1)
        try:
            gone = cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) < 1
        except cv2.error:  # the last window takes the toolkit's thread with it
            gone = True
        self.is_open = not (gone or (key != -1 and key & 0xFF in _QUIT_KEYS))

    def close(self) -> None:
        """Take the window away."""
        self.is_open = False
        try:
            cv2.destroyWindow(self._title)
        except cv2.error:
            return  # the user was first

    def _draw(self, planes: Planes) -> None:
        if self.is_open:
            cv2.imshow(self._title, bgr_pixels(planes, to_bgr=self._to_bgr))


def bgr_pixels(planes: Planes, *, to_bgr: np.ndarray) -> np.ndarray:
    """Return planes as a window takes them, uint8 (H, W, 3).

    Args:
        planes: The picture.
        to_bgr: Affine transform of Y, U, V to blue, green, red, float (3, 4).
    """
    size_wh = planes.size[::-1]
    chroma = [
        cv2.resize(plane, size_wh, interpolation=cv2.INTER_LINEAR) for plane in (planes.u, planes.v)
    ]
    return cv2.transform(cv2.merge([planes.y, *chroma]), to_bgr)


def blank_planes(info: VideoInfo, *, size: tuple[int, int]) -> Planes:
    """Return a black 4:2:0 picture of (height, width) ``size`` in the colours of a source."""
    height, width = size
    y = np.full(size, 0 if info.full_range else 16, np.uint8)
    u, v = (np.full(((height + 1) // 2, (width + 1) // 2), 128, np.uint8) for _ in range(2))
    return Planes(y=y, u=u, v=v, matrix=info.matrix, full_range=info.full_range)


def _copy(planes: Planes, *, into: Planes) -> None:
    np.copyto(into.y, planes.y)
    np.copyto(into.u, planes.u)
    np.copyto(into.v, planes.v)
