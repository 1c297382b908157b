"""Soak: whether a live run that loses its camera again and again, and is watched, keeps its size.

A real RTSP server is the camera. It is cut off every ``--reconnect-every-s``, every second time
after some seconds of silence, and comes back a little later. ``losszero-rt live`` shows it, records
it in segments and serves its page to three viewers who come and go at random times of a fixed seed,
by WebSocket and as players do. Memory, threads and descriptors of the run and of all that it
started are read from /proc; the camera and the viewers are not among them.

A viewer's connection is a descriptor of the run, so the viewers of the moment are taken off.

Run: python -m benchmarks.bench_soak --minutes 30 (needs GStreamer's RTSP server for Python)
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import av
import numpy as np

from benchmarks.options import Options
from benchmarks.process_tree import Growth, growth_of
from benchmarks.record import Claim, Outcome, conduct
from benchmarks.rtsp_camera import why_no_rtsp
from benchmarks.soaking import RATE, SEED, SIZE, Plan, Sample, Soaked, soak

MINUTES, RECONNECT_EVERY_S = 30.0, 120.0
QUICK_MINUTES, QUICK_RECONNECT_EVERY_S = 0.6, 10.0
SAMPLE_PERIOD_S, QUICK_PERIOD_S = 2.0, 0.5
MAX_RSS_GROWTH_PERCENT = 3.0
NUM_TOLD = 120
_INTERRUPTED = 130


def measure(options: Options, *, plan: Plan) -> Outcome:
    """Soak; a quick one is over in half a minute."""
    why = why_no_rtsp()
    if why:
        return Outcome(claims=(limited("growth of memory", None, absent=why),), figures={})
    if options.quick:
        plan = replace(
            plan,
            length_s=QUICK_MINUTES * 60,
            reconnect_every_s=QUICK_RECONNECT_EVERY_S,
            period_s=QUICK_PERIOD_S,
        )
    try:
        soaked = soak(options, plan=plan)
        readable = readable_frames(soaked.report)
    finally:
        for path in options.work.glob("soak*.mp4*"):
            path.unlink()
    warmup_s = plan.warmup_s(soaked.samples[-1].at_s)
    growths = growths_of(soaked.samples, warmup_s=warmup_s)
    notes: tuple[str, ...] = (f"growth is counted from the first {warmup_s:.0f} s on",)
    if soaked.interrupted:
        notes += (f"interrupted after {soaked.samples[-1].at_s:.0f} of {plan.length_s:.0f} s",)
    return Outcome(
        claims=claims_of(soaked, growths=growths, readable=readable),
        figures=figures_of(soaked, growths=growths, plan=plan),
        notes=notes,
    )


def growths_of(samples: Sequence[Sample], *, warmup_s: float) -> dict[str, Growth]:
    """Return how memory (MiB), threads, and descriptors without those of viewers grew."""
    values = {
        "rss_mib": [sample.holding.rss_mib for sample in samples],
        "threads": [float(sample.holding.threads) for sample in samples],
        "descriptors": [float(sample.holding.descriptors - sample.viewers) for sample in samples],
    }
    times_s = [sample.at_s for sample in samples]
    return {
        name: growth_of(times_s, numbers, warmup_s=warmup_s) for name, numbers in values.items()
    }


def claims_of(soaked: Soaked, *, growths: Mapping[str, Growth], readable: int) -> tuple[Claim, ...]:
    """Return what a soak must reach.

    Args:
        soaked: What it came to.
        growths: Of ``rss_mib``, ``threads`` and ``descriptors``.
        readable: Frames that were read back from the recording.
    """
    report = soaked.report
    shown, reconnects = report["frames"]["shown"], report["live"]["signal"]["reconnects"]
    minutes = soaked.samples[-1].at_s / 60
    return (
        limited(
            f"growth of memory in {minutes:.0f} minutes, first fifth to last",
            round(growths["rss_mib"].percent, 3),
            limit=MAX_RSS_GROWTH_PERCENT,
            unit="%",
        ),
        limited("growth of threads", growths["threads"].more),
        limited("growth of descriptors", growths["descriptors"].more),
        limited("frames without exactly one end in the ledger", abs(unaccounted(report["frames"]))),
        limited(
            "frames shown that are not in the recording, or the other way",
            max(abs(readable - shown), abs(recorded(report) - shown)),
        ),
        limited(
            f"{soaked.num_cuts} cuts of the camera: reconnects too few or too many",
            abs(reconnects - soaked.num_cuts),
        ),
        limited("visits that the page ended", len(soaked.guests.failures)),
    )


def limited(
    what: str, value: float | None, *, limit: float = 0.0, unit: str = "", absent: str = ""
) -> Claim:
    """Return a figure that must not be larger than its limit."""
    return Claim(what=what, value=value, unit=unit, bound="at most", limit=limit, absent=absent)


def unaccounted(frames: Mapping[str, Any]) -> int:
    """Return by how many frames the ends of a report's ledger differ from the frames read."""
    by_reason = sum(frames["dropped_by_reason"].values())
    ends = frames["shown"] + frames["late"] + frames["corrupt"] + frames["dropped"]
    return abs(int(frames["read"] - ends)) + abs(int(frames["dropped"] - by_reason))


