"""The window of a live run: refused where none can be, real where a display and OpenCV's are."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from losszero_rt.errors import UsageError
from losszero_rt.frame import Planes
from losszero_rt.pipeline import live_window
from losszero_rt.pipeline.live_window import bgr_pixels, check_window
from losszero_rt.preprocess import rgb_to_yuv, yuv_to_rgb
from tests.pipeline.live_doubles import SIZE, live_info
from tests.pipeline.x_display import WAYS, end_window, x_display

ROOT = Path(__file__).parents[2]

# Shows grey, says that there is no signal, and ends when it was closed; run where there is a
# display. It prints what the window was told.
SHOW = """
import sys, time
from losszero_rt.pipeline.live_window import Window
from tests.pipeline.live_doubles import SIZE, live_info, numbered_frame
window = Window("seen", info=live_info(), size=SIZE)
window.show(numbered_frame(3).planes)
print("shown", flush=True)
until = time.monotonic() + 60
while window.is_open and time.monotonic() < until:
    window.pump()
    window.say("no signal since 12:00:00")
    time.sleep(0.02)
window.close()
print("open" if time.monotonic() >= until else "closed", flush=True)
"""


@pytest.fixture
def no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def display() -> Iterator[str]:
    """A screen in memory, with nobody in front of it."""
    with x_display() as name:
        yield name


@pytest.mark.usefixtures("no_display")
def test_no_display_is_refused_with_a_way_out() -> None:
    with pytest.raises(UsageError, match="--serve 8080") as refusal:
        check_window()
    assert refusal.value.exit_code == 2


def test_opencv_without_windows_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: "  GUI:      NONE\n")
    with pytest.raises(UsageError, match="opencv-python"):
        check_window()


def test_display_that_does_not_answer_is_refused_and_ends_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DISPLAY", ":4711")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr(live_window, "has_no_windows", lambda: False)
    with pytest.raises(UsageError, match="no window can be opened"):
        check_window()


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("matrix", ["bt601", "bt709"])
@pytest.mark.parametrize("rgb", [(220, 40, 30), (10, 200, 90), (128, 128, 128)])
def test_colours_of_the_window_are_those_of_the_picture(
    rgb: tuple[int, int, int], matrix: str, full_range: bool
) -> None:
    to_yuv = rgb_to_yuv(matrix, full_range)
    y, u, v = (round(float(value)) for value in to_yuv @ np.array([*rgb, 1]))
    half = (SIZE[0] // 2, SIZE[1] // 2)
    planes = Planes(
        y=np.full(SIZE, y, np.uint8), u=np.full(half, u, np.uint8), v=np.full(half, v, np.uint8)
    )
    to_bgr = yuv_to_rgb(matrix, full_range)[::-1].copy()
    pixels = bgr_pixels(planes, to_bgr=to_bgr)
    assert pixels.shape == (*SIZE, 3)
    assert pixels[5, 7].tolist() == pytest.approx(rgb[::-1], abs=4)


def shown_window(display: str) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", SHOW],
        cwd=ROOT,
        env={**os.environ, "DISPLAY": display, "QT_QPA_PLATFORM": "xcb"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "shown\n"
    return process


@pytest.mark.parametrize("way", WAYS)
def test_window_ends_by_key_and_by_being_closed(display: str, way: str) -> None:
    process = shown_window(display)
    try:
        end_window(display, title="seen", way=way, ended=lambda: process.poll() is not None)
        assert process.communicate(timeout=30)[0] == "closed\n"
        assert process.returncode == 0
    finally:
        process.kill()
        process.wait()


def test_line_about_the_signal_lies_over_a_copy_of_the_last_picture(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: list[np.ndarray] = []
    for name in ("namedWindow", "resizeWindow", "destroyWindow"):
        monkeypatch.setattr(cv2, name, lambda *_: None)
    monkeypatch.setattr(cv2, "imshow", lambda _, pixels: drawn.append(pixels.copy()))
    size = (360, 640)
    window = live_window.Window("t", info=live_info(size), size=size)
    grey = live_window.blank_planes(live_info(size), size=size)
    grey.y[:] = 120
    window.show(grey)
    window.say("no signal since 12:00:00")
    window.say("no signal since 12:00:00")
    assert len(drawn) == 3, "black, the picture, the line: nothing is drawn twice"
    assert np.abs(drawn[2][:60].astype(int) - drawn[1][:60].astype(int)).max() > 40
    assert (drawn[2][100:] == drawn[1][100:]).all()
    window.show(grey)
    assert (drawn[3] == drawn[1]).all()
