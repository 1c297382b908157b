"""Sheets of tiles with captions: picture, truth, labels and heat beside each other.

Shape letters: H, W height and width; C = 3 (red, green, blue).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from losszero_rt.overlay.lettering import Lettering

TILE_WIDTH_PX = 400
_GAP_PX = 10
_CAPTION_PX = 26
_CAP_PX = 10
_PAPER, _INK = 252, 35
_BOX_RGB = (255, 255, 255)
_CASING_RGB = (0, 0, 0)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Tile:
    """One picture of a sheet.

    Attributes:
        caption: What it shows.
        pixels_HWC: uint8 RGB of any size.
    """

    caption: str
    pixels_HWC: np.ndarray

    def __repr__(self) -> str:
        return f"Tile({self.caption!r}, {self.pixels_HWC.shape})"


def draw_sheet(rows: Sequence[Sequence[Tile]]) -> np.ndarray:
    """Return rows of tiles under their captions, uint8 RGB.

    Args:
        rows: At least one, each of at least one tile; shorter ones are left open at the end.
    """
    num_columns = max(len(row) for row in rows)
    width = num_columns * (TILE_WIDTH_PX + _GAP_PX) + _GAP_PX
    return np.vstack([_band(row, width) for row in rows] + [_paper((_GAP_PX, width))])


def outlined(pixels_HWC: np.ndarray, *, box: tuple[int, int, int, int]) -> np.ndarray:
    """Return a picture with a box drawn on it: a white line in a black casing."""
    drawn = np.ascontiguousarray(pixels_HWC).copy()
    top, left, bottom, right = box
    line_px = max(1, round(drawn.shape[1] / TILE_WIDTH_PX * 1.5))
    corners = (left, top), (right - 1, bottom - 1)
    cv2.rectangle(drawn, *corners, _CASING_RGB, 3 * line_px)
    cv2.rectangle(drawn, *corners, _BOX_RGB, line_px)
    return drawn


def _band(row: Sequence[Tile], width: int) -> np.ndarray:
    sized = [_sized(tile.pixels_HWC) for tile in row]
    height = max(pixels.shape[0] for pixels in sized)
    band = _paper((_GAP_PX + _CAPTION_PX + height, width))
    lettering = Lettering(_CAP_PX)
    for column, (tile, pixels) in enumerate(zip(row, sized, strict=True)):
        left = _GAP_PX + column * (TILE_WIDTH_PX + _GAP_PX)
        top = _GAP_PX + _CAPTION_PX
        band[top : top + pixels.shape[0], left : left + TILE_WIDTH_PX] = pixels
        ink = lettering.line(lettering.fitting(tile.caption, width_px=TILE_WIDTH_PX))
        place = band[_GAP_PX + 3 : _GAP_PX + 3 + ink.shape[0], left : left + ink.shape[1]]
        cover = ink[..., None] / 255
        place[...] = np.rint(place * (1 - cover) + _INK * cover)
    return band


def _sized(pixels_HWC: np.ndarray) -> np.ndarray:
    height = max(1, round(pixels_HWC.shape[0] * TILE_WIDTH_PX / pixels_HWC.shape[1]))
    shrinks = pixels_HWC.shape[1] > TILE_WIDTH_PX
    way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(pixels_HWC, (TILE_WIDTH_PX, height), interpolation=way)


def _paper(size: tuple[int, int]) -> np.ndarray:
    return np.full((*size, 3), _PAPER, np.uint8)
