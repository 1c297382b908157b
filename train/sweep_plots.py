"""Plots of a sweep: how trials went, and which parameter made the difference."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from train.plots import new_axes
from train.study import TrialRecord, best_of
from train.sweep_file import Sweep
from train.sweep_parallel import draw_parallel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COMPLETE, _PRUNED, _BEST = "#0b62a8", "#a8a8a8", "#d1660a"


def plot_sweep(
    records: Sequence[TrialRecord], *, out: Path, sweep: Sweep, importance: Mapping[str, float]
) -> list[Path]:
    """Draw ``history.png`` and, where enough trials differ, ``importance.png``, ``parallel.png``.

    Args:
        records: Trials that have ended.
        out: The sweep's folder.
        sweep: What is searched.
        importance: Share of each parameter in what the trials differ by.

    Returns:
        The files written.
    """
    measured = [record for record in records if record.value is not None]
    written = []
    if measured:
        written.append(_draw_history(measured, out / "history.png", sweep))
    if importance:
        written.append(_draw_importance(importance, out / "importance.png", sweep))
    parallel = draw_parallel(records, path=out / "parallel.png", sweep=sweep)
    return written if parallel is None else [*written, parallel]


def _draw_history(records: Sequence[TrialRecord], path: Path, sweep: Sweep) -> Path:
    from matplotlib.ticker import MaxNLocator

    figure, (above, below) = new_axes((7.2, 8.5), rows=2, share_x=False)
    _trials(above, records, sweep)
    best = best_of(records, goal=sweep.goal)
    for record in records:
        is_complete = record.state == "complete"
        colour = _COMPLETE if is_complete else _PRUNED
        below.plot(
            range(1, len(record.curve) + 1),
            record.curve,
            color=_BEST if record is best else colour,
            alpha=0.8,
            marker="o" if is_complete else "x",
            markersize=3.5,
            linewidth=1.4,
        )
    below.set_title("Every trial by epoch")
    below.set_xlabel("epoch")
    below.set_ylabel(sweep.metric)
    below.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.savefig(path, dpi=120)
    return path


def _trials(axes: "Axes", records: Sequence[TrialRecord], sweep: Sweep) -> None:
    from matplotlib.ticker import MaxNLocator

    looks = {"complete": ("o", _COMPLETE), "pruned": ("x", _PRUNED), "failed": ("v", "#b03030")}
    for state, (marker, colour) in looks.items():
        points = [(record.number, record.value) for record in records if record.state == state]
        if points:
            numbers, values = zip(*points, strict=True)
            axes.plot(numbers, values, marker, color=colour, label=state)
    whole = [record for record in records if record.state == "complete"]
    if whole:
        running = np.maximum if sweep.goal == "maximize" else np.minimum
        best = running.accumulate(np.array([record.value for record in whole], np.float64))
        # The line goes on to the last trial, pruned or not.
        ends = [*(record.number for record in whole), records[-1].number]
        axes.step(ends, [*best, best[-1]], where="post", color=_BEST, label="best so far")
        axes.set_title(f"{sweep.metric} of each trial's best epoch: {best[-1]:.4f} is the best")
    axes.set_xlabel("trial")
    axes.set_ylabel(sweep.metric)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False)


def _draw_importance(importance: Mapping[str, float], path: Path, sweep: Sweep) -> Path:
    names = sorted(importance, key=lambda name: importance[name])
    figure, [axes] = new_axes((1.6 + 0.42 * len(names), 8))
    bars = axes.barh(names, [importance[name] for name in names], color=_COMPLETE)
    axes.bar_label(bars, fmt="{:.0%}", padding=4)
    axes.xaxis.set_major_formatter("{x:.0%}")
    axes.grid(visible=False, axis="y")
    axes.margins(x=0.12)
    axes.set_title(f"What moved {sweep.metric}: share of each parameter (PED-ANOVA)")
    figure.savefig(path, dpi=120)
    return path
