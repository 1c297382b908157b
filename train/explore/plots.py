"""Charts of the findings: PNG files on white, and SVG that takes the colours of the page.

Every chart is a function of the findings that returns a figure, or None where it has nothing to
show.
"""

import io
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from train.datasets.picture import NIGHT_LUMA_MAX
from train.explore.findings import Findings

# Ink of all text and lines; the page's SVG has ``currentColor`` in its place.
_INK = "#1b1f24"
_BAR = "#3b7dd8"
_PALETTE_EDGE = "#8a919a"
# A phone shows charts of this width with letters of about ten pixels.
_WIDTH_IN = 4.8
_DPI = 150
_LUMA_BINS = 32
_FEW_CLASSES = 12
_STYLE: dict[Any, Any] = {
    "font.size": 10,
    # The page shows through the SVG; the PNG files get their white from the figure.
    "axes.facecolor": "none",
    "svg.fonttype": "none",
    "svg.hashsalt": "explore",
    # A class name with two dollar signs is a name, not a formula.
    "text.parse_math": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    **dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), _INK
    ),
}
# What one figure of many on a page may not bring along: its own metadata and style sheet, names of
# groups that repeat from figure to figure, and a fixed size (the view box keeps the proportions).
_SVG_CUTS = (
    (r"<metadata>.*?</metadata>", ""),
    (r"<style[^>]*>.*?</style>", ""),
    (r'<g id="[^"]*"', "<g"),
    (r'(<svg[^>]*?) width="[^"]*" height="[^"]*"', r"\1"),
)

Chart = Callable[[Findings], Figure | None]


def draw_charts(findings: Findings, *, out: Path) -> dict[str, str]:
    """Write every chart that has something to show as ``out/NAME.png``.

    Returns:
        The same charts as SVG text for the page, by name, in the order of the page.
    """
    drawn: dict[str, str] = {}
    with mpl.rc_context(_STYLE):
        for name, chart in CHARTS.items():
            figure = chart(findings)
            if figure is not None:
                figure.savefig(out / f"{name}.png", dpi=_DPI, facecolor="white")
                drawn[name] = _svg(figure)
    return drawn


def class_shares(findings: Findings) -> Figure | None:
    """Bars: the share of pixels and of pictures of each class."""
    figure, (left, right) = _figure(0.5 + 0.3 * len(findings.classes), columns=2)
    names = [figures.name for figures in findings.classes]
    pixels = [100 * (figures.pixel_share or 0) for figures in findings.classes]
    num_pictures = max(1, len(findings.pictures))
    pictures = [100 * figures.num_pictures / num_pictures for figures in findings.classes]
    colours = [tuple(c / 255 for c in figures.colour) for figures in findings.classes]
    for axes, values, title in ((left, pixels, "% of pixels"), (right, pictures, "% of pictures")):
        bars = axes.barh(names, values, color=colours, edgecolor=_PALETTE_EDGE, linewidth=0.6)
        axes.bar_label(bars, fmt=_percent, padding=2, fontsize=8)
        axes.set_xlim(0, 1.28 * max(*values, 1))
        axes.invert_yaxis()
        axes.set_title(title)
    right.set_yticklabels([])
    return figure


def object_sizes(findings: Findings) -> Figure | None:
    """Where the middle eight tenths of the object areas of each class lie, on a log axis."""
    known = [(figures.name, figures.objects) for figures in findings.classes if figures.objects]
    if not known:
        return None
    figure, (axes,) = _figure(0.6 + 0.32 * len(known))
    for row, (_, objects) in enumerate(known):
        axes.plot([objects.smallest, objects.largest], [row, row], color=_PALETTE_EDGE, lw=1)
        axes.plot([objects.p10, objects.p90], [row, row], color=_BAR, lw=7, solid_capstyle="butt")
        axes.plot([objects.median], [row], "|", color=_INK, ms=11, mew=2)
    axes.set_xscale("log")
    axes.set_xlim(0.7, 2 * max(objects.largest for _, objects in known))
    axes.set_ylim(len(known) - 0.4, -0.6)
    axes.xaxis.set_major_formatter(lambda area, _: f"{area:,.0f}")
    axes.xaxis.set_minor_formatter("")
    axes.set_yticks(range(len(known)), [f"{name} ({objects.count})" for name, objects in known])
    _headline(figure, "area in px: all, middle 80 %, median (number)")
    return figure


def heat_maps(findings: Findings) -> Figure | None:
    """Where in the picture each class lies."""
    shown = [figures for figures in findings.classes if figures.num_pixels]
    if not shown:
        return None
    columns = 2
    rows = math.ceil(len(shown) / columns)
    figure = Figure(figsize=(_WIDTH_IN, 1.65 * rows), layout="constrained")
    for place, figures in enumerate(shown, 1):
        axes = figure.add_subplot(rows, columns, place)
        share = np.array(figures.places)
        axes.imshow(share, cmap="inferno", vmin=0, vmax=max(float(share.max()), 1e-6))
        axes.set_title(f"{figures.name}, up to {100 * share.max():.0f} %")
        axes.set_xticks([])
        axes.set_yticks([])
    return figure


