"""The figures of a live run while it goes on: the line on the picture, what viewers are told."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from losszero_rt.classmap import ClassMap
from losszero_rt.engine import EngineInfo, Model
from losszero_rt.frame import Frame, LostFrame
from losszero_rt.ledger import Ledger
from losszero_rt.livestate import LiveStatus, PictureChoice
from losszero_rt.objects import Objects
from losszero_rt.pipeline.live_feed import LiveStream
from losszero_rt.pipeline.live_picture import HeatWatch
from losszero_rt.pipeline.outlets import StageTimes
from losszero_rt.pipeline.painter import LiveLine
from losszero_rt.pipeline.report import hud_suffix, model_facts
from losszero_rt.timings import Percentiles, now_s

RATE_SPAN_S = 2.0
# Below this share of the declared rate a camera is taken to expose for longer than a frame.
LOW_LIGHT_SHARE = 0.7


class StreamLine(LiveLine):
    """The line of figures of a live run: what is shown, what the source gives, age and losses.

    Args:
        suffix: Constant end of the line (model's score, engine, precision).
        ledger: Where losses are read from.
        source: Where the rates are read from.
    """

    def __init__(self, *, suffix: str, ledger: Ledger, source: LiveStream) -> None:
        super().__init__(suffix=suffix, ledger=ledger)
        self._source = source

    @property
    def fps(self) -> float:
        """Frames handed on a second, over the last two seconds."""
        since_s = now_s() - RATE_SPAN_S
        recent = [at_s for at_s in self._handed_s if at_s >= since_s]
        if len(recent) == self._handed_s.maxlen:  # older ones within the span are forgotten
            return (len(recent) - 1) / max(1e-6, recent[-1] - recent[0])
        return len(recent) / RATE_SPAN_S

    @property
    def ages(self) -> Percentiles:
        """Capture to handed on, over the last frames."""
        return Percentiles.of(self._latency_ms)

    def _figures(self, *, fps: float, p95_ms: float, num_lost: int) -> str:
        rates = rates_text(self._source)
        dark = "  LOW LIGHT?" if is_dim(self._source) else ""
        return f"{fps:.1f} FPS  {rates}age p95 {p95_ms:.0f} ms  lost {num_lost}{dark}"


def rates_text(source: LiveStream) -> str:
    """Return what the source gives of what it claims, ``in 15.1/30  ``; nothing while unknown."""
    measured, declared = source.rate_measured_fps, source.rate_declared
    if not measured:
        return ""
    claimed = f"/{float(declared):.4g}" if declared else ""
    return f"in {measured:.1f}{claimed}  "


def is_dim(source: LiveStream) -> bool:
    """Say whether a source was noted for low light, and gives too few frames still."""
    declared = source.rate_declared
    if not declared or not any("low light" in warning for warning in source.warnings):
        return False
    return 0 < source.rate_measured_fps < LOW_LIGHT_SHARE * float(declared)


class LiveShares:
    """Remembers the shares of the newest frame; an outlet like any other.

    Args:
        num_classes: Number of classes.

    Attributes:
        newest: Share of the picture by class, 0..1.
    """

    name = "shares"
    saves = False

    def __init__(self, num_classes: int) -> None:
        self.newest: tuple[float, ...] = (0.0,) * num_classes

    def take(
        self,
        frame: Frame,
        *,
        labels_HW: np.ndarray,
        shares: np.ndarray,
        stage_ms: StageTimes,
        objects: Objects | None,
    ) -> None:
        """Take in one shown frame."""
        self.newest = tuple(float(share) for share in shares)

    def lose(self, lost: LostFrame) -> None:
        """Nothing is shown of a lost frame."""

    def close(self) -> None:
        """Nothing is held open."""


@dataclass(frozen=True, kw_only=True)
class Reporter:
    """Makes the figures for viewers out of the parts of a run.

    Attributes:
        source: The source.
        line: Rate and ages.
        ledger: What became of the frames.
        shares: Shares of the newest frame.
        classmap: Classes in the colours shown.
        engine: What runs.
        model: What was loaded.
        heat: Says whether activation maps can be asked for, and of which classes.
        configured: The configured picture, in the words of viewers.
        start_s: Monotonic clock when the run began, seconds.
        choice: Asked for the picture that is shown to viewers.
    """

    source: LiveStream
    line: StreamLine
    ledger: Ledger
    shares: LiveShares
    classmap: ClassMap
    engine: EngineInfo
    model: Model
    heat: HeatWatch
    configured: PictureChoice
    start_s: float
    choice: Callable[[], PictureChoice]

    def status(self) -> LiveStatus:
        """Return the figures as they are now."""
        source, ages = self.source, self.line.ages
        declared = source.rate_declared
        return LiveStatus(
            source=source.info.name,
            signal=source.signal,
            elapsed_s=now_s() - self.start_s,
            size=source.info.shown_size,
            fps=self.line.fps,
            fps_measured=source.rate_measured_fps,
            fps_declared=float(declared) if declared else None,
            age_ms=ages.as_dict() if ages.n else {},
            frames=self.ledger.as_dict(),
            shares=self.shares.newest,
            class_names=self.classmap.names,
            class_colours=self.classmap.colours,
            engine=_engine_facts(self.engine),
            model=_model_facts(self.model, self.engine),
            choice=self.choice(),
            can_cam=self.heat.can_cam,
            cam_configured=self.configured.cam,
            cam_fixed=self.heat.fixed,
            notes=(*source.info.notes, *source.warnings),
        )


def stream_line(
    engine: EngineInfo, model: Model, *, ledger: Ledger, source: LiveStream
) -> StreamLine:
    """Return the line of figures of a run."""
    return StreamLine(suffix=hud_suffix(engine, model), ledger=ledger, source=source)


def _engine_facts(engine: EngineInfo) -> dict[str, str]:
    return {"name": engine.name, "device": engine.device, "precision": engine.precision}


def _model_facts(model: Model, engine: EngineInfo) -> dict[str, Any]:
    left_out = {"kind", "sha256", "dataset"}
    return {k: fact for k, fact in model_facts(model, engine).items() if k not in left_out}
