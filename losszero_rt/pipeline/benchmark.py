"""Sustained speed and accuracy of one and the same open engine, side by side.

Two passes: one writes the overlay as a user's run does and is timed; the other has label files and
is scored, so that scoring does not cost the first one anything.
"""

import os
import platform
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from losszero_rt.pipeline.assemble import Progress, run_job
from losszero_rt.pipeline.config import RunConfig
from losszero_rt.pipeline.demo import write_ride
from losszero_rt.ride import RideSpec

# Scored on rendered frames of this size when the user brings no labels.
SCORED_RIDE = RideSpec(size=(540, 960), seed=1, duration_s=4.0)
TIMED_RIDE = RideSpec(size=(1080, 1920), seed=0, duration_s=10.0)

COMPARED = ("fps", "latency_ms", "stage_ms", "peak_rss_mib", "accuracy")


def run_bench(
    clip: Path | None, *, labels: Path | None, config: RunConfig, progress: Progress
) -> dict[str, Any]:
    """Measure speed and accuracy of a bundle on this machine.

    Args:
        clip: Video to time; None draws a 1080p ride.
        labels: Label files for the frames of ``clip`` (or pictures in a folder given as
            ``clip``); None scores a rendered ride.
        config: Model and engine; outputs are set here.
        progress: Hears how it goes.

    Returns:
        The report of the timed pass with ``accuracy`` from the scored one, and the machine.
    """
    with tempfile.TemporaryDirectory(prefix="losszero-bench-") as name:
        folder = Path(name)
        timed = clip
        if timed is None:
            progress.warn("drawing a 1080p ride to time")
            timed = write_ride(folder / "timed.mp4", spec=TIMED_RIDE).video
        # A folder of pictures goes into a folder.
        out = folder / ("out" if timed.is_dir() else "out.mp4")
        report = run_job([str(timed)], config=replace(config, out=out), progress=progress)
        scored, truth, dataset = timed, labels, str(labels)
        if truth is None:
            progress.warn("drawing a ride with labels to score")
            truth, scored = folder / "labels", folder / "scored.mp4"
            write_ride(scored, spec=SCORED_RIDE, labels=truth)
            dataset = f"rendered ride, seed {SCORED_RIDE.seed}"
        # run_job wants an output; the scores are it.
        scoring = replace(config, out=None, labels=truth, report=None, json=None, masks=None)
        scored_report = run_job([str(scored)], config=scoring, progress=progress)
    return report | {
        "source": str(clip) if clip else "rendered ride 1920x1080",
        "output": None,
        "accuracy": {"dataset": dataset, **(scored_report["measured"] or {})},
        "machine": machine(),
    }


def machine() -> dict[str, Any]:
    """Return what a figure needs beside it to mean something."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [ln.partition(":")[2].strip() for ln in info.read_text().splitlines() if "model name" in ln]
        cpu = names[0] if names else cpu
    return {"cpu": cpu, "cores": os.cpu_count(), "python": platform.python_version()}


def compare(before: dict[str, Any], after: dict[str, Any]) -> str:
    """Return the differences of two bench reports as a table of text."""
    left, right = _flat(before), _flat(after)
    lines = [f"{'':<34}{'a':>12}{'b':>12}{'b - a':>12}{'b / a':>9}"]
    for key in [key for key in left if key in right]:
        a, b = left[key], right[key]
        share = f"{b / a:9.3f}" if a else f"{'':>9}"
        lines.append(f"{key:<34}{a:>12.3f}{b:>12.3f}{b - a:>+12.3f}{share}")
    for key in ("engine", "device", "precision", "input_size", "batch"):
        if before.get(key) != after.get(key):
            lines.append(f"{key}: {before.get(key)} -> {after.get(key)}")
    return "\n".join(lines)


def _flat(report: dict[str, Any]) -> dict[str, float]:
    found: dict[str, float] = {}

    def walk(prefix: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, part in value.items():
                walk(f"{prefix}.{key}" if prefix else str(key), part)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found[prefix] = float(value)

    walk("", {key: report[key] for key in COMPARED if key in report})
    return found
