"""The report: what was measured in a run, next to the score of the engine that ran.

fps is (n - 1) / (last - first) over the frames handed on after warm-up; latency is from decoded
to handed to the muxer, per frame. Both come from one monotonic clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import losszero_rt
from losszero_rt.engine import (
    EngineInfo,
    Model,
    Score,
    TrainedModel,
    is_proved,
    score_of,
    weights_score,
)
from losszero_rt.errors import ExitCode, LossZeroError
from losszero_rt.ledger import Ledger
from losszero_rt.timings import SAMPLE_SIZE, Series, StageTimings, now_s

REPORT_FORMAT = 1
# Frames at the start that say more about caches and buffers than about the pipeline.
WARMUP_FRAMES = 30


@dataclass(kw_only=True)
class Meter:
    """Collects the measurements of one run while it goes on.

    Attributes:
        ledger: Counts by fate.
        stages: Durations by stage, one value a frame shown.
        latency: Decoded (live: captured) to handed on, milliseconds, one value a frame shown.
        start_s: Monotonic clock at the start of the run.
        handed_s: When each frame was handed on, seconds since ``start_s``.
    """

    ledger: Ledger = field(default_factory=Ledger)
    stages: StageTimings = field(default_factory=StageTimings)
    latency: Series = field(default_factory=Series)
    handed_s: Series = field(default_factory=Series)
    start_s: float = field(default_factory=now_s)

    @classmethod
    def bounded(cls) -> "Meter":
        """Return a meter whose memory stays the same however long the run is."""
        return cls(
            stages=StageTimings(bound=SAMPLE_SIZE),
            latency=Series(bound=SAMPLE_SIZE),
            handed_s=Series(bound=SAMPLE_SIZE),
        )

    @property
    def num_warmup(self) -> int:
        """Frames left out of fps and latency: none when there are too few to spare."""
        return WARMUP_FRAMES if len(self.handed_s) >= 3 * WARMUP_FRAMES else 0

    def hand_on(self, *, since_s: float, handed_at_s: float) -> float:
        """Record that a frame was handed on; return its latency in milliseconds.

        Args:
            since_s: Monotonic clock when it was decoded, or captured.
            handed_at_s: Monotonic clock when it was handed on.
        """
        latency_ms = (handed_at_s - since_s) * 1e3
        self.latency.add(latency_ms)
        self.handed_s.add(handed_at_s - self.start_s)
        return latency_ms

    @property
    def fps(self) -> float | None:
        """Frames a second after warm-up; None with fewer than two frames."""
        return rate_of(self.handed_s, skip=self.num_warmup)


def rate_of(handed_s: Series, *, skip: int = 0) -> float | None:
    """Return (n - 1) / (last - first) over times in seconds, the first ``skip`` left out.

    None where there is no rate: of fewer than two times, or of times that are all the same.
    """
    num_times = handed_s.num_added - skip
    if num_times < 2:
        return None
    first_s, last_s = float(handed_s.values()[skip]), handed_s.last
    return (num_times - 1) / (last_s - first_s) if last_s > first_s else None


@dataclass(frozen=True, kw_only=True)
class SourceResult:
    """What became of one source.

    Attributes:
        name: The source.
        frames: Its ledger.
        output: Path, frames and duration of its video or picture; None without one.
        incomplete: Why the source ended early; None when it did not.
        missing_share: Share of the declared frames that never came, 0..1.
        num_resumed: Frames that an interrupted run had written already, and that were kept.
        warnings: Lines a person should see.
        error: Why it could not be processed; None when it was.
        error_code: Exit code that goes with ``error``.
    """

    name: str
    frames: dict[str, object]
    output: dict[str, Any] | None
    incomplete: str | None = None
    missing_share: float = 0.0
    num_resumed: int = 0
    warnings: tuple[str, ...] = ()
    error: str | None = None
    error_code: ExitCode = ExitCode.OK

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for a JSON file."""
        return {
            "name": self.name,
            "frames": self.frames,
            "output": self.output,
            "incomplete": self.incomplete,
            "missing_share": round(self.missing_share, 6),
            "resumed_frames": self.num_resumed,
            "warnings": list(self.warnings),
            "error": self.error,
        }


