"""The legend: a small panel with the colour, the name and the live share of every class shown."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from losszero_rt.classmap import ClassMap
from losszero_rt.frame import Matrix, Planes
from losszero_rt.overlay.blend import shown_classes
from losszero_rt.overlay.lettering import Lettering
from losszero_rt.overlay.stamp import Ink, cover, new_sheet, rounded_box, stamp_of
from losszero_rt.overlay.tones import Chroma, YuvKind

Corner = Literal["top-left", "top-right"]

TEXT = (238, 240, 242)
GROUND = (10, 12, 16)
GROUND_OPACITY = 0.62
_DIGITS = 3  # "100"; the percent sign never changes
_MAX_HEIGHT, _MAX_WIDTH = 0.6, 0.55  # of the frame; a panel that is larger at best is left out
_MIN_CAP_PX = 8


def cap_height_px(frame_height: int) -> int:
    """Return the height of a capital letter for frames of a height: legible from 360p on."""
    return max(_MIN_CAP_PX, round(frame_height / 60))


def even(length: float) -> int:
    """Return the next even number from ``length`` on, as chroma planes need it."""
    return int(-(-length // 2) * 2)


class Legend:
    """A panel for canvases of one size; only digits that change are set anew.

    Args:
        classmap: Names and colours.
        size: (height, width) of the canvas.
        classes: Ids listed; None lists all but the background.
        matrix: YUV matrix of the canvas.
        full_range: Whether the canvas's values span 0..255.
        chroma: Layout of the canvas.
        corner: Where the panel stands.
        counts: Whether the numbers of objects will be shown, too.

    Attributes:
        fits: False for canvases so small that the panel would cover too much: then nothing is
            drawn.
    """

    def __init__(
        self,
        classmap: ClassMap,
        *,
        size: tuple[int, int],
        classes: Sequence[int] | None = None,
        matrix: Matrix = "bt601",
        full_range: bool = False,
        chroma: Chroma = "420",
        corner: Corner = "top-left",
        counts: bool = False,
    ) -> None:
        kind = YuvKind(matrix=matrix, full_range=full_range, chroma=chroma)
        self._class_ids = shown_classes(classmap, classes=classes)
        names = [classmap.names[i] for i in self._class_ids]
        self._counts = counts
        # Pictures that stand upright are narrow for the letters that go with their height.
        for cap in range(cap_height_px(size[0]), _MIN_CAP_PX - 1, -1):
            self._plan(names, cap=cap)
            if self._fits_into(size):
                break
        self.fits = self._fits_into(size)
        if not self.fits:
            return
        margin = even(self._cap)
        self._top, self._left = margin, margin
        if corner == "top-right":
            self._left = (size[1] - margin - self._width) // 2 * 2
        self._panel = stamp_of(self._paint(names, classmap), kind=kind)
        ink = Ink(TEXT, ground=GROUND, opacity=GROUND_OPACITY, kind=kind)
        self._digits = {c: ink.stamp(self._cell(c)) for c in " <x0123456789"}
        self._texts: dict[tuple[int, int], str] = {}

    def _fits_into(self, size: tuple[int, int]) -> bool:
        """Say whether the panel leaves enough of a canvas of (height, width) ``size``."""
        return self._height <= size[0] * _MAX_HEIGHT and self._width <= size[1] * _MAX_WIDTH

    def _plan(self, names: Sequence[str], *, cap: int) -> None:
        """Fix the columns and rows, in pixels; everything that is pasted stands on even ones."""
        self._cap, self._lettering = cap, Lettering(cap)
        letters = self._lettering
        self._pad = even(cap)
        self._row_px, self._edge_px = even(cap * 1.9), even(cap * 0.5)
        self._swatch_px = even(cap * 1.15)
        self._cell_size = (
            even(letters.line_px),
            even(max(letters.advance_px(c) for c in "<0123456789")),
        )
        self._names_left = self._pad + self._swatch_px + even(cap * 0.8)
        longest = max((letters.width_px(name) for name in names), default=0)
        self._digits_left = self._names_left + even(longest + cap * 1.4)
        self._percent_left = self._digits_left + _DIGITS * self._cell_size[1]
        right = self._percent_left + letters.width_px("%")
        self._counts_left = even(right + cap * 0.6)
        if self._counts:
            right = self._counts_left + len(count_text(0)) * self._cell_size[1]
        self._width = even(right + self._pad)
        self._height = self._row_px * len(names) + 2 * self._edge_px

    def _text_top(self, row: int) -> int:
        """Return where the line of text of a row begins: its capitals in the row's middle."""
        middle = self._edge_px + row * self._row_px + self._row_px // 2
        return even(middle - self._lettering.middle_px)

    def _paint(self, names: Sequence[str], classmap: ClassMap) -> np.ndarray:
        """Return the panel without digits, as a sheet."""
        sheet = new_sheet((self._height, self._width))
        panel = rounded_box((self._height, self._width), radius_px=max(2, self._cap // 2))
        cover(sheet, panel, colour=GROUND, opacity=GROUND_OPACITY)
        swatch = rounded_box((self._swatch_px,) * 2, radius_px=max(1, self._cap // 5))
        for row, name in enumerate(names):
            top = self._text_top(row)
            middle = top + self._lettering.middle_px
            colour = classmap.colours[self._class_ids[row]]
            swatch_top = middle - self._swatch_px // 2
            cover(sheet, swatch, colour=colour, top=swatch_top, left=self._pad)
            letters = self._lettering
            cover(sheet, letters.line(name), colour=TEXT, top=top, left=self._names_left)
            cover(sheet, letters.line("%"), colour=TEXT, top=top, left=self._percent_left)
        return sheet

    def _cell(self, character: str) -> np.ndarray:
        """Return a digit in the middle of a cell; cells are all alike, so that nothing jumps."""
        cell = np.zeros(self._cell_size, np.uint8)
        glyph = self._lettering.glyph(character)[:, : cell.shape[1]]
        left = (cell.shape[1] - glyph.shape[1]) // 2
        cell[: glyph.shape[0], left : left + glyph.shape[1]] = glyph
        return cell

    @property
    def area(self) -> tuple[int, int, int, int]:
        """Top, left, bottom, right of what is covered, pixels; nothing where it does not fit."""
        if not self.fits:
            return 0, 0, 0, 0
        return self._top, self._left, self._top + self._height, self._left + self._width

    def draw(self, canvas: Planes, *, shares: np.ndarray, counts: np.ndarray | None = None) -> None:
        """Lay the legend on a canvas, in place.

        Args:
            canvas: Planes of the promised size; rows may be strided.
            shares: Share of the picture by class id, (C,), 0..1.
            counts: Number of objects by class id, (C,); shown where it was said that they come.
        """
        if not self.fits:
            return
        for row, class_id in enumerate(self._class_ids):
            self._set_digits(row, percent_text(float(shares[class_id])), left=self._digits_left)
            if self._counts and counts is not None:
                self._set_digits(row, count_text(int(counts[class_id])), left=self._counts_left)
        self._panel.lay_on(canvas, top=self._top, left=self._left)

    def _set_digits(self, row: int, text: str, *, left: int) -> None:
        if text == self._texts.get((row, left)):
            return
        for place, character in enumerate(text):
            at = left + place * self._cell_size[1]
            self._panel.paste(self._digits[character], top=self._text_top(row), left=at)
        self._texts[row, left] = text


def percent_text(share: float) -> str:
    """Return a share as whole percent in three characters; a trace is ``<1``, not 0."""
    percent = round(share * 100)
    return f"{'<1' if share > 0 and percent == 0 else percent:>3}"


def count_text(count: int) -> str:
    """Return a number of objects as ``x3`` in three characters; nothing for none."""
    return f"{f'x{min(count, 99)}' if count else '':<3}"
