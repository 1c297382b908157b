"""Two plots as SVG, readable on light and dark paper: accuracy against speed, and the classes.

They are written by hand, because a plot that is part of a page has to take the page's colours.
"""

import math
from collections.abc import Callable, Sequence
from html import escape

from losszero_rt.errors import clean_text
from train.compare.row import Row

# The hues of Okabe and Ito, "Color Universal Design" (2008), without black and yellow; shapes
# tell the same apart in grey print.
_HUES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
_SHAPES = ("circle", "square", "diamond", "up", "down", "cross")
_WIDTH = 480
_STYLE = (
    "<style>text{font:13px system-ui,-apple-system,'Segoe UI',sans-serif;fill:#1b1f24}"
    ".soft{fill:#5b6570}.grid{stroke:#d9dde2}@media(prefers-color-scheme:dark){"
    "text{fill:#e4e7eb}.soft{fill:#9aa4b0}.grid{stroke:#333a43}}</style>"
)


def accuracy_plot(rows: Sequence[Row], *, engine: str) -> str:
    """Return mIoU with its interval against frames a second, one point a network.

    Networks without a speed on ``engine`` are left out; empty if none is left.
    """
    measured = [(index, row, _fps(row, engine)) for index, row in enumerate(rows)]
    points = [(index, row, fps) for index, row, fps in measured if fps]
    if not points:
        return ""
    rates = [fps for *_, fps in points]
    across = _log_scale(min(rates) / 1.3, max(rates) * 1.3, start=50, end=_WIDTH - 14)
    height = 330
    up = _scale(0.0, 1.0, start=height - 50, end=32)
    parts = [_grid_line(f"{tick / 10:.1f}", up(tick / 10), text_x=8) for tick in range(0, 11, 2)]
    parts += [
        _text(f"{rate:g}", x=across(rate), y=height - 30, kind="soft", anchor="middle")
        for rate in _log_ticks(min(rates) / 1.3, max(rates) * 1.3)
    ]
    parts.append(
        _text(
            f"frames a second, file to file, {engine} engine (log scale)",
            x=_WIDTH / 2,
            y=height - 8,
            kind="soft",
            anchor="middle",
        )
    )
    parts.append(_text("mIoU", x=8, y=14, kind="soft"))
    for index, row, fps in points:
        x, low_high = across(fps), row.scored.scores.bootstrap()["miou"]
        low, high = (up(bound) for bound in low_high)
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{low:.1f}" y2="{high:.1f}" '
            f'stroke="{_hue(index)}" stroke-width="2" opacity=".55"/>'
        )
        parts.append(_mark(index, x=x, y=up(row.scored.scores.miou)))
    return _svg(parts, rows, height=height)


def class_plot(rows: Sequence[Row]) -> str:
    """Return the IoU of every class, one row a class, one mark a network."""
    names = rows[0].scored.scores.classmap.names
    step, top = 34, 18
    height = top + step * len(names) + 30
    across = _scale(0.0, 1.0, start=92, end=_WIDTH - 14)
    parts = []
    for tick in range(0, 11, 2):
        x = across(tick / 10)
        parts.append(
            f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{height - 28}"/>'
        )
        parts.append(_text(f"{tick / 10:.1f}", x=x, y=height - 10, kind="soft", anchor="middle"))
    for class_id, name in enumerate(names):
        middle = top + step * (class_id + 0.5)
        parts.append(_text(name, x=82, y=middle + 4, anchor="end"))
        for index, row in enumerate(rows):
            value = float(row.scored.scores.class_iou[class_id])
            if not math.isnan(value):
                # Beside each other by a few pixels, so that equal figures do not hide.
                shift = (index - (len(rows) - 1) / 2) * min(4.0, 22 / len(rows))
                parts.append(_mark(index, x=across(value), y=middle + shift))
    return _svg(parts, rows, height=height)


def _fps(row: Row, engine: str) -> float | None:
    speed = row.speeds.get(engine)
    return None if speed is None else speed.fps


def _svg(parts: Sequence[str], rows: Sequence[Row], *, height: int) -> str:
    """Return the plot with its legend below."""
    legend, x, y = [], 14.0, height + 18.0
    for index, row in enumerate(rows):
        wide = 26 + 7.4 * len(row.name)
        if x + wide > _WIDTH:
            x, y = 14.0, y + 22
        legend.append(_mark(index, x=x, y=y - 4) + _text(row.name, x=x + 12, y=y))
        x += wide
    body = "".join([*parts, *legend])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y + 12:.0f}" '
        f'role="img">{_STYLE}{body}</svg>\n'
    )


def _scale(low: float, high: float, *, start: float, end: float) -> Callable[[float], float]:
    return lambda value: start + (value - low) / (high - low) * (end - start)


def _log_scale(low: float, high: float, *, start: float, end: float) -> Callable[[float], float]:
    plain = _scale(math.log(low), math.log(high), start=start, end=end)
    return lambda value: plain(math.log(value))


def _log_ticks(low: float, high: float) -> list[float]:
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [digit * 10.0**decade for decade in decades for digit in (1, 2, 5)]
    return [tick for tick in ticks if low <= tick <= high]


def _grid_line(text: str, y: float, *, text_x: float) -> str:
    line = f'<line class="grid" x1="36" x2="{_WIDTH - 14}" y1="{y:.1f}" y2="{y:.1f}"/>'
    return line + _text(text, x=text_x, y=y + 4, kind="soft")


def _text(text: str, *, x: float, y: float, kind: str = "", anchor: str = "start") -> str:
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">'
        f"{escape(clean_text(text))}</text>"
    )


def _hue(index: int) -> str:
    return _HUES[index % len(_HUES)]


def _mark(index: int, *, x: float, y: float) -> str:
    """Return the mark of a network: its hue, and its shape for whoever sees no hues."""
    # Every round of hues takes other shapes, so that no two networks look alike.
    shape, fill = _SHAPES[(index + index // len(_HUES)) % len(_SHAPES)], f'fill="{_hue(index)}"'
    if shape == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5.5" {fill}/>'
    corners = {
        "square": ((-5, -5), (5, -5), (5, 5), (-5, 5)),
        "diamond": ((0, -7), (7, 0), (0, 7), (-7, 0)),
        "up": ((0, -7), (6.5, 5), (-6.5, 5)),
        "down": ((0, 7), (6.5, -5), (-6.5, -5)),
        "cross": (
            *((-2, -6), (2, -6), (2, -2), (6, -2), (6, 2), (2, 2)),
            *((2, 6), (-2, 6), (-2, 2), (-6, 2), (-6, -2), (-2, -2)),
        ),
    }[shape]
    points = " ".join(f"{x + right:.1f},{y + down:.1f}" for right, down in corners)
    return f'<polygon points="{points}" {fill}/>'
