"""Viewers: whether a page with 20 of them slows the run that it shows, against a page with one.

``losszero-rt live --serve --policy all`` on a synthetic 1280x720 source, at two paces. Flat out,
the source gives more frames than can be computed: nothing but the machine limits the run, so that
whatever viewers cost is seen in its frames a second, and they get more of them than from any
camera. At 30 a second it gives what a camera does. One viewer and 20 take turns within one run, and
every turn with 20 is held against the turns before and after it.

The viewers run in a process of their own. They read every picture, say that it was drawn, and drop
it; on a machine of their own, as viewers have, that would cost the run nothing, but here they share
its cores. So it is told apart: the processor time of the viewers, that of the run for each frame,
and the fall that is left when the cores are counted without what the viewers took.

Run: python -m benchmarks.bench_viewers
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.crowd import CrowdProgram, crowd
from benchmarks.live_program import LiveProgram, live_program, wait_for
from benchmarks.options import Options
from benchmarks.process_tree import cpu_s_of
from benchmarks.record import Claim, Outcome, conduct
from losszero_rt.cores import num_cores

FEW, MANY = 1, 20
SIZE, QUICK_SIZE = (720, 1280), (180, 320)
# Frames a second: what no machine can compute, and what a camera gives.
PACES = {"flat out": 1000, "at 30 a second": 30}
TURN_S, QUICK_TURN_S = 8.0, 2.0
WARMUP_S, QUICK_WARMUP_S = 10.0, 1.0
# From when all viewers are there until they count.
SETTLE_S = 1.0
MAX_FALL_PERCENT = 5.0

_SHOWN = 'losszero_rt_frames_total{fate="shown",reason=""}'
_ELAPSED, _VIEWERS = "losszero_rt_elapsed_seconds", "losszero_rt_viewers"


@dataclass(frozen=True, kw_only=True)
class Turn:
    """Some seconds with one number of viewers.

    Attributes:
        viewers: How many.
        fps: Frames that the run showed a second.
        run_cpu_ms: Processor time of the run for each of them, milliseconds.
        run_cores: Cores that the run kept busy, the page's server among it.
        viewers_cores: Cores that the viewers kept busy.
        viewer_fps: Pictures a second that each viewer got.
        mib_a_s: MiB a second that they got in all.
    """

    viewers: int
    fps: float
    run_cpu_ms: float
    run_cores: float
    viewers_cores: float
    viewer_fps: tuple[float, ...]
    mib_a_s: float

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for a JSON file, of the viewers' rates three."""
        rates = {
            "slowest": min(self.viewer_fps),
            "median": median(self.viewer_fps),
            "fastest": max(self.viewer_fps),
        }
        facts = {k: round(v, 3) for k, v in vars(self).items() if k != "viewer_fps"}
        return {**facts, "viewer_fps": {name: round(rate, 2) for name, rate in rates.items()}}


def measure(options: Options) -> Outcome:
    """Let them take turns at each pace."""
    claims: list[Claim] = []
    figures = {}
    for name, rate in PACES.items():
        turns = turns_at(rate, options=options)
        claims += claims_of(turns, pace=name, cores=num_cores())
        figures[name] = {
            "turns": [turn.as_dict() for turn in turns],
            "fps_ratios": [round(ratio, 4) for ratio in ratios_of([turn.fps for turn in turns])],
        }
    notes = ("run and viewers share the machine's cores; viewers elsewhere cost less",)
    size = list(QUICK_SIZE if options.quick else SIZE)
    return Outcome(claims=tuple(claims), figures={"size": size, **figures}, notes=notes)


def turns_at(rate: int, *, options: Options) -> list[Turn]:
    """Return the turns of one run, with few and with many viewers, the first and last with few."""
    height, width = QUICK_SIZE if options.quick else SIZE
    source = f"lavfi:testsrc2=size={width}x{height}:rate={rate}"
    with (
        live_program(options, source, "--policy", "all", name="viewers") as program,
        crowd(program.url) as viewers,
    ):
        wait_for(program, _VIEWERS, value=0)
        time.sleep(QUICK_WARMUP_S if options.quick else WARMUP_S)
        seconds = QUICK_TURN_S if options.quick else TURN_S
        turns = [
            take_turn(program, viewers, number=number, seconds=seconds)
            for number in (*(FEW, MANY) * options.rounds, FEW)
        ]
        program.end()
    return turns


