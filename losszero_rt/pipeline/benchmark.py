"""Sustained speed and accuracy of one and the same open engine, side by side.

Two passes: one writes the overlay as a user's run does and is timed; the other has label files and
is scored, so that scoring does not cost the first one anything.
"""

import platform
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from losszero_rt.cores import num_cores
from losszero_rt.errors import ExitCode, InputError
from losszero_rt.pipeline.assemble import run_job
from losszero_rt.pipeline.config import RunConfig
from losszero_rt.pipeline.demo import write_ride
from losszero_rt.pipeline.progress import Progress
from losszero_rt.ride import RideSpec

# Scored on rendered frames of this size when the user brings no labels.
SCORED_RIDE = RideSpec(size=(540, 960), seed=1, duration_s=4.0)
TIMED_RIDE = RideSpec(size=(1080, 1920), seed=0, duration_s=10.0)

COMPARED = ("fps", "latency_ms", "stage_ms", "peak_rss_mib", "accuracy")


def run_bench(
    clip: Path | None,
    *,
    labels: Path | None,
    config: RunConfig,
    progress: Progress,
    timed_ride: RideSpec = TIMED_RIDE,
    scored_ride: RideSpec = SCORED_RIDE,
) -> dict[str, Any]:
    """Measure speed and accuracy of a bundle on this machine.

    Args:
        clip: Video to time; None draws a 1080p ride.
        labels: Label files for the frames of ``clip`` (or pictures in a folder given as
            ``clip``); None scores a rendered ride.
        config: Model and engine; outputs are set here.
        progress: Hears how it goes.
        timed_ride: Drawn and timed when there is no ``clip``.
        scored_ride: Drawn and scored when there are no ``labels``.

    Returns:
        The report of the timed pass with ``accuracy`` from the scored one, and the machine.
        A signal ends it early: then ``accuracy`` is None and ``exit_code`` that of the signal.

    Raises:
        LossZeroError: A pass failed, or no label file fits a frame of ``clip``.
    """
    with tempfile.TemporaryDirectory(prefix="losszero-bench-") as name:
        folder = Path(name)
        timed = clip or _draw(timed_ride, folder / "timed.mp4", why="time", progress=progress)
        # A folder of pictures goes into a folder.
        out = folder / ("out" if timed.is_dir() else "out.mp4")
        report = _pass(timed, config=replace(config, out=out), progress=progress)
        scored, truth, dataset = timed, labels, str(labels)
        if truth is None:
            truth = folder / "labels"
            scored = _draw(
                scored_ride, folder / "scored.mp4", why="score", progress=progress, labels=truth
            )
            dataset = f"rendered ride, seed {scored_ride.seed}"
        accuracy = None
        if report["exit_code"] < ExitCode.SIGHUP:
            # A run wants an output; here the scores are it.
            scoring = _pass(
                scored, config=replace(config, out=None, labels=truth), progress=progress
            )
            accuracy = _accuracy_of(scoring, dataset=dataset, labels=labels)
            report["exit_code"] = max(report["exit_code"], scoring["exit_code"])
    height, width = timed_ride.size
    return report | {
        "source": str(clip) if clip else f"rendered ride {width}x{height}",
        "output": None,
        "accuracy": accuracy,
        "machine": machine(),
    }


def _draw(
    spec: RideSpec, path: Path, *, why: str, progress: Progress, labels: Path | None = None
) -> Path:
    height, width = spec.size
    progress.warn(f"drawing a ride of {width}x{height} to {why}")
    return write_ride(path, spec=spec, labels=labels).video


def _pass(source: Path, *, config: RunConfig, progress: Progress) -> dict[str, Any]:
    report = run_job([str(source)], config=config, progress=progress)
    assert report is not None, "only a resumed run has nothing to do"
    return report


def _accuracy_of(
    report: dict[str, Any], *, dataset: str, labels: Path | None
) -> dict[str, Any] | None:
    if report["measured"] is not None:
        return {"dataset": dataset, **report["measured"]}
    if report["exit_code"] >= ExitCode.SIGHUP:
        return None
    raise InputError(
        f"no file in {labels} fits a frame that was read",
        accepted="8-bit id PNG files: <stem>.png of a picture, 000000.png of a frame",
    )


def machine() -> dict[str, Any]:
    """Return what a figure needs beside it to mean something."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text().splitlines()
        names = (ln.partition(":")[2].strip() for ln in lines if "model name" in ln)
        cpu = next(names, cpu)
    return {"cpu": cpu, "cores": num_cores(), "python": platform.python_version()}


def compare(before: dict[str, Any], after: dict[str, Any]) -> str:
    """Return the differences of two bench reports as a table of text."""
    left, right = _flat(before), _flat(after)
    lines = [f"{'':<34}{'a':>12}{'b':>12}{'b - a':>12}{'b / a':>9}"]
    lines += [_difference(key, left[key], right[key]) for key in left if key in right]
    for key in ("engine", "device", "precision", "input_size", "batch"):
        if before.get(key) != after.get(key):
            lines.append(f"{key}: {before.get(key)} -> {after.get(key)}")
    return "\n".join(lines)


def _difference(key: str, a: float, b: float) -> str:
    share = f"{b / a:9.3f}" if a else ""
    return f"{key:<34}{a:>12.3f}{b:>12.3f}{b - a:>+12.3f}{share:>9}"


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
