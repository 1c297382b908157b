"""Plots of a training, drawn from what it noted in its folder; nothing else is needed."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from losszero_rt.checkpoint import read_checkpoint
from losszero_rt.classmap import NIGHT_RIDE, ClassMap
from losszero_rt.errors import ModelError
from losszero_rt.metrics.rates import RATES
from train.journal import CONFUSION_NAME, read_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PLOTS_NAME = "plots"
_INK = "#222222"
_VAL, _TRAIN, _THIRD = "#0b62a8", "#d1660a", "#7a3b9a"
# Told apart by dash as well as by colour, because yellow and light blue are close in grey print.
_DASHES = ("-", (0, (6, 1.5)), (0, (2, 1.2)), "-.", (0, (1, 1)), (0, (6, 1.5, 1, 1.5, 1, 1.5)))
# The running mean of the loss spans this part of the training, 1 / _WINDOWS.
_WINDOWS = 30

Curve = tuple[np.ndarray, np.ndarray]


def plot_training(out: Path) -> list[Path]:
    """Draw loss, mIoU, class IoU, safety rates and confusion of a training.

    Args:
        out: The training's folder, with ``metrics.jsonl`` and perhaps ``confusion.json``.

    Returns:
        The PNG files written, in ``out/plots``; what was not noted is not drawn.
    """
    rows = read_rows(out)
    classes = _classes(out)
    drawings: dict[str, Callable[[], Figure | None]] = {
        "loss": lambda: _draw_loss(rows),
        "miou": lambda: _draw_miou(rows),
        "class-iou": lambda: _draw_class_iou(rows, classes),
        "safety": lambda: _draw_safety(rows),
        "confusion": lambda: _draw_confusion(out / CONFUSION_NAME),
    }
    written = []
    for name, draw in drawings.items():
        figure = draw()
        if figure is not None:
            path = out / PLOTS_NAME / f"{name}.png"
            path.parent.mkdir(exist_ok=True)
            figure.savefig(path, dpi=120)
            written.append(path)
    return written


def curve(rows: Sequence[Mapping[str, Any]], key: str) -> Curve:
    """Return steps and values, both (n,), of the rows that have a number under a key."""
    points = [(row["step"], row[key]) for row in rows if row.get(key) is not None]
    steps, values = zip(*points, strict=True) if points else ((), ())
    return np.array(steps, np.float64), np.array(values, np.float64)


def smoothed(values: np.ndarray) -> np.ndarray:
    """Return the mean around each value, (n,); unlike a mean of the past, it does not lag."""
    window = np.ones(2 * max(1, len(values) // (2 * _WINDOWS)) + 1)
    sums = np.convolve(values, window, mode="full")
    counts = np.convolve(np.ones(len(values)), window, mode="full")
    reach = len(window) // 2
    return (sums / counts)[reach : reach + len(values)]


def new_axes(
    size: tuple[float, float], *, rows: int = 1, share_x: bool = True
) -> tuple["Figure", list["Axes"]]:
    """Return a figure of (height, width) inches and its axes, with the look of all plots."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(size[1], size[0]), layout="constrained")
    grid = figure.subplots(rows, sharex=share_x, squeeze=False)
    for axes in grid.flat:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color="#dddddd", linewidth=0.7)
        axes.set_axisbelow(True)
    return figure, list(grid.flat)


def _draw_loss(rows: Sequence[Mapping[str, Any]]) -> "Figure | None":
    steps, losses = curve(rows, "train/loss")
    if not len(steps):
        return None
    figure, (above, below) = new_axes((5.2, 8), rows=2)
    above.plot(steps, losses, color=_VAL, alpha=0.25, linewidth=0.8, label="every step")
    above.plot(steps, smoothed(losses), color=_VAL, linewidth=2, label="running mean")
    above.set_title("Training loss and learning rate")
    above.set_ylabel("loss")
    above.legend(frameon=False)
    below.plot(*curve(rows, "train/rate"), color=_TRAIN, linewidth=2)
    below.set_ylabel("learning rate")
    below.set_xlabel("step")
    below.set_ylim(bottom=0)
    return figure


def _draw_miou(rows: Sequence[Mapping[str, Any]]) -> "Figure | None":
    steps, val = curve(rows, "val/miou")
    if not len(steps):
        return None
    figure, [axes] = new_axes((4.6, 8))
    train_steps, train = curve(rows, "train/miou")
    axes.plot(train_steps, train, color=_TRAIN, marker="o", markersize=3.5, label="training")
    axes.plot(steps, val, color=_VAL, marker="o", markersize=3.5, label="validation")
    if np.array_equal(steps, train_steps):
        gap = train[-1] - val[-1]
        label = f"gap, {gap:+.3f} at the end"
        axes.fill_between(steps, val, train, color=_TRAIN, alpha=0.15, linewidth=0, label=label)
    outlines = curve(rows, "val/boundary_iou")
    if len(outlines[0]):
        axes.plot(*outlines, color=_THIRD, linestyle="--", label="boundary IoU, validation")
    best = int(np.argmax(val))
    axes.plot(steps[best], val[best], "o", markersize=10, fillstyle="none", color=_INK)
    axes.set_title(f"Mean IoU: best validation {val[best]:.4f} at step {steps[best]:.0f}")
    axes.set_xlabel("step")
    axes.set_ylabel("mean IoU")
    axes.set_ylim(0, 1)
    axes.legend(frameon=False, loc="lower right")
    return figure


