"""A run without a model: a thread that paints numbered pictures into a page, at a steady pace."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from losszero_rt.classmap import NIGHT_RIDE, Rgb
from losszero_rt.frame import Planes
from losszero_rt.livestate import LiveStatus, PictureChoice, Signal
from losszero_rt.preprocess import rgb_to_yuv
from losszero_rt.serve import Page
from losszero_rt.timings import now_s

NUM_BITS = 16
SIZE = (180, 320)
VIEW_COLOURS: dict[str, Rgb] = {
    "overlay": (40, 90, 160),
    "mask": (20, 130, 80),
    "side": (180, 85, 150),
    "cam": (200, 60, 20),
}


def painted(index: int, *, size: tuple[int, int] = SIZE, colour: Rgb = (40, 90, 160)) -> Planes:
    """Return one colour with the index as a bar code along the top quarter."""
    height, width = size
    y, u, v = (rgb_to_yuv("bt601", False) @ np.array([*colour, 1.0])).round().astype(np.uint8)
    luma = np.full(size, y, np.uint8)
    step = width // NUM_BITS
    bits = [235 if index >> bit & 1 else 16 for bit in range(NUM_BITS)]
    luma[: height // 4, : step * NUM_BITS] = np.repeat(np.array(bits, np.uint8), step)
    chroma = (height // 2, width // 2)
    blue, red = np.full(chroma, u, np.uint8), np.full(chroma, v, np.uint8)
    blue[: height // 8], red[: height // 8] = 128, 128
    return Planes(y=luma, u=blue, v=red)


def read_number(grey: np.ndarray) -> int:
    """Read the bar code of a picture in grey, uint8 (H, W)."""
    row = grey[: grey.shape[0] // 5].mean(axis=0)
    step = grey.shape[1] // NUM_BITS
    return sum(int(row[bit * step + step // 2] > 128) << bit for bit in range(NUM_BITS))


def status(**changes: Any) -> LiveStatus:
    """Return figures of a run that does well."""
    now = LiveStatus(
        source="rtsp://***@camera.example/night",
        signal=Signal(state="live", since_s=now_s(), since_unix_s=time.time()),
        elapsed_s=754.2,
        size=(720, 1280),
        fps=29.7,
        fps_measured=29.9,
        fps_declared=30.0,
        age_ms={"p50": 61.0, "p95": 88.0, "p99": 104.0, "max": 140.0},
        frames={
            "read": 22_590,
            "shown": 22_411,
            "late": 41,
            "dropped": 136,
            "dropped_by_reason": {"newer": 133, "prekey": 3},
            "corrupt": 2,
            "suspect": 0,
        },
        shares=(0.52, 0.21, 0.03, 0.14, 0.06, 0.04),
        class_names=NIGHT_RIDE.names,
        class_colours=NIGHT_RIDE.colours,
        engine={"name": "openvino", "device": "CPU", "precision": "bf16"},
        model={
            "name": "night-ride",
            "miou": 0.7364,
            "miou_ci95": [0.71, 0.76],
            "n": 40,
            "score_of": "openvino bf16",
            "weights_miou": 0.74,
            "weights_miou_ci95": [0.72, 0.77],
            "verified": True,
        },
        can_cam=True,
    )
    return replace(now, **changes)


class PaintedRun:
    """Shows and publishes from a thread of its own, as a pipeline does, until it is stopped.

    Attributes:
        signal: Published; pictures come only while it is live.
        changes: Fields of the status that differ from the usual.
        num_shown: Pictures painted so far.
        show_ms: How long each call of ``show`` took.
        heard: Choices that were met, in order.
    """

    def __init__(self, page: Page, *, rate: float = 30.0, size: tuple[int, int] = SIZE) -> None:
        self._page, self._rate, self._size = page, rate, size
        self._end = threading.Event()
        self.signal = Signal(state="live", since_s=now_s(), since_unix_s=time.time())
        self.changes: dict[str, Any] = {}
        self.num_shown = 0
        self.show_ms: list[float] = []
        self.heard: list[PictureChoice] = []
        self._thread = threading.Thread(target=self._run, name="painted-run")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._end.set()
        self._thread.join(10)

    def _run(self) -> None:
        published_s = 0.0
        while not self._end.wait(1 / self._rate):
            if now_s() - published_s > 0.1:
                published_s = now_s()
                wobble = 8 * np.sin(published_s)
                ages = {"p50": 61 + wobble, "p95": 88 + 2 * wobble, "p99": 104 + 3 * wobble}
                facts: dict[str, Any] = {"age_ms": ages, **self.changes}
                self._page.publish(status(signal=self.signal, **facts))
            if self.signal.state == "live":
                self._show()

    def _show(self) -> None:
        choice = self._page.choice
        if not self.heard or self.heard[-1] != choice:
            self.heard.append(choice)
        picture = painted(self.num_shown, size=self._size, colour=VIEW_COLOURS[choice.view])
        start_s = now_s()
        self._page.show(picture, index=self.num_shown, captured_at_s=start_s)
        self.show_ms.append((now_s() - start_s) * 1e3)
        self.num_shown += 1


@contextmanager
def served(page: Page, **options: Any) -> Iterator[PaintedRun]:
    """Serve a page with a run behind it, each on a thread of its own."""
    page.bind()
    server = threading.Thread(target=page.run, name="page")
    run = PaintedRun(page, **options)
    server.start()
    run.start()
    try:
        yield run
    finally:
        run.stop()
        page.stop()
        server.join(10)
        assert not server.is_alive(), "the page did not end"


def until(holds: Callable[[], Any], *, limit_s: float = 20.0, what: str = "it") -> Any:
    """Wait until something holds and return what it gave."""
    deadline_s = now_s() + limit_s
    while now_s() < deadline_s:
        found = holds()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"{what} did not happen within {limit_s} s")