def recorded(report: Mapping[str, Any]) -> int:
    """Return how many frames the recording has, as the report says."""
    return sum(int(segment["frames"]) for segment in report["live"]["segments"])


def readable_frames(report: Mapping[str, Any]) -> int:
    """Decode the whole recording; return how many frames came of it."""
    number = 0
    for segment in report["live"]["segments"]:
        with av.open(f"file:{segment['path']}") as container:
            number += sum(1 for _ in container.decode(video=0))
    return number


def figures_of(soaked: Soaked, *, growths: Mapping[str, Growth], plan: Plan) -> dict[str, Any]:
    """Return everything else, JSON ready."""
    report, live = soaked.report, soaked.report["live"]
    return {
        "size": list(SIZE),
        "rate": RATE,
        "seed": SEED,
        "plan": {**vars(plan), "warmup_s": plan.warmup_s(soaked.samples[-1].at_s)},
        "interrupted": soaked.interrupted,
        "growth": {name: growth.as_dict() for name, growth in growths.items()},
        "peak_rss_mib": report["peak_rss_mib"],
        "frames": report["frames"],
        "fps": report["fps"],
        "age_ms": live["age_ms"],
        "signal": {name: value for name, value in live["signal"].items() if name != "gaps"},
        "gaps_s": [gap["seconds"] for gap in live["signal"]["gaps"]],
        "num_cuts": soaked.num_cuts,
        "segments": [segment["frames"] for segment in live["segments"]],
        "viewers": {**soaked.guests.as_dict(), "most": live["most_viewers"]},
        "num_samples": len(soaked.samples),
        "time_s_rss_mib_threads_descriptors_viewers": thinned(soaked.samples),
    }


def thinned(samples: Sequence[Sample]) -> list[list[float]]:
    """Return some of the samples, evenly spread."""
    chosen = np.linspace(0, len(samples) - 1, min(NUM_TOLD, len(samples))).astype(int)
    return [samples[place].as_list() for place in chosen]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the script."""
    own = argparse.ArgumentParser(add_help=False)
    own.add_argument("--minutes", type=float, default=MINUTES, help="how long [%(default)g]")
    own.add_argument(
        "--reconnect-every-s",
        type=float,
        default=RECONNECT_EVERY_S,
        help="time between two cuts of the camera [%(default)g]",
    )
    own.add_argument("--keep-partial", action="store_true", help="write a result when interrupted")
    parsed, _ = own.parse_known_args(arguments)
    plan = Plan(
        length_s=parsed.minutes * 60,
        reconnect_every_s=parsed.reconnect_every_s,
        period_s=SAMPLE_PERIOD_S,
        keep_partial=parsed.keep_partial,
    )
    try:
        return conduct(
            "soak",
            partial(measure, plan=plan),
            description=__doc__,
            arguments=arguments,
            own=own,
        )
    except KeyboardInterrupt:
        print("interrupted: no result; --keep-partial would have written one", file=sys.stderr)
        return _INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