def model_facts(model: Model, engine: EngineInfo) -> dict[str, Any]:
    """Return what a report says of the model: kind, name, hash, and the score of what runs.

    ``miou`` is that of ``score_of``: the engine in its precision where export scored it, else
    the weights in fp32, which ``weights_miou`` is in any case.
    """
    score, weights = score_of(model, engine), weights_score(model)
    return {
        "kind": "checkpoint" if isinstance(model, TrainedModel) else "bundle",
        "name": model.name,
        "sha256": model.sha256,
        "miou": score and score.miou,
        "miou_ci95": _interval(score),
        "n": score and score.n,
        "dataset": score and score.dataset,
        "score_of": score and score.of,
        "weights_miou": weights and weights.miou,
        "weights_miou_ci95": _interval(weights),
        "verified": is_proved(model, engine),
    }


def _interval(score: Score | None) -> list[float] | None:
    return list(score.miou_ci95) if score and score.miou_ci95 else None


def hud_suffix(engine: EngineInfo, model: Model) -> str:
    """Return the end of the line of figures on the picture: the score of what runs, and how."""
    # What matters most comes first, for a line that is too long for its picture loses its end.
    state = "" if is_proved(model, engine) else "UNVERIFIED  "
    runs, score = f"{engine.name} {engine.precision}", score_of(model, engine)
    if score is None:
        return f"{state}no score  {runs}"
    figure = f"mIoU {score.miou:.3f}" + ("" if score.is_own else f" of {score.of}")
    span = "" if score.miou_ci95 is None else " [{:.2f}, {:.2f}]".format(*score.miou_ci95)
    count = "" if score.n is None else f"  n={score.n}"
    return f"{state}{figure}  {runs}{count}{span}"


def build_report(
    *,
    meter: Meter,
    engine: EngineInfo,
    model: Model,
    cam: str | None,
    sources: list[SourceResult],
    measured: dict[str, Any] | None,
    detections: dict[str, Any] | None,
    elapsed_s: float,
    exit_code: int,
    failures: Sequence[LossZeroError] = (),
    stopped: ExitCode | None = None,
    live: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the report of a run, as the JSON schema of the project describes it.

    ``failures`` are those of outputs, ``stopped`` is the code of the signal that ended the run.
    ``live`` holds what only live runs have; it is None for files.
    """
    skip = meter.num_warmup
    return {
        "format": REPORT_FORMAT,
        "version": losszero_rt.__version__,
        "frames": meter.ledger.as_dict(),
        "resumed_frames": sum(source.num_resumed for source in sources),
        "warmup_frames": skip,
        "fps": None if meter.fps is None else round(meter.fps, 3),
        "elapsed_s": round(elapsed_s, 3),
        "first_frame_s": round(float(meter.handed_s.values()[0]), 3) if meter.handed_s else None,
        "latency_ms": meter.latency.percentiles(skip=skip).as_dict(),
        "stage_ms": meter.stages.as_dict(skip=skip),
        "engine": engine.name,
        "engine_version": engine.version,
        "engine_trusted_by": engine.trusted_by or None,
        "engine_proof": engine.proof or None,
        "engine_parts": engine.compiled or None,
        "device": engine.device,
        "precision": engine.precision,
        "input_size": list(engine.input_size),
        "labels_size": list(engine.labels_size),
        "batch": engine.batch,
        "threads": engine.threads,
        "streams": engine.streams,
        "chosen_by": engine.chosen_by or None,
        "peak_rss_mib": round(peak_rss_mib(), 1),
        "model": model_facts(model, engine),
        "cam": cam,
        "measured": measured,
        "detections": detections,
        "output": total_output(sources),
        "sources": [source.as_dict() for source in sources],
        "live": live,
        "failures": [str(failure) for failure in failures],
        "stopped_by": None if stopped is None else stopped.name,
        "exit_code": exit_code,
    }


def total_output(sources: list[SourceResult]) -> dict[str, Any] | None:
    """Return the one output, or the folder and the sums of several; None without any."""
    outputs = [source.output for source in sources if source.output is not None]
    if len(outputs) <= 1:
        return outputs[0] if outputs else None
    durations = [output["duration_s"] for output in outputs if output["duration_s"] is not None]
    return {
        "path": str(Path(outputs[0]["path"]).parent),
        "frames": sum(output["frames"] for output in outputs),
        "duration_s": round(sum(durations), 6),
    }


def peak_rss_mib() -> float:
    """Return the largest resident memory of this process so far, MiB (0 where unknown)."""
    try:
        # ru_maxrss would do, but it starts at the size of the process that forked this one.
        status = Path("/proc/self/status").read_text()
    except OSError:
        return 0.0
    return int(status.partition("VmHWM:")[2].split()[0]) / 2**10
