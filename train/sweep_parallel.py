"""Trials of a sweep as lines over one axis a parameter.

Source: Inselberg, "The plane with parallel coordinates" (The Visual Computer 1, 1985).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from train.plots import new_axes
from train.study import TrialRecord
from train.sweep_file import Range, Sweep

_COLOURS = "viridis"


@dataclass(frozen=True, kw_only=True)
class Scale:
    """One parameter's axis.

    Attributes:
        name: The parameter.
        heights: Place of each trial, 0..1.
        low: What stands at the bottom.
        high: What stands at the top.
    """

    name: str
    heights: tuple[float, ...]
    low: str
    high: str


def draw_parallel(records: Sequence[TrialRecord], *, path: Path, sweep: Sweep) -> Path | None:
    """Draw ``parallel.png``: the metric is the last axis and the colour.

    Args:
        records: Trials; those without a figure are left out.
        path: The file to write.
        sweep: What is searched.

    Returns:
        The file, or None where there are no two figures or nothing to choose.
    """
    measured = [record for record in records if record.value is not None]
    names = list(dict.fromkeys(name for record in measured for name in record.params))
    measured = [record for record in measured if set(record.params) == set(names)]
    if len(measured) < 2 or not names:
        return None
    scales = [_scale(name, measured, sweep) for name in names]
    scales.append(
        _numbers(sweep.metric, [record.value or 0.0 for record in measured], is_log=False)
    )
    heights = scales[-1].heights
    goodness = heights if sweep.goal == "maximize" else tuple(1 - height for height in heights)
    _draw(scales, measured, goodness, path)
    return path


def _draw(
    scales: Sequence[Scale], records: Sequence[TrialRecord], goodness: Sequence[float], path: Path
) -> None:
    from matplotlib import colormaps

    figure, [axes] = new_axes((4.4, max(6.0, 1.25 * len(scales))))
    places = range(len(scales))
    axes.grid(visible=False)
    for place in places:
        axes.axvline(place, color="#bbbbbb", linewidth=1, zorder=0)
    # The best are drawn last, so that no worse one hides them.
    for index in np.argsort(goodness):
        whole = records[index].state == "complete"
        axes.plot(
            places,
            [scale.heights[index] for scale in scales],
            color=colormaps[_COLOURS](0.92 * (1 - goodness[index])),
            linestyle="-" if whole else ":",
            linewidth=2 if whole else 1.2,
            alpha=0.85,
        )
    for place, scale in zip(places, scales, strict=True):
        for height, text, way in ((-0.04, scale.low, "top"), (1.04, scale.high, "bottom")):
            axes.text(place, height, text, ha="center", va=way, fontsize=8, color="#555555")
    axes.set_xticks(places, [scale.name for scale in scales], rotation=20, ha="right", fontsize=9)
    axes.set_yticks([])
    axes.set_ylim(-0.16, 1.16)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(length=0)
    axes.set_title("Every trial; dark is best, dotted was stopped early", fontsize=10)
    figure.savefig(path, dpi=120)


def _scale(name: str, records: Sequence[TrialRecord], sweep: Sweep) -> Scale:
    values = [record.params[name] for record in records]
    parameter = sweep.parameters[name]
    if all(isinstance(value, int | float) for value in values):
        is_log = isinstance(parameter, Range) and parameter.is_log
        return _numbers(name, values, is_log=is_log)
    kinds = sorted({str(value) for value in values})
    span = max(1, len(kinds) - 1)
    return Scale(
        name=name,
        heights=tuple(kinds.index(str(value)) / span for value in values),
        low=kinds[0],
        high=kinds[-1] if len(kinds) > 1 else "",
    )


def _numbers(name: str, values: Sequence[float], *, is_log: bool) -> Scale:
    low, high = min(values), max(values)
    placed = [math.log(value) if is_log else float(value) for value in values]
    bottom, span = min(placed), max(placed) - min(placed)
    return Scale(
        name=name,
        heights=tuple((value - bottom) / span if span else 0.5 for value in placed),
        low=f"{low:.3g}" if span else "",
        high=f"{high:.3g}",
    )
