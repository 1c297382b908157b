"""The end of an epoch: measured, written down, told, and judged against the best so far."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from losszero_rt import __version__
from losszero_rt.checkpoint import Checkpoint, write_checkpoint, write_whole
from losszero_rt.data_record import encoder_in, encoder_record
from losszero_rt.metrics.bootstrap import json_number
from losszero_rt.timings import now_s
from train.config import TrainConfig
from train.data import Data
from train.encoder_weights import name_of
from train.session import Session
from train.state import Progress
from train.tracking import Tracker, score_values
from train.validation import Measured, measure

# Alias of each checkpoint folder in the lineage.
ALIASES = {"last": "last", "best": "best-miou", "best-boundary": "best-boundary"}


@dataclass(frozen=True, kw_only=True)
class EpochResult:
    """What an epoch came to.

    Attributes:
        epoch: Epochs done.
        loss: Mean loss of its steps; NaN where fp16 skipped them all.
        rate: Learning rate of its last step.
        images_per_s: Crops learnt from in a second, measuring and writing left out.
        val: What the averaged weights are worth on pictures that are never trained on.
        probe: The same on training pictures.
    """

    epoch: int
    loss: float
    rate: float
    images_per_s: float
    val: Measured
    probe: Measured

    @property
    def gap(self) -> float:
        """Training minus validation mIoU; grows while a network learns its pictures by heart."""
        return self.probe.areas.miou - self.val.areas.miou

    def row(self, progress: Progress) -> dict[str, Any]:
        """Return the row for ``history.json``."""
        val = self.val.areas
        return {
            "epoch": self.epoch,
            "step": progress.step,
            "loss": json_number(round(self.loss, 5)),
            "val_miou": _rounded(val.miou),
            "train_miou": _rounded(self.probe.areas.miou),
            "gap": _rounded(self.gap),
            "pixel_accuracy": _rounded(val.pixel_accuracy),
            "boundary_iou": _rounded(self.val.outlines.miou),
            "class_iou": [_rounded(value) for value in val.class_iou.tolist()],
            "rates": {k: None if v is None else _rounded(v) for k, v in val.rates().items()},
            "rate": self.rate,
            "images_per_s": round(self.images_per_s, 2),
            "accumulate": progress.accumulate,
            "elapsed_s": round(progress.elapsed_s),
        }

    def line(self, config: TrainConfig) -> str:
        """Return what a person wants to read."""
        classes = " ".join(
            f"{name} {value:.3f}"
            for name, value in zip(config.classes.names, self.val.areas.class_iou, strict=True)
        )
        return (
            f"epoch {self.epoch}/{config.num_epochs}  loss {self.loss:.4f}  "
            f"mIoU val {self.val.areas.miou:.4f} train {self.probe.areas.miou:.4f} "
            f"gap {self.gap:+.4f}  boundary {self.val.outlines.miou:.4f}  "
            f"{self.images_per_s:.1f} images/s  ({classes})"
        )

    def tracked(self) -> dict[str, float]:
        """Return the numbers for a tracker by their keys."""
        return {
            **score_values(self.val.areas),
            **score_values(self.probe.areas, part="train"),
            "val/boundary_iou": self.val.outlines.miou,
            "val/gap": self.gap,
            "train/epoch_loss": self.loss,
            "train/images_per_s": self.images_per_s,
        }


class Pace:
    """Counts steps against the clock, from its making on.

    Args:
        step: Steps done.
    """

    def __init__(self, step: int) -> None:
        self._step = step
        self._start_s = now_s()

    def per_s(self, step: int) -> float:
        """Return steps a second, now that ``step`` are done."""
        return (step - self._step) / max(now_s() - self._start_s, 1e-9)


def measure_epoch(session: Session, data: Data, *, steps_per_s: float) -> EpochResult:
    """Measure the averaged weights at the end of an epoch, with all processes."""
    config, progress, team = session.config, session.progress, session.team
    network = session.learner.average.network
    epoch = config.locate(progress.step)[0]
    phase = config.phase_of(epoch - 1)
    mean = progress.epoch_loss / progress.epoch_steps if progress.epoch_steps else math.nan
    loss = torch.tensor(mean, device=session.device)
    progress.epoch_loss, progress.epoch_steps = 0.0, 0
    val, probe = (
        measure(
            network,
            pictures,
            config=config,
            team=team,
            device=session.device,
            cam_class=session.cam_class,
        )
        for pictures in (data.val, data.train_probe)
    )
    return EpochResult(
        epoch=epoch,
        loss=team.total(loss).item() / team.size,
        rate=config.rate_at(progress.step - 1),
        images_per_s=steps_per_s * phase.batch_size,
        val=val,
        probe=probe,
    )


def track_step(session: Session, loss: float, *, tracker: Tracker | None) -> None:
    """Tell a tracker, if there is one, about the step just taken."""
    if tracker is not None and session.team.leads:
        step = session.progress.step
        rate = session.config.rate_at(step - 1)
        tracker.log({"train/loss": loss, "train/rate": rate}, step=step)


def close_epoch(
    session: Session,
    pace: Pace,
    *,
    data: Data,
    out: Path,
    say: Callable[[str], object],
    tracker: Tracker | None,
) -> None:
    """Measure and judge an epoch; the process that leads writes it down and tells of it.

    Args:
        session: The training.
        pace: Counts since the epoch began in this process.
        data: What it was trained on.
        out: The training's folder.
        say: Receives one line.
        tracker: Is told everything, if there is one.
    """
    result = measure_epoch(session, data, steps_per_s=pace.per_s(session.progress.step))
    names = judge(result, session.progress)
    if not session.team.leads:
        return
    _write(result, names, session=session, data=data, out=out)
    if tracker is not None:
        _track(result, names, tracker, session=session, data=data, out=out)
    say(result.line(session.config))


def judge(result: EpochResult, progress: Progress) -> tuple[str, ...]:
    """Note the result; return the names of the checkpoints that it deserves."""
    names = ["last"]
    if result.val.areas.miou > progress.best_miou:
        progress.best_miou, progress.best_epoch = result.val.areas.miou, result.epoch
        names.append("best")
    if result.val.outlines.miou > progress.best_boundary:
        progress.best_boundary = result.val.outlines.miou
        names.append("best-boundary")
    progress.history.append(result.row(progress))
    return tuple(names)


def _write(
    result: EpochResult, names: tuple[str, ...], *, session: Session, data: Data, out: Path
) -> None:
    """Write the checkpoints of these names, and the history."""
    config = session.config
    checkpoint = Checkpoint(
        network=config.network,
        input=config.input,
        classes=config.classes,
        scores=result.val.areas.as_dict(),
        data={**data.summary(), **encoder_record([_began(data, config=config)])},
        epoch=result.epoch,
        version=__version__,
    )
    weights = {key: value.cpu() for key, value in session.learner.average.state.items()}
    for name in names:
        write_checkpoint(out / name, checkpoint=checkpoint, weights=weights)
    rows = json.dumps(session.progress.history, indent=1, allow_nan=False)
    write_whole(out / "history.json", rows.encode())


def _began(data: Data, *, config: TrainConfig) -> str:
    """Return where the encoder began, empty if unknown."""
    if data.origin is None:
        return name_of(config.encoder_weights)
    return encoder_in(data.origin)


def _track(
    result: EpochResult,
    names: tuple[str, ...],
    tracker: Tracker,
    *,
    session: Session,
    data: Data,
    out: Path,
) -> None:
    """Tell a tracker everything about an epoch."""
    step = session.progress.step
    tracker.log(result.tracked(), step=step)
    tracker.pictures(result.val.panels, step=step)
    matrix = result.val.areas.total
    tracker.confusion(matrix, names=session.config.classes.names, step=step)
    for name in names:
        tracker.artifact(
            out / name,
            kind="checkpoint",
            name=f"{out.resolve().name}-{name}",
            aliases=(ALIASES[name],),
            uses=data.versions,
        )


def _rounded(value: float) -> float | None:
    return json_number(round(value, 4) if math.isfinite(value) else math.nan)
