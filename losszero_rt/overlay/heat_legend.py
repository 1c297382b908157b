"""The heat map's legend: a small panel with the class that is shown and the colour scale."""

from typing import Literal

import numpy as np

from losszero_rt.errors import clean_text
from losszero_rt.frame import Matrix, Planes
from losszero_rt.overlay.heat import heat_colours
from losszero_rt.overlay.legend import GROUND, GROUND_OPACITY, TEXT, Corner, cap_height_px, even
from losszero_rt.overlay.lettering import Lettering
from losszero_rt.overlay.stamp import cover, new_sheet, rounded_box, stamp_of
from losszero_rt.overlay.tones import Chroma, YuvKind

_MAX_HEIGHT, _MAX_WIDTH = 0.4, 0.5  # of the canvas; a larger panel is left out
_ENDS: tuple[Literal["low"], Literal["high"]] = ("low", "high")
_BAR_CAPS = 11  # length of the colour scale, in heights of a capital


class HeatLegend:
    """A panel for canvases of one size; it never changes.

    Args:
        class_name: The class whose activation map is drawn.
        size: (height, width) of the canvas.
        matrix: YUV matrix of the canvas.
        full_range: Whether the canvas's values span 0..255.
        chroma: Layout of the canvas.
        corner: Where the panel stands.

    Attributes:
        fits: False for canvases so small that the panel would cover too much: then nothing is
            drawn.
    """

    def __init__(
        self,
        class_name: str,
        *,
        size: tuple[int, int],
        matrix: Matrix = "bt601",
        full_range: bool = False,
        chroma: Chroma = "420",
        corner: Corner = "top-left",
    ) -> None:
        kind = YuvKind(matrix=matrix, full_range=full_range, chroma=chroma)
        self._cap = cap_height_px(size[0])
        sheet = self._paint(f"CAM of {clean_text(class_name)}")
        height, width = sheet.shape[:2]
        self.fits = height <= size[0] * _MAX_HEIGHT and width <= size[1] * _MAX_WIDTH
        margin = even(self._cap)
        self._top, self._left = margin, margin
        if corner == "top-right":
            self._left = (size[1] - margin - width) // 2 * 2
        self._panel = stamp_of(sheet, kind=kind)

    def _paint(self, title: str) -> np.ndarray:
        """Return the panel as a sheet: the title, the scale below it, its ends named."""
        cap, letters = self._cap, Lettering(self._cap)
        pad, gap = even(cap), even(cap * 0.7)
        low_px, high_px = (letters.width_px(end) for end in _ENDS)
        bar_px = max(_BAR_CAPS * cap, letters.width_px(title) - low_px - high_px - 2 * gap)
        width = even(2 * pad + low_px + high_px + 2 * gap + bar_px)
        row = even(cap * 2.1)
        height = 2 * row + even(cap * 0.9)
        sheet = new_sheet((height, width))
        panel = rounded_box((height, width), radius_px=max(2, cap // 2))
        cover(sheet, panel, colour=GROUND, opacity=GROUND_OPACITY)
        tops = [even(cap * 0.45 + row * (k + 0.5) - letters.middle_px) for k in (0, 1)]
        cover(sheet, letters.line(title), colour=TEXT, top=tops[0], left=pad)
        cover(sheet, letters.line(_ENDS[0]), colour=TEXT, top=tops[1], left=pad)
        cover(sheet, letters.line(_ENDS[1]), colour=TEXT, top=tops[1], left=width - pad - high_px)
        self._paint_bar(
            sheet,
            top=tops[1] + letters.middle_px - even(cap) // 2,
            left=pad + low_px + gap,
            width=bar_px,
        )
        return sheet

    def _paint_bar(self, sheet: np.ndarray, *, top: int, left: int, width: int) -> None:
        steps = np.linspace(0, 255, width).round().astype(int)
        colours = heat_colours()[steps].astype(np.float32)
        opaque = np.ones((width, 1), np.float32)
        sheet[top : top + even(self._cap), left : left + width] = np.hstack([colours, opaque])

    def draw(self, canvas: Planes) -> None:
        """Lay the legend on a canvas of the promised size, in place; rows may be strided."""
        if self.fits:
            self._panel.lay_on(canvas, top=self._top, left=self._left)
