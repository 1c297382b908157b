"""The record that every training keeps, whatever else follows it: JSON rows, panels and plots."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from losszero_rt.checkpoint import write_whole
from losszero_rt.errors import clean_text
from train.lineage import Artifact, ArtifactKind, describe, record
from train.panels import Panel, draw_panel

METRICS_NAME = "metrics.jsonl"
CONFUSION_NAME = "confusion.json"
PANELS_NAME = "panels"


class Tracker(Protocol):
    """Whoever wants to know how a training goes."""

    def log(self, values: Mapping[str, float], *, step: int) -> None:
        """Note numbers by key; ``step`` counts optimiser steps done and never falls."""

    def pictures(self, panels: Sequence[Panel], *, step: int) -> None:
        """Note what the network makes of some pictures."""

    def confusion(self, matrix: np.ndarray, *, names: Sequence[str], step: int) -> None:
        """Note a confusion matrix, int64 (C, C), rows truth, columns prediction."""

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
        """Note a file or folder and what it was made from; the result's ``ref`` names it."""

    def close(self) -> None:
        """Finish; nothing is noted afterwards."""


class JsonlTracker:
    """Keeps ``metrics.jsonl``, ``confusion.json``, ``lineage.json``, panels and plots in a folder.

    Args:
        out: The training's folder; made if absent.
        resume_step: Step from which the training goes on. What an interrupted training noted
            beyond it is cut, because it is trained and noted again.
        say: Receives a line when panels or plots, which are not worth a training, fail.
    """

    def __init__(
        self, out: Path, *, resume_step: int = 0, say: Callable[[str], object] = print
    ) -> None:
        self._out = out
        self._say = say
        out.mkdir(parents=True, exist_ok=True)
        _cut(out, resume_step)

    def log(self, values: Mapping[str, float], *, step: int) -> None:
        """Append one row; see :class:`Tracker`."""
        row = {"step": step} | {key: _number(value) for key, value in values.items()}
        with (self._out / METRICS_NAME).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, allow_nan=False) + "\n")

    def pictures(self, panels: Sequence[Panel], *, step: int) -> None:
        """Write one PNG a panel into ``panels/``."""
        self._aside("panels", lambda: self._write_panels(panels, step))

    def confusion(self, matrix: np.ndarray, *, names: Sequence[str], step: int) -> None:
        """Keep the newest confusion matrix."""
        content = {"step": step, "names": list(names), "matrix": matrix.tolist()}
        write_whole(self._out / CONFUSION_NAME, json.dumps(content).encode())

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
        """Record an artifact in ``lineage.json``."""
        made = describe(path, kind=kind, name=name, version=version, aliases=aliases, uses=uses)
        return record(self._out, made)

    def close(self) -> None:
        """Draw the plots."""
        self._aside("plots", lambda: _plot(self._out))

    def _write_panels(self, panels: Sequence[Panel], step: int) -> None:
        folder = self._out / PANELS_NAME
        folder.mkdir(exist_ok=True)
        for panel in panels:
            bgr_HWC = cv2.cvtColor(draw_panel(panel), cv2.COLOR_RGB2BGR)
            _, content = cv2.imencode(".png", bgr_HWC)
            write_whole(folder / f"{step:06d}-{panel.file_stem}.png", content.tobytes())

    def _aside(self, what: str, work: Callable[[], object]) -> None:
        try:
            work()
        except Exception as error:
            self._say(clean_text(f"no {what}: {type(error).__name__}: {error}"))


def read_rows(out: Path) -> list[dict[str, Any]]:
    """Return the rows of ``metrics.jsonl``; a row that a kill tore is left out."""
    path = out / METRICS_NAME
    if not path.exists():
        return []
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and isinstance(row.get("step"), int):
            rows.append(row)
    return rows


def _cut(out: Path, resume_step: int) -> None:
    path, rows = out / METRICS_NAME, read_rows(out)
    content = "".join(json.dumps(r) + "\n" for r in rows if r["step"] <= resume_step).encode()
    if path.exists() and path.read_bytes() != content:
        write_whole(path, content)
    confusion = out / CONFUSION_NAME
    if confusion.exists() and json.loads(confusion.read_bytes())["step"] > resume_step:
        confusion.unlink()


def _number(value: float) -> float | int | None:
    """Return a number that JSON has; NaN, which stands for an absent class, becomes null."""
    if isinstance(value, int):
        return value
    plain = float(value)
    return plain if math.isfinite(plain) else None


def _plot(out: Path) -> None:
    # matplotlib is slow to import, and needed only here.
    from train.plots import plot_training

    plot_training(out)
