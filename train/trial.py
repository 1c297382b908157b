"""A trial of a sweep is a training whose tracker also tells the sweep how it goes."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from train.config import TrainConfig
from train.data import Data
from train.journal import read_rows
from train.lineage import Artifact, ArtifactKind
from train.loop import is_done, train
from train.panels import Panel
from train.state import has_state, read_step
from train.sweep import Objective, Report
from train.tracking import Tracker, TrackingMode, open_tracker


class ReportingTracker:
    """A tracker that passes everything on, and one number of each epoch to a sweep as well.

    Args:
        tracker: Gets everything.
        metric: Key of the number.
        report: Takes the epoch, counted from 1, and the number; what it raises ends the training.
        num_epochs: Epochs that were reported before.
    """

    def __init__(
        self, tracker: Tracker, *, metric: str, report: Report, num_epochs: int = 0
    ) -> None:
        self._tracker = tracker
        self._metric = metric
        self._report = report
        self._num_epochs = num_epochs

    def log(self, values: Mapping[str, float], *, step: int) -> None:
        """Pass numbers on, then report."""
        self._tracker.log(values, step=step)
        if self._metric in values:
            self._num_epochs += 1
            self._report(self._num_epochs, values[self._metric])

    def pictures(self, panels: Sequence[Panel], *, step: int) -> None:
        """Pass pictures on."""
        self._tracker.pictures(panels, step=step)

    def confusion(self, matrix: np.ndarray, *, names: Sequence[str], step: int) -> None:
        """Pass a confusion matrix on."""
        self._tracker.confusion(matrix, names=names, step=step)

    def artifact(
        self,
        path: Path,
        *,
        kind: ArtifactKind,
        name: str,
        version: str = "",
        aliases: Sequence[str] = (),
        uses: Sequence[str] = (),
    ) -> Artifact:
        """Pass an artifact on."""
        return self._tracker.artifact(
            path, kind=kind, name=name, version=version, aliases=aliases, uses=uses
        )

    def close(self) -> None:
        """Close the tracker."""
        self._tracker.close()


def training(
    read: Callable[[TrainConfig, Tracker], Data],
    *,
    metric: str,
    mode: TrackingMode = "offline",
    start_from: Mapping[str, torch.Tensor] | None = None,
    say: Callable[[str], object] = print,
) -> Objective:
    """Return the objective that trains.

    Args:
        read: Returns the pictures for a configuration, and notes their version.
        metric: Key of the number that is reported each epoch.
        mode: What W&B does; see :func:`train.tracking.open_tracker`.
        start_from: Weights that every trial starts from, instead of the encoder's own.
        say: Receives one line an epoch.
    """

    def objective(
        config: TrainConfig, *, folder: Path, report: Report, time_limit_s: float
    ) -> bool:
        resume = has_state(folder / "state")
        step = read_step(folder / "state") if resume else 0
        tracker = open_tracker(
            folder, mode=mode, config=config.as_dict(), resume_step=step, say=say
        )
        try:
            known = [row[metric] for row in read_rows(folder) if metric in row]
            for epoch, value in enumerate(known, start=1):
                report(epoch, math.nan if value is None else value)
            progress = train(
                config,
                data=read(config, tracker),
                out=folder,
                resume=resume,
                start_from=start_from,
                time_limit_s=time_limit_s,
                say=lambda line: say(f"  {line}"),
                tracker=ReportingTracker(
                    tracker, metric=metric, report=report, num_epochs=len(known)
                ),
            )
        finally:
            tracker.close()
        return is_done(progress, config)

    return objective