def brightness(findings: Findings) -> Figure | None:
    """How bright the pictures are."""
    if not findings.pictures:
        return None
    figure, (axes,) = _figure(2.1)
    lumas = [picture.mean_luma for picture in findings.pictures]
    axes.hist(lumas, bins=np.linspace(0, 256, _LUMA_BINS + 1), color=_BAR)
    axes.axvline(NIGHT_LUMA_MAX, color=_INK, lw=1, ls="--")
    axes.set_xlim(0, 256)
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("mean luma (left of the dashed line, about: night)")
    axes.set_ylabel("pictures")
    return figure


def together(findings: Findings) -> Figure | None:
    """Of the pictures that show the class of the row, the share that shows that of the column."""
    counts = np.array(findings.together, float)
    if not counts.any():
        return None
    names = [figures.name for figures in findings.classes]
    own = np.diagonal(counts)[:, None]
    share = np.divide(counts, own, out=np.full_like(counts, np.nan), where=own > 0)
    figure, (axes,) = _figure(0.9 + 0.36 * len(names))
    letters = 8 if len(names) <= _FEW_CLASSES else 5
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(names)), names, rotation=35, ha="right")
    axes.set_yticks(range(len(names)), names)
    for row, column in np.ndindex(*share.shape):
        text = "n/a" if math.isnan(share[row, column]) else f"{100 * share[row, column]:.0f}"
        # On the dark end of the map the letters are white, on the light end black, in any theme.
        ink = "#ffffff" if share[row, column] > 0.55 else "#000000"
        ink = _INK if text == "n/a" else ink
        axes.text(column, row, text, ha="center", va="center", color=ink, fontsize=letters)
    _headline(figure, "% of the pictures with the row's class that show the column's")
    return figure


def parts(findings: Findings) -> Figure | None:
    """Bars: the share of each class in each part of the split."""
    if len(findings.parts) < 2:
        return None
    names = [figures.name for figures in findings.classes]
    figure, (axes,) = _figure(0.8 + 0.14 * len(names) * (len(findings.parts) + 1))
    height = 0.8 / len(findings.parts)
    for place, part in enumerate(findings.parts):
        total = max(1, sum(part.num_pixels))
        values = [100 * count / total for count in part.num_pixels]
        rows = np.arange(len(names)) + (place - (len(findings.parts) - 1) / 2) * height
        label = f"{part.name or 'in no part'} ({part.num_pictures})"
        bars = axes.barh(rows, values, height, label=label, edgecolor=_PALETTE_EDGE, lw=0.4)
        axes.bar_label(bars, fmt=_percent, padding=2, fontsize=7)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    _headline(figure, "% of the pixels of each part (pictures)")
    figure.legend(frameon=False, fontsize=8, loc="outside lower center", ncols=3)
    return figure


def unlabelled(findings: Findings) -> Figure | None:
    """How much of each picture has no class."""
    shares = [100 * picture.unlabelled_share for picture in findings.pictures]
    if not any(shares):
        return None
    figure, (axes,) = _figure(1.9)
    axes.hist(shares, bins=25, color=_BAR)
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("% of a picture without a class")
    axes.set_ylabel("pictures")
    return figure


CHARTS: dict[str, Chart] = {
    "class_shares": class_shares,
    "parts": parts,
    "object_sizes": object_sizes,
    "heat_maps": heat_maps,
    "brightness": brightness,
    "together": together,
    "unlabelled": unlabelled,
}


def _figure(height_in: float, *, columns: int = 1) -> tuple[Figure, list[Any]]:
    figure = Figure(figsize=(_WIDTH_IN, height_in), layout="constrained")
    return figure, [figure.add_subplot(1, columns, place + 1) for place in range(columns)]


def _headline(figure: Figure, text: str) -> None:
    """Write above the whole figure, which is wider than its axes."""
    figure.suptitle(text, x=0.01, ha="left", fontsize=9)


def _percent(value: float) -> str:
    return f"{value:.2f}" if 0 < value < 1 else f"{value:.1f}"


def _svg(figure: Figure) -> str:
    """Return the figure as an <svg> element without background, its ink that of the page."""
    file = io.StringIO()
    figure.savefig(file, format="svg", facecolor="none", metadata={"Date": None})
    text = file.getvalue()
    text = text[text.index("<svg") :].replace(_INK, "currentColor")
    for pattern, replacement in _SVG_CUTS:
        text = re.sub(pattern, replacement, text, flags=re.DOTALL)
    return text