def _draw_class_iou(rows: Sequence[Mapping[str, Any]], classes: ClassMap) -> "Figure | None":
    prefix = "val/class_iou/"
    keys = list(dict.fromkeys(key for row in rows for key in row if key.startswith(prefix)))
    if not keys:
        return None
    named = {
        name.replace(" ", "_"): colour
        for name, colour in zip(classes.names, classes.colours, strict=True)
    }
    lines: dict[str, tuple[Curve, Any]] = {}
    for index, key in enumerate(keys):
        name = key.removeprefix(prefix)
        colour = tuple(v / 255 for v in named[name]) if name in named else f"C{index % 10}"
        lines[name.replace("_", " ")] = (curve(rows, key), colour)
    figure, [axes] = new_axes((4.8, 8.6))
    _plot_named(axes, lines, rim="#444444")
    axes.set_title("IoU of every class, validation")
    axes.set_xlabel("step")
    axes.set_ylabel("IoU")
    axes.set_ylim(0, 1)
    return figure


def _draw_safety(rows: Sequence[Mapping[str, Any]]) -> "Figure | None":
    lines = {name: curve(rows, f"safety/{name}") for name in RATES}
    lines = {name: line for name, line in lines.items() if len(line[0])}
    if not lines:
        return None
    bad = [name for name in lines if not RATES[name].good_when_high]
    good = [name for name in lines if RATES[name].good_when_high]
    groups = {"lower is better": bad, "higher is better": good}
    groups = {title: names for title, names in groups.items() if names}
    figure, cells = new_axes((3.6 * len(groups), 9), rows=len(groups))
    for axes, (title, names) in zip(cells, groups.items(), strict=True):
        shown = {
            name.replace("_", " "): (lines[name], f"C{index % 10}")
            for index, name in enumerate(names)
        }
        _plot_named(axes, shown, number=".1%")
        axes.set_title(f"Safety rates, validation: {title}")
        axes.set_ylabel("share of true pixels")
        axes.set_ylim(bottom=0, top=None if title == "lower is better" else 1)
        axes.yaxis.set_major_formatter("{x:.0%}")
    cells[-1].set_xlabel("step")
    return figure


def _draw_confusion(path: Path) -> "Figure | None":
    if not path.exists():
        return None
    record = json.loads(path.read_text(encoding="utf-8"))
    counts, names = np.array(record["matrix"], np.float64), record["names"]
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = 2.6 + 0.95 * len(names)
    figure, [axes] = new_axes((side * 0.82, side))
    axes.grid(visible=False)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), share in np.ndenumerate(shares):
        text = f"{share:.1%}\n{_short(float(counts[row, column]))}" if counts[row].any() else "n/a"
        ink = "white" if share > 0.55 else _INK
        axes.text(column, row, text, ha="center", va="center", fontsize=8, color=ink)
    axes.set_xticks(range(len(names)), names, rotation=30, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    axes.set_title(f"Share of each true class, and pixels; step {record['step']}")
    return figure


def _plot_named(
    axes: "Axes",
    lines: Mapping[str, tuple[Curve, Any]],
    *,
    number: str = ".3f",
    rim: str | None = None,
) -> None:
    """Plot curves with their last values, highest first; a rim makes light ones show on white."""
    from matplotlib.patheffects import Normal, Stroke

    effects = [Stroke(linewidth=3.4, foreground=rim), Normal()] if rim else []
    order = sorted(lines, key=lambda name: -float(lines[name][0][1][-1:].sum()))
    for name in order:
        (steps, values), colour = lines[name]
        last = format(values[-1], number) if len(values) else "n/a"
        axes.plot(
            steps,
            values,
            color=colour,
            linewidth=2.2,
            linestyle=_DASHES[list(lines).index(name) % len(_DASHES)],
            marker="o",
            markersize=3,
            path_effects=effects,
            label=f"{name}  {last}",
        )
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0), handlelength=3.4)


def _short(count: float) -> str:
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= limit:
            return f"{count / limit:.1f}{unit}"
    return f"{count:.0f}"


def _classes(out: Path) -> ClassMap:
    try:
        return read_checkpoint(out / "last").classes
    except ModelError:
        return NIGHT_RIDE
