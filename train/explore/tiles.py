"""Small pictures with their labels laid over them, for the contact sheet and the page.

Shape letters: H, W height and width; C colour channels (RGB).
"""

from collections.abc import Sequence

import cv2
import numpy as np

from losszero_rt.classmap import ClassMap
from train.datasets.picture import LabelledPicture

TILE_WIDTH_PX = 360
OVERLAY_STRENGTH = 0.5
COLUMNS = 4
_GAP_PX = 8
_CAPTION_PX = 18
_PAPER = 250
# Pixels without a class are striped, so that they cannot be taken for any class colour.
_STRIPE_PX = 6
_STRIPE_RGB = (225, 225, 225)
_JPEG_QUALITY = 82


def draw_tile(picture: LabelledPicture, *, classes: ClassMap) -> np.ndarray:
    """Return the picture above itself with its labels, uint8 RGB (H, TILE_WIDTH_PX, 3)."""
    height, width = picture.labels_HW.shape
    size_wh = (TILE_WIDTH_PX, max(1, round(height * TILE_WIDTH_PX / width)))
    plain_HWC = cv2.resize(picture.pixels_HWC, size_wh, interpolation=cv2.INTER_AREA)
    labels_HW = cv2.resize(picture.labels_HW, size_wh, interpolation=cv2.INTER_NEAREST)
    return np.vstack([plain_HWC, lay_over(plain_HWC, labels_HW, classes=classes)])


def lay_over(pixels_HWC: np.ndarray, labels_HW: np.ndarray, *, classes: ClassMap) -> np.ndarray:
    """Return a picture under the colours of its labels.

    Args:
        pixels_HWC: uint8 RGB (H, W, 3).
        labels_HW: uint8 (H, W); the background stays clear, the ignored id is striped.
        classes: The colours.
    """
    colours_HWC = classes.colour_table()[labels_HW]
    painted_HW = (labels_HW != classes.background_id) & (labels_HW < classes.num_classes)
    rows, columns = np.indices(labels_HW.shape)
    stripes_HW = (rows + columns) % (2 * _STRIPE_PX) < _STRIPE_PX
    unlabelled_HW = (labels_HW == classes.ignored_id) & stripes_HW
    colours_HWC[unlabelled_HW] = _STRIPE_RGB
    blend_HWC = cv2.addWeighted(pixels_HWC, 1 - OVERLAY_STRENGTH, colours_HWC, OVERLAY_STRENGTH, 0)
    shown_HW1 = (painted_HW | unlabelled_HW)[..., None]
    return np.where(shown_HW1, blend_HWC, pixels_HWC)


def contact_sheet(tiles: Sequence[tuple[str, np.ndarray]]) -> np.ndarray:
    """Return all tiles on one sheet, uint8 RGB.

    Args:
        tiles: Name and picture, uint8 RGB (H, TILE_WIDTH_PX, 3); at least one.
    """
    columns = min(COLUMNS, len(tiles))
    rows = [tiles[start : start + columns] for start in range(0, len(tiles), columns)]
    bands = [_band(row, columns) for row in rows]
    return np.vstack(bands)


def encode_jpeg(pixels_HWC: np.ndarray) -> bytes:
    """Return uint8 RGB pixels as the bytes of a JPEG file."""
    done, data = cv2.imencode(
        ".jpg",
        cv2.cvtColor(pixels_HWC, cv2.COLOR_RGB2BGR),
        [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY],
    )
    assert done
    return data.tobytes()


def _band(row: Sequence[tuple[str, np.ndarray]], columns: int) -> np.ndarray:
    height = max(tile.shape[0] for _, tile in row)
    width = columns * (TILE_WIDTH_PX + _GAP_PX) + _GAP_PX
    band_HWC = np.full((height + _CAPTION_PX + _GAP_PX, width, 3), _PAPER, np.uint8)
    for column, (name, tile) in enumerate(row):
        left = _GAP_PX + column * (TILE_WIDTH_PX + _GAP_PX)
        band_HWC[_CAPTION_PX : _CAPTION_PX + tile.shape[0], left : left + TILE_WIDTH_PX] = tile
        # OpenCV's fonts know ASCII only; the page shows names as they are.
        text = name.encode("ascii", "replace").decode()[:56]
        place = (left, _CAPTION_PX - 5)
        cv2.putText(band_HWC, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.38, (40,) * 3, 1, 16)
    return band_HWC
