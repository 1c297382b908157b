"""The table of a comparison: figures in the rows, networks in the columns.

Networks are few and figures are many, so this way round it fits a page and a phone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from losszero_rt.metrics import BANDS, RATES
from train.compare.row import Row, Speed
from train.numerals import figure, percent, span

Better = Literal["high", "low", "neither"]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One figure of one network.

    Attributes:
        text: As it is shown.
        note: Interval or reason, shown smaller; may be empty.
        best: Whether no other network's figure is better.
    """

    text: str
    note: str = ""
    best: bool = False


@dataclass(frozen=True, kw_only=True)
class Line:
    """One figure of all networks.

    Attributes:
        title: What it is.
        cells: One a network.
    """

    title: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, kw_only=True)
class Group:
    """Figures that belong together.

    Attributes:
        title: What they tell.
        lines: The figures.
    """

    title: str
    lines: tuple[Line, ...]


def make_table(rows: Sequence[Row]) -> tuple[Group, ...]:
    """Return every figure of every network; at least one network, all of the same classes."""
    return (
        Group(title="Accuracy", lines=tuple(_accuracy(rows))),
        Group(title="IoU by class", lines=tuple(_classes(rows))),
        Group(title="Boundary IoU by class", lines=tuple(_outlines(rows))),
        Group(title="Safety", lines=tuple(_safety(rows))),
        Group(title="Cost", lines=tuple(_cost(rows))),
        Group(title="End-to-end speed on this machine", lines=tuple(_speeds(rows))),
        Group(title="Training", lines=tuple(_training(rows))),
    )


def _line(
    title: str,
    values: Sequence[float | None],
    *,
    better: Better,
    show: Callable[[float], str],
    notes: Sequence[str] = (),
) -> Line:
    known = [value for value in values if value is not None and value == value]
    best = {"high": max, "low": min}[better](known) if known and better != "neither" else None
    cells = []
    for index, value in enumerate(values):
        absent = value is None or value != value
        cells.append(
            Cell(
                text="n/a" if value is None else show(value),
                note=notes[index] if notes else "",
                best=not absent and len(known) > 1 and show(value or 0.0) == _shown(best, show),
            )
        )
    return Line(title=title, cells=tuple(cells))


def _shown(value: float | None, show: Callable[[float], str]) -> str | None:
    return None if value is None else show(value)


def _accuracy(rows: Sequence[Row]) -> list[Line]:
    areas = [row.scored.scores.bootstrap()["miou"] for row in rows]
    edges = [row.scored.outlines.bootstrap()["miou"] for row in rows]
    lines = [
        _line(
            "mIoU",
            [row.scored.scores.miou for row in rows],
            better="high",
            show=figure,
            notes=[span(each) for each in areas],
        ),
        _line(
            "boundary IoU",
            [row.scored.outlines.miou for row in rows],
            better="high",
            show=figure,
            notes=[span(each) for each in edges],
        ),
        _line(
            "pixel accuracy",
            [row.scored.scores.pixel_accuracy for row in rows],
            better="high",
            show=percent,
        ),
    ]
    for band in BANDS:
        values = [row.scored.bands[band].miou for row in rows]
        lines.append(_line(f"mIoU, {band} third", values, better="high", show=figure))
    return lines


def _classes(rows: Sequence[Row]) -> list[Line]:
    intervals = [row.scored.scores.bootstrap()["class_iou"] for row in rows]
    return [
        _line(
            name,
            [float(row.scored.scores.class_iou[class_id]) for row in rows],
            better="high",
            show=figure,
            notes=[span(each[name]) for each in intervals],
        )
        for class_id, name in enumerate(rows[0].scored.scores.classmap.names)
    ]


def _outlines(rows: Sequence[Row]) -> list[Line]:
    return [
        _line(
            name,
            [float(row.scored.outlines.class_iou[class_id]) for row in rows],
            better="high",
            show=figure,
        )
        for class_id, name in enumerate(rows[0].scored.scores.classmap.names)
    ]


def _safety(rows: Sequence[Row]) -> list[Line]:
    rates = [row.scored.scores.rates() for row in rows]
    return [
        _line(
            RATES[name].title,
            [each[name] for each in rates],
            better="high" if RATES[name].good_when_high else "low",
            show=percent,
        )
        for name in RATES
        if any(each[name] is not None for each in rates)
    ]


def _cost(rows: Sequence[Row]) -> list[Line]:
    millions = [row.parameters / 1e6 for row in rows]
    inputs = [f"{row.input_size[0]}x{row.input_size[1]}" for row in rows]
    return [
        _line("parameters, million", millions, better="low", show="{:.2f}".format),
        _line(
            "GFLOPs a picture",
            [row.gflops for row in rows],
            better="low",
            show="{:.1f}".format,
            notes=[f"at {size}" for size in inputs],
        ),
    ]


def _speeds(rows: Sequence[Row]) -> list[Line]:
    engines = list(dict.fromkeys(engine for row in rows for engine in row.speeds))
    return [
        _line(
            f"FPS, {engine} engine",
            [_fps(row.speeds.get(engine)) for row in rows],
            better="high",
            show="{:.1f}".format,
            notes=[_speed_note(row.speeds.get(engine)) for row in rows],
        )
        for engine in engines
    ]


def _fps(speed: Speed | None) -> float | None:
    return None if speed is None else speed.fps


def _speed_note(speed: Speed | None) -> str:
    if speed is None:
        return ""
    return speed.absent or f"{speed.precision}, {speed.threads} threads"


def _training(rows: Sequence[Row]) -> list[Line]:
    minutes = [row.train_minutes for row in rows]
    planned = [
        f"of {row.epochs_planned}" if row.epochs_planned not in (None, row.epochs) else ""
        for row in rows
    ]
    return [
        Line(title="from", cells=tuple(Cell(text=row.origin) for row in rows)),
        _line(
            "epochs",
            [float(row.epochs) for row in rows],
            better="neither",
            show="{:.0f}".format,
            notes=planned,
        ),
        _line("minutes", minutes, better="neither", show="{:.1f}".format),
        Line(title="training pictures", cells=tuple(_overlap(row) for row in rows)),
    ]


def _overlap(row: Row) -> Cell:
    return Cell(
        text=str(row.overlap), note="by the split beside it" if row.overlap.by_split else ""
    )
