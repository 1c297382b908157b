"""Peak memory at 1080p, and whether it grows over 5,000 frames; seen from outside in /proc.

Run: python -m benchmarks.bench_memory
"""

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.clips import drawn_clip, looped
from benchmarks.options import Options
from benchmarks.program import ProgramError, our_command, read_report, start_program
from benchmarks.record import Claim, Outcome, conduct
from losszero_rt.timings import now_s

NUM_FRAMES, QUICK_FRAMES = 5000, 40
MAX_RSS_MIB = 900.0
MAX_GROWTH_PERCENT = 2.0
PERIOD_S = 0.05
# Parts of the run whose medians are compared: after warm-up, and before closing.
EARLY, LATE = (0.10, 0.20), (0.88, 0.98)
NUM_TOLD = 60


def measure(options: Options) -> Outcome:
    """Run one long clip through the program and watch its resident memory."""
    num_frames = QUICK_FRAMES if options.quick else NUM_FRAMES
    clip = looped(drawn_clip(options), num_frames=num_frames)
    report_path, out = options.work / "memory.json", options.work / "memory.mp4"
    samples = watch(our_command(options, clip, report=report_path, out=out))
    report = read_report(report_path)
    out.unlink()
    peak = max(report["peak_rss_mib"], float(samples[:, 1].max()))
    early, late = part_median(samples, EARLY), part_median(samples, LATE)
    claims = (
        Claim(
            what=f"peak resident memory over {num_frames} frames",
            value=round(peak, 1),
            unit="MiB",
            bound="at most",
            limit=MAX_RSS_MIB,
        ),
        Claim(
            what=f"growth from {EARLY[0]:.0%}-{EARLY[1]:.0%} to {LATE[0]:.0%}-{LATE[1]:.0%} of it",
            value=round(100 * (late / early - 1), 3),
            unit="%",
            bound="at most",
            limit=MAX_GROWTH_PERCENT,
        ),
        Claim(what="sustained over it", value=report["fps"], unit="fps"),
    )
    figures = {
        "frames": report["frames"],
        "early_mib": round(early, 2),
        "late_mib": round(late, 2),
        "own_peak_mib": report["peak_rss_mib"],
        "num_samples": len(samples),
        "latency_ms": report["latency_ms"],
        "time_s_and_rss_mib": thinned(samples),
    }
    return Outcome(claims=claims, figures=figures)


def watch(command: list[str]) -> np.ndarray:
    """Run a program and sample its resident memory.

    Returns:
        float64 (n, 2): seconds since its start, MiB.
    """
    start_s = now_s()
    process = start_program(command)
    statm, page = Path(f"/proc/{process.pid}/statm"), os.sysconf("SC_PAGE_SIZE")
    samples: list[tuple[float, float]] = []
    while process.poll() is None:
        fields = statm.read_text().split()
        samples.append((now_s() - start_s, int(fields[1]) * page / 2**20))
        time.sleep(PERIOD_S)
    if process.returncode:
        raise ProgramError(f"{' '.join(command)} ended with {process.returncode}")
    return np.array(samples)


def part_median(samples: np.ndarray, part: tuple[float, float]) -> float:
    """Return the median memory within a part of the run, given as shares of its time."""
    first, last = (int(share * len(samples)) for share in part)
    return float(np.median(samples[first : max(first + 1, last), 1]))


def thinned(samples: np.ndarray) -> list[list[float]]:
    """Return some of the samples, evenly spread."""
    chosen = np.linspace(0, len(samples) - 1, min(NUM_TOLD, len(samples))).astype(int)
    return [[round(float(value), 2) for value in samples[k]] for k in chosen]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the script."""
    return conduct("memory", measure, description=__doc__, arguments=arguments)


if __name__ == "__main__":
    sys.exit(main())
