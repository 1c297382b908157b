"""A live source of a script, and listeners that remember what they were told."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from losszero_rt.errors import InputError
from losszero_rt.frame import Frame, LostFrame, Planes, StreamItem, VideoInfo
from losszero_rt.livestate import LiveStatus, PictureChoice, Signal, SignalState
from losszero_rt.timings import now_s
from tests.media import draw_index

SIZE = (96, 192)
TIME_BASE = Fraction(1, 90_000)
RATE = 30
TICKS = 90_000 // RATE
NAME = "rtsp://***@camera/stream"


def live_info(size: tuple[int, int] = SIZE) -> VideoInfo:
    """Facts of a source of thirty frames a second."""
    return VideoInfo(
        name=NAME,
        size=size,
        coded_size=size,
        rate_declared=Fraction(RATE),
        time_base=TIME_BASE,
        codec="h264",
        pix_fmt="yuv420p",
    )


def numbered_frame(index: int, *, pts: int | None = None, size: tuple[int, int] = SIZE) -> Frame:
    """A frame that carries its index in the picture."""
    u, v = (np.full((size[0] // 2, size[1] // 2), 128, np.uint8) for _ in range(2))
    now = now_s()
    return Frame(
        index=index,
        pts=index * TICKS if pts is None else pts,
        time_base=TIME_BASE,
        planes=Planes(y=draw_index(index, size=size), u=u, v=v),
        decoded_at_s=now,
        captured_at_s=now,
    )


def signal_of(state: SignalState, *, reason: str = "", num_reconnects: int = 0) -> Signal:
    """A signal that changed this very moment."""
    return Signal(
        state=state,
        since_s=now_s(),
        since_unix_s=time.time(),
        reason=reason,
        num_reconnects=num_reconnects,
    )


class ScriptedSource:
    """Gives frames at a pace, loses its signal, and ends as it is told.

    Args:
        count: Frames; None for no end.
        pace_s: Time between two of them.
        gap_at: Frame before which the signal is lost for ``gap_s``.
        gap_s: Length of that gap.
        fail_at: Frame before which the source is lost for good.
        prekey: Lost frames at the start.
    """

    def __init__(
        self,
        *,
        count: int | None = None,
        pace_s: float = 0.005,
        gap_at: int | None = None,
        gap_s: float = 0.5,
        fail_at: int | None = None,
        prekey: int = 0,
        rate_measured: float = 30.0,
    ) -> None:
        self.info = live_info()
        self.signal = signal_of("connecting")
        self.warnings: list[str] = []
        self.rate_measured_fps = rate_measured
        self.rate_declared: Fraction | None = Fraction(RATE)
        self.num_closed = 0
        self._stopped = False
        self._count, self._pace_s = count, pace_s
        self._gap_at, self._gap_s = gap_at, gap_s
        self._fail_at, self._prekey = fail_at, prekey

    def __iter__(self) -> Iterator[StreamItem]:
        for index in range(self._prekey):
            yield LostFrame(index=index, pts=None, fate="dropped", reason="prekey")
        number = self._prekey
        shift = 0
        while not self._stopped and number != self._count:
            if number == self._fail_at:
                self.signal = signal_of("ended", reason="gone")
                raise InputError(f"{NAME}: no signal any more, 5 attempts failed")
            if number == self._gap_at:
                self._lose()
                if self._stopped:
                    break
                shift = int(self._gap_s * 90_000)
            if self.signal.state != "live":
                reconnects = 1 if shift else 0
                self.signal = signal_of("live", num_reconnects=reconnects)
            yield numbered_frame(number, pts=number * TICKS + shift)
            number += 1
            self._wait(self._pace_s)
        self.signal = signal_of("ended")

    def stop(self) -> None:
        self._stopped = True

    def close(self) -> None:
        self.num_closed += 1

    def _lose(self) -> None:
        self.signal = signal_of("stalled", reason="no data for 5 s")
        self._wait(self._gap_s / 2)
        self.signal = signal_of("reconnecting", reason="connection refused")
        self._wait(self._gap_s / 2)

    def _wait(self, seconds: float) -> None:
        until = now_s() + seconds
        while now_s() < until and not self._stopped:
            time.sleep(min(0.01, seconds))


@dataclass
class HeardProgress:
    """Remembers what a person would have been told."""

    warned: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    noted: list[str] = field(default_factory=list)
    num_steps: int = 0

    def start(self, name: str, *, total: int | None) -> None:
        assert total is None

    def step(self) -> None:
        self.num_steps += 1

    def done(self) -> None:
        pass

    def warn(self, text: str) -> None:
        self.warned.append(text)

    def fail(self, text: str) -> None:
        self.failed.append(text)

    def note(self, text: str) -> None:
        self.noted.append(text)


class SeenPage:
    """A page without browsers: remembers pictures and figures."""

    def __init__(self, *, wants_frame: bool = True) -> None:
        self.url = "http://127.0.0.1:1/"
        self.warnings: tuple[str, ...] = ()
        self.num_viewers = 1
        self.wants_frame = wants_frame
        self.choice = PictureChoice()
        self.pictures: list[tuple[int, float, np.ndarray]] = []
        self.statuses: list[LiveStatus] = []

    def prefer(self, choice: PictureChoice) -> None:
        self.choice = choice

    def bind(self) -> None:
        pass

    def run(self) -> None:
        pass

    def stop(self) -> None:
        pass

    def show(self, planes: Planes, *, index: int, captured_at_s: float) -> None:
        self.pictures.append((index, captured_at_s, planes.y.copy()))

    def publish(self, status: LiveStatus) -> None:
        self.statuses.append(status)