def claims_of(turns: Sequence[Turn], *, pace: str, cores: int) -> list[Claim]:
    """Return what was found.

    Args:
        turns: With few and with many viewers in turn, the first and the last with few.
        pace: Name of the pace.
        cores: What run and viewers had together.
    """
    ratios = ratios_of([turn.fps for turn in turns])
    # What the run could have had of the machine: all that the viewers left.
    left = ratios_of([turn.fps / (cores - turn.viewers_cores) for turn in turns])
    cpu = ratios_of([turn.run_cpu_ms for turn in turns])
    many = turns[1::2]
    viewer_fps = [rate for turn in many for rate in turn.viewer_fps]

    def told(what: str, value: float, unit: str) -> Claim:
        return Claim(what=f"{pace}: {what}", value=round(value, 3), unit=unit)

    return [
        Claim(
            what=f"{pace}: fall of the run's FPS, {FEW} to {MANY} viewers",
            value=fall_percent(ratios),
            unit="%",
            bound="at most",
            limit=MAX_FALL_PERCENT,
        ),
        told("the same, smallest of the turns", fall_percent([max(ratios)]), "%"),
        told("the same, largest of the turns", fall_percent([min(ratios)]), "%"),
        told("the same, of the cores that the viewers left", fall_percent(left), "%"),
        told("processor time of the run a frame, more by", -fall_percent(cpu), "%"),
        told(f"FPS of the run with {FEW}", median([turn.fps for turn in turns[::2]]), "fps"),
        told(f"FPS of the run with {MANY}", median([turn.fps for turn in many]), "fps"),
        told(f"FPS that each of {MANY} got, median", median(viewer_fps), "fps"),
        told(f"FPS that each of {MANY} got, slowest", min(viewer_fps), "fps"),
        told(f"the {MANY} viewers' own", median([turn.viewers_cores for turn in many]), "cores"),
    ]


def median(values: Sequence[float]) -> float:
    """Return the median."""
    return float(np.median(values))


def ratios_of(values: Sequence[float]) -> list[float]:
    """Return every second value over the mean of its two neighbours: even drift has no part in it.

    Args:
        values: An odd number, 3 at least.
    """
    return [
        2 * here / (before + after)
        for before, here, after in zip(values[:-1:2], values[1::2], values[2::2], strict=True)
    ]


def fall_percent(ratios: Sequence[float]) -> float:
    """Return how much lower the median ratio is than 1, percent."""
    return round(100 * (1 - median(ratios)), 3)


def take_turn(program: LiveProgram, viewers: CrowdProgram, *, number: int, seconds: float) -> Turn:
    """Have so many viewers, and measure the run meanwhile."""
    viewers.become(number)
    wait_for(program, _VIEWERS, value=number)
    time.sleep(SETTLE_S)
    viewers.become(number)
    before, cpu_before_s = program.figures(), cpu_s_of(program.pid)
    time.sleep(seconds)
    after, cpu_s = program.figures(), cpu_s_of(program.pid) - cpu_before_s
    taken = viewers.become(number)
    # Frames and time are those of one moment each, whenever it was asked for.
    shown, elapsed_s = (after[name] - before[name] for name in (_SHOWN, _ELAPSED))
    return Turn(
        viewers=number,
        fps=shown / elapsed_s,
        run_cpu_ms=cpu_s / shown * 1e3,
        run_cores=cpu_s / elapsed_s,
        viewers_cores=taken.cpu_s / taken.seconds,
        viewer_fps=tuple(pictures / taken.seconds for pictures in taken.pictures),
        mib_a_s=taken.bytes / taken.seconds / 2**20,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the script."""
    return conduct("viewers", measure, description=__doc__, arguments=arguments)


if __name__ == "__main__":
    sys.exit(main())
