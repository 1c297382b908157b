"""A long live run whose camera is cut off again and again while viewers come and go."""

import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.live_program import LiveProgram, live_program
from benchmarks.options import Options
from benchmarks.process_tree import Holding, holding_of
from benchmarks.program import ProgramError
from benchmarks.rtsp_camera import RtspCamera, rtsp_camera
from benchmarks.visits import Audience, audience, plan_visits
from losszero_rt.timings import now_s

SIZE, RATE, SEED = (360, 640), 30, 5
# Length of a segment of the recording, of the time between two cuts: they do not fall together.
SEGMENT_SHARE = 0.8
# Silence is longer than the run's own read time-out, so that the run finds it out by itself.
SILENCE_S, OFF_S = 7.0, 1.5
_BACK_S = 120.0
_LOOK_S = 0.25

_LIVE = 'losszero_rt_signal{losszero_rt_signal="live"}'


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a soak is.

    Attributes:
        length_s: How long it is, seconds.
        reconnect_every_s: How often the camera is cut off.
        period_s: Time between two samples.
        keep_partial: Whether a soak that is interrupted has a result.
    """

    length_s: float
    reconnect_every_s: float
    period_s: float
    keep_partial: bool = False

    def warmup_s(self, length_s: float) -> float:
        """Return how much of a run of some length is not compared, seconds.

        By then the camera was cut off both ways and three segments were begun, or a third is
        over. What is allocated for the first time is no leak: memory that two encoders take side
        by side is kept for the next two.
        """
        return min(2.5 * self.reconnect_every_s, length_s / 3)

    @property
    def cuts_s(self) -> tuple[float, ...]:
        """When the camera is cut off; after the last time it can come back."""
        every_s = self.reconnect_every_s
        times_s = np.arange(every_s, self.length_s - every_s / 2 + 1e-6, every_s)
        return tuple(float(time_s) for time_s in times_s)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """The run at one moment.

    Attributes:
        at_s: Seconds since the start.
        holding: What it holds.
        viewers: Viewers at that moment.
    """

    at_s: float
    holding: Holding
    viewers: int

    def as_list(self) -> list[float]:
        """Return time, MiB, threads, descriptors and viewers."""
        held = self.holding
        numbers = (self.at_s, held.rss_mib, held.threads, held.descriptors, self.viewers)
        return [round(number, 2) for number in numbers]


@dataclass(frozen=True, kw_only=True)
class Soaked:
    """What a soak came to.

    Attributes:
        samples: The run over time.
        num_cuts: How often the camera was cut off.
        guests: The viewers.
        report: What the run says of itself.
        interrupted: Whether it was ended before its time.
    """

    samples: tuple[Sample, ...]
    num_cuts: int
    guests: Audience
    report: Mapping[str, Any]
    interrupted: bool


class CutCamera:
    """Cuts a camera off when it is time, every second time after some seconds of silence.

    Args:
        camera: Is on.
        cuts_s: When to cut it off, seconds since the start.

    Attributes:
        num_cuts: How often it was cut off.
    """

    def __init__(self, camera: RtspCamera, *, cuts_s: Sequence[float]) -> None:
        self._camera = camera
        self._cuts_s = list(cuts_s)
        self._off_s = self._on_s = float("inf")
        self.num_cuts = 0

    @property
    def is_cut(self) -> bool:
        """Whether it is silent or off."""
        return min(self._off_s, self._on_s) < float("inf")

    def look(self, at_s: float, *, is_live: bool) -> None:
        """Do what is due; the camera is not cut off before the run has found it again."""
        if self._cuts_s and at_s >= self._cuts_s[0] and is_live and not self.is_cut:
            del self._cuts_s[0]
            self.num_cuts += 1
            self._off_s = at_s
            if self.num_cuts % 2 == 0:
                self._camera.fall_silent()
                self._off_s += SILENCE_S
        if at_s >= self._off_s:
            self._camera.switch_off()
            self._off_s, self._on_s = float("inf"), at_s + OFF_S
        elif at_s >= self._on_s:
            self._camera.switch_on()
            self._on_s = float("inf")

    def forget(self) -> None:
        """Leave out the cuts that are still to come."""
        self._cuts_s.clear()


def soak(options: Options, *, plan: Plan) -> Soaked:
    """Run it; the recording is left in the folder for work as ``soak-NUMBER.mp4``.

    Raises:
        ProgramError: Camera or run ended when they should not, or the signal never came back.
        KeyboardInterrupt: It was interrupted, and has no result.
    """
    words = ["--record", str(options.work / "soak.mp4")]
    words += ["--segment-minutes", str(SEGMENT_SHARE * plan.reconnect_every_s / 60)]
    visits = plan_visits(length_s=plan.length_s, seed=SEED)
    samples: list[Sample] = []
    interrupted = False
    with (
        signals_as_interrupts(),
        rtsp_camera(size=SIZE, fps=RATE) as camera,
        live_program(options, camera.url, *words, name="soak", apart=True) as program,
    ):
        cutting = CutCamera(camera, cuts_s=plan.cuts_s)
        with audience(program.url, visits=visits) as guests:
            try:
                watch(program, cutting=cutting, guests=guests, plan=plan, samples=samples)
            except KeyboardInterrupt:
                if not (plan.keep_partial and samples):
                    raise
                interrupted = True
        come_back(program, cutting=cutting)
        report = program.end()
    return Soaked(
        samples=tuple(samples),
        num_cuts=cutting.num_cuts,
        guests=guests,
        report=report,
        interrupted=interrupted,
    )


def watch(
    program: LiveProgram,
    *,
    cutting: CutCamera,
    guests: Audience,
    plan: Plan,
    samples: list[Sample],
) -> None:
    """Look after a run for as long as the plan says, and add to ``samples``."""
    start_s, pause = now_s(), threading.Event()
    while (at_s := now_s() - start_s) < plan.length_s:
        cutting.look(at_s, is_live=is_live(program))
        if not samples or at_s >= samples[-1].at_s + plan.period_s:
            held = holding_of(program.pid)
            samples.append(Sample(at_s=at_s, holding=held, viewers=guests.num_watching))
        pause.wait(_LOOK_S)


def come_back(program: LiveProgram, *, cutting: CutCamera) -> None:
    """Let the camera come back if it is cut off, and wait until the run has found it.

    Raises:
        ProgramError: It never did.
    """
    cutting.forget()
    until_s, pause = now_s() + _BACK_S, threading.Event()
    while not is_live(program) or cutting.is_cut:
        if now_s() > until_s:
            raise ProgramError(f"no signal within {_BACK_S:.0f} s of the camera's return")
        cutting.look(now_s(), is_live=False)
        pause.wait(_LOOK_S)


def is_live(program: LiveProgram) -> bool:
    """Say whether a run has a signal."""
    return program.figures().get(_LIVE) == 1


@contextmanager
def signals_as_interrupts() -> Iterator[None]:
    """Have whatever ends a program end the body as Ctrl-C does, so that it can clean up."""
    names = (signal.SIGTERM, signal.SIGHUP)
    before = {name: signal.signal(name, signal.default_int_handler) for name in names}
    try:
        yield
    finally:
        for name, old in before.items():
            signal.signal(name, old)
