"""Writes what an exploration found: explore.json, PNG files, and the page."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from losszero_rt.errors import OutputError
from train.explore.findings import Findings
from train.explore.page import make_page
from train.explore.plots import draw_charts
from train.explore.tiles import contact_sheet

Named = tuple[str, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """The pictures of a report, uint8 RGB with what to call them.

    Attributes:
        tiles: The contact sheet.
        twins: Near-duplicates beside each other.
        scenes: Parking scenes with everything drawn on them.
    """

    tiles: Sequence[Named]
    twins: Sequence[Named] = field(default=())
    scenes: Sequence[Named] = field(default=())


def write_report(findings: Findings, pictures: Pictures, *, out: Path) -> None:
    """Write the whole report into a folder, over an earlier one.

    Raises:
        OutputError: If it cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        text = json.dumps(findings.to_json(), ensure_ascii=False, allow_nan=False)
        (out / "explore.json").write_text(text + "\n", encoding="utf-8")
        charts = draw_charts(findings, out=out)
        if pictures.tiles:
            _write_png(out / "contact_sheet.png", contact_sheet(pictures.tiles))
        for index, (_, pixels_HWC) in enumerate(pictures.scenes):
            _write_png(out / f"scene_{index:03}.png", pixels_HWC)
        page = make_page(
            findings,
            charts=charts,
            tiles=pictures.tiles,
            twins=pictures.twins,
            scenes=pictures.scenes,
        )
        (out / "index.html").write_text(page, encoding="utf-8")
    except OSError as error:
        raise OutputError(
            f"{out} cannot be written: {error.strerror}", remedy="choose another --out"
        ) from error


def _write_png(path: Path, pixels_HWC: np.ndarray) -> None:
    if not cv2.imwrite(str(path), cv2.cvtColor(pixels_HWC, cv2.COLOR_RGB2BGR)):
        raise OutputError(f"{path} cannot be written", remedy="choose another --out")
