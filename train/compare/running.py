"""Speeds and clips: the runtime and the export, run as programs just as a user runs them.

A frame rate that was measured inside the training room would leave out decoding, drawing and
encoding. So each network goes through ``python -m losszero_rt``, and the figure is the one in
its report.
"""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import losszero_rt
from losszero_rt.caches import VARIABLE
from losszero_rt.cores import num_cores
from losszero_rt.errors import InputError, OutputError, clean_text
from train.compare.row import Speed

ROOT = Path(losszero_rt.__file__).resolve().parents[1]
TIMEOUT_S = 3600.0
RIDE_SECONDS = 10
RIDE_SEED = 3
_REASON_LENGTH = 200


class RefusedError(Exception):
    """A program ended with an exit code other than 0; the message is its reason."""


@dataclass(frozen=True, kw_only=True)
class Clip:
    """The clip that all networks run on.

    Attributes:
        path: The file.
        seconds: How much of it is run.
        rounds: How often each network runs it.
        drawn: Whether it is a rendered ride, which may be shown to anybody.
    """

    path: Path
    seconds: float = RIDE_SECONDS
    rounds: int = 1
    drawn: bool = False


def draw_clip(path: Path, *, seconds: float = RIDE_SECONDS) -> Path:
    """Render the ride that is run where no clip is given; one that is there is kept."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        words = ["demo", "--out", str(path.resolve()), "--seconds", str(seconds)]
        words += ["--seed", str(RIDE_SEED)]
        try:
            _run("losszero_rt", words)
        except RefusedError as error:
            raise OutputError(f"no ride could be drawn: {error}") from error
    return path


def measure_speed(
    clip: Clip, *, model: Path, engine: str, folder: Path, name: str, keep_clip: bool
) -> Speed:
    """Run one network over the clip, from file to file.

    Args:
        clip: What to run.
        model: A checkpoint or a bundle.
        engine: What executes it.
        folder: Where overlay clip and reports go.
        name: What to call them.
        keep_clip: Whether the overlay clip stays.

    Returns:
        The speed; without a figure if the runtime refuses the model.
    """
    clips = folder / "clips"
    clips.mkdir(parents=True, exist_ok=True)
    shown = clips / f"{name}-{engine}.mp4"
    reports: list[dict[str, Any]] = []
    try:
        for number in range(1, clip.rounds + 1):
            report = folder / "reports" / f"{name}-{engine}-{number}.json"
            reports.append(_run_clip(clip, model, engine, shown, report))
    except RefusedError as error:
        return Speed(engine=engine, absent=str(error))
    finally:
        if not keep_clip:
            shown.unlink(missing_ok=True)
    return speed_of(reports, engine=engine)


def speed_of(reports: Sequence[dict[str, Any]], *, engine: str) -> Speed:
    """Return the speed that the reports of all rounds tell, the median round in front."""
    rates = [float(report["fps"] or 0.0) for report in reports]
    middle = sorted(reports, key=lambda report: report["fps"] or 0.0)[(len(reports) - 1) // 2]
    return Speed(
        engine=engine,
        fps=round(statistics.median(rates), 3),
        rounds_fps=tuple(rates),
        latency_ms=float(middle["latency_ms"]["p50"]),
        precision=str(middle["precision"]),
        threads=int(middle["threads"]),
        frames=int(middle["frames"]["shown"]),
        warmup_frames=int(middle["warmup_frames"]),
    )


def export_for_openvino(checkpoint: Path, *, out: Path) -> None:
    """Write a bundle of a checkpoint.

    Raises:
        RefusedError: If the export does not take the network.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    words = [str(checkpoint.resolve()), "--out", str(out.resolve()), "--force", "--no-portable"]
    _run("export", words)


def _run_clip(clip: Clip, model: Path, engine: str, out: Path, report: Path) -> dict[str, Any]:
    if not clip.path.is_file():
        raise InputError(f"{clip.path} is no file", remedy="name a video with --clip")
    report.parent.mkdir(parents=True, exist_ok=True)
    words = [str(clip.path.resolve()), "--model", str(model.resolve()), "--engine", engine]
    words += ["--out", str(out.resolve()), "--report", str(report.resolve()), "--force"]
    # A bundle made here has no parity record: its speed is asked for, nothing else.
    words += ["--allow-unverified", "--duration", str(clip.seconds), "--quiet"]
    words += ["--threads", str(num_cores())]
    _run("losszero_rt", words)
    told: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    return told


def _run(package: str, words: Sequence[str]) -> None:
    """Run ``python -m package`` without any setting of this process; RefusedError if it fails.

    Where caches lie is no setting of a run.
    """
    ours = ("LOSSZERO_", "OMP_", "MKL_")
    kept = {k: v for k, v in os.environ.items() if k == VARIABLE or not k.startswith(ours)}
    try:
        done = subprocess.run(
            [sys.executable, "-m", package, *words],
            cwd=ROOT,
            env=kept,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise RefusedError(f"not done after {TIMEOUT_S:.0f} s") from error
    if done.returncode:
        raise RefusedError(_reason(done.stderr or done.stdout, done.returncode))


def _reason(text: str, code: int) -> str:
    """Return the line that says why; the last two where something crashed."""
    # Folders of this machine are nobody's business in a report.
    text = text.replace(f"{ROOT}/", "").replace(f"{Path.cwd()}/", "")
    lines = [clean_text(line).strip(" -") for line in text.splitlines() if line.strip()]
    errors = [line.removeprefix("error:") for line in lines if line.startswith("error:")]
    told = errors[-1] if errors else "; ".join(lines[-2:]) or f"ended with {code}"
    return told.strip()[:_REASON_LENGTH]
