"""Small translucent pictures, made once and laid on one canvas after the other.

A picture is composed as a *sheet*: float32 (h, w, 4), RGB 0..255 multiplied by the weight, and
the weight 0..1. A stamp is a sheet converted for one kind of canvas.
"""

import cv2
import numpy as np

from losszero_rt.frame import Planes
from losszero_rt.overlay.tones import Tones, YuvKind, lay, to_tones

_CORNER_FINER = 8  # rounded corners are drawn so many times larger, then averaged down


def new_sheet(size: tuple[int, int]) -> np.ndarray:
    """Return an empty sheet of ``size`` (height, width)."""
    return np.zeros((*size, 4), np.float32)


def cover(
    sheet: np.ndarray,
    coverage: np.ndarray,
    *,
    colour: tuple[int, int, int],
    opacity: float = 1.0,
    top: int = 0,
    left: int = 0,
) -> None:
    """Paint on a sheet, in place.

    Args:
        sheet: The sheet, float32 (h, w, 4).
        coverage: Where to paint, uint8, 0..255; must lie inside the sheet.
        colour: RGB, 0..255.
        opacity: Weight of the colour where the coverage is full, 0..1.
        top: First row of the sheet that is covered.
        left: First column of the sheet that is covered.
    """
    height, width = coverage.shape
    part = sheet[top : top + height, left : left + width]
    weight = (coverage.astype(np.float32) * (opacity / 255))[..., None]
    part *= 1 - weight
    part += weight * np.array([*colour, 1], np.float32)


def rounded_box(size: tuple[int, int], *, radius_px: int) -> np.ndarray:
    """Return the coverage of a box with round corners, uint8 of ``size`` (height, width)."""
    height, width = (side * _CORNER_FINER for side in size)
    radius = radius_px * _CORNER_FINER
    large = np.zeros((height, width), np.uint8)
    cv2.rectangle(large, (radius, 0), (width - radius - 1, height - 1), 255, cv2.FILLED)
    cv2.rectangle(large, (0, radius), (width - 1, height - radius - 1), 255, cv2.FILLED)
    for x in (radius, width - radius - 1):
        for y in (radius, height - radius - 1):
            cv2.circle(large, (x, y), radius, 255, cv2.FILLED)
    return cv2.resize(large, size[::-1], interpolation=cv2.INTER_AREA)


class Stamp:
    """A picture ready to be laid on canvases. On 4:2:0 its sides and places are even numbers.

    Args:
        luma: Tones at luma size; keep and y are used.
        chroma: Tones at chroma size; keep, u and v are used.
    """

    def __init__(self, luma: Tones, *, chroma: Tones) -> None:
        self._planes = (luma.keep, luma.y, chroma.keep, chroma.u, chroma.v)
        divisor = luma.keep.shape[0] // chroma.keep.shape[0]
        self._divisors = (1, 1, divisor, divisor, divisor)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) on the luma plane."""
        height, width = self._planes[0].shape
        return height, width

    def paste(self, stamp: "Stamp", *, top: int, left: int) -> None:
        """Replace a part by another stamp, sample for sample."""
        for mine, new, divisor in zip(self._planes, stamp._planes, self._divisors, strict=True):
            _part(mine, new.shape, top // divisor, left // divisor)[...] = new

    def lay_on(self, canvas: Planes, *, top: int, left: int) -> None:
        """Lay the stamp on a canvas, in place; it must lie inside."""
        keep_luma, y, keep_chroma, u, v = self._planes
        divisor = self._divisors[-1]
        for keep, colour, plane, scale in (
            (keep_luma, y, canvas.y, 1),
            (keep_chroma, u, canvas.u, divisor),
            (keep_chroma, v, canvas.v, divisor),
        ):
            part = _part(plane, keep.shape, top // scale, left // scale)
            lay(keep, colour, source=part, out=part)


def _part(plane: np.ndarray, shape: tuple[int, ...], top: int, left: int) -> np.ndarray:
    return plane[top : top + shape[0], left : left + shape[1]]


def stamp_of(sheet: np.ndarray, *, kind: YuvKind) -> Stamp:
    """Convert a sheet for one kind of canvas."""
    luma = _sheet_tones(sheet, kind)
    if kind.chroma == "444":
        return Stamp(luma, chroma=luma)
    half_wh = (sheet.shape[1] // 2, sheet.shape[0] // 2)
    halved = cv2.resize(sheet, half_wh, interpolation=cv2.INTER_AREA)
    return Stamp(luma, chroma=_sheet_tones(halved, kind))


def _sheet_tones(sheet: np.ndarray, kind: YuvKind) -> Tones:
    weights = sheet[..., 3]
    colours = sheet[..., :3] / np.maximum(weights, 1e-6)[..., None]
    return to_tones(colours, weights=weights, kind=kind)


class Ink:
    """One colour of text on an even, translucent ground, ready for any coverage.

    Args:
        colour: RGB of the text, 0..255.
        ground: RGB of the ground, 0..255.
        opacity: Weight of the ground, 0..1; the text is opaque.
        kind: Kind of canvas.
    """

    def __init__(
        self,
        colour: tuple[int, int, int],
        *,
        ground: tuple[int, int, int],
        opacity: float,
        kind: YuvKind,
    ) -> None:
        ramp = new_sheet((1, 256))
        cover(ramp, np.full((1, 256), 255, np.uint8), colour=ground, opacity=opacity)
        cover(ramp, np.arange(256, dtype=np.uint8)[None], colour=colour)
        self._table = Tones(*(tone[0] for tone in _sheet_tones(ramp, kind)))
        self._chroma = kind.chroma

    def stamp(self, coverage: np.ndarray) -> Stamp:
        """Return a stamp of some text.

        Args:
            coverage: uint8 (h, w), 0 ground to 255 text; even sides on 4:2:0.
        """
        luma = self._look_up(coverage)
        if self._chroma == "444":
            return Stamp(luma, chroma=luma)
        half_wh = (coverage.shape[1] // 2, coverage.shape[0] // 2)
        halved = cv2.resize(coverage, half_wh, interpolation=cv2.INTER_AREA)
        return Stamp(luma, chroma=self._look_up(halved))

    def _look_up(self, coverage: np.ndarray) -> Tones:
        return Tones(*(cv2.LUT(coverage, tone) for tone in self._table))
