"""From a frame to what the network takes: one definition for train, export and runtime.

The network input is a small uint8 RGB picture. It is made straight from the YUV planes: each
plane is reduced to network size first, and only then converted, so no full-size RGB ever exists.
Normalisation happens inside the graph.

Shape letters: H, W height and width; C colour channels (RGB).
"""

from dataclasses import dataclass
from functools import cache
from typing import Literal

import cv2
import numpy as np

from losszero_rt.errors import ModelError
from losszero_rt.frame import Matrix, Planes

# A picture whose shape differs by no more than this from the network's is stretched; any other
# keeps its shape and gets bars. 16:9 on 384x672 (1.6 % off) is stretched, as in training.
STRETCH_TOLERANCE = 0.12

# Kr, Kb of ITU-R BT.601, BT.709 and BT.2020.
_LUMA_WEIGHTS: dict[Matrix, tuple[float, float]] = {
    "bt601": (0.299, 0.114),
    "bt709": (0.2126, 0.0722),
    "bt2020": (0.2627, 0.0593),
}


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where a picture lies inside the network input.

    Attributes:
        top: First row.
        left: First column.
        height: Rows.
        width: Columns.
    """

    top: int
    left: int
    height: int
    width: int

    def crop(self, array_HW: np.ndarray, *, input_size: tuple[int, int]) -> np.ndarray:
        """Cut the picture's part out of a map over the input, at any stride.

        Args:
            array_HW: Map (h, w, ...) that covers the whole input, e.g. labels at stride 1 or 2.
            input_size: (height, width) of the network input.

        Returns:
            A view of the rows and columns that the picture covers.
        """
        scale_y = array_HW.shape[0] / input_size[0]
        scale_x = array_HW.shape[1] / input_size[1]
        rows = slice(round(self.top * scale_y), round((self.top + self.height) * scale_y))
        columns = slice(round(self.left * scale_x), round((self.left + self.width) * scale_x))
        return array_HW[rows, columns]


@dataclass(frozen=True, kw_only=True)
class InputSpec:
    """What a network takes.

    Attributes:
        size: (height, width) of the input, pixels.
        mean: RGB mean that the graph subtracts, in units of 0..1.
        std: RGB deviation that the graph divides by, in units of 0..1.
        channels: Channel order; only ``rgb`` is known.
    """

    size: tuple[int, int]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    channels: Literal["rgb"] = "rgb"

    def __post_init__(self) -> None:
        if self.channels != "rgb" or min(self.size) < 32 or min(self.std) <= 0:
            raise ModelError(
                f"input specification {self.size} {self.channels} std {self.std}",
                accepted="rgb, at least 32x32 pixels, positive deviations",
                remedy="export the model again",
            )

    def place(self, size: tuple[int, int]) -> Placement:
        """Say where a picture of ``size`` (height, width) lies inside the input."""
        height, width = self.size
        ratio = (size[1] / size[0]) / (width / height)
        if 1 / (1 + STRETCH_TOLERANCE) <= ratio <= 1 + STRETCH_TOLERANCE:
            return Placement(top=0, left=0, height=height, width=width)
        if ratio > 1:
            inner_h, inner_w = max(1, round(height / ratio)), width
        else:
            inner_h, inner_w = height, max(1, round(width * ratio))
        top, left = (height - inner_h) // 2, (width - inner_w) // 2
        return Placement(top=top, left=left, height=inner_h, width=inner_w)

    def new_input(self) -> np.ndarray:
        """Return a black input, uint8 (H, W, 3)."""
        return np.zeros((*self.size, 3), np.uint8)

    def fill(self, planes: Planes, out_HWC: np.ndarray) -> Placement:
        """Write the network input of one frame. Hot path: shapes are the caller's promise.

        Args:
            planes: The frame's YUV planes.
            out_HWC: uint8 (H, W, 3) of the input's size; bars are painted black.

        Returns:
            Where the picture lies in ``out_HWC``.
        """
        place = self.place(planes.size)
        wh = (place.width, place.height)
        small = [reduce_to(plane, wh) for plane in (planes.y, planes.u, planes.v)]
        pixels_HWC = cv2.transform(cv2.merge(small), yuv_to_rgb(planes.matrix, planes.full_range))
        self._paste(pixels_HWC, place, out_HWC)
        return place

    def fill_pixels(self, pixels_HWC: np.ndarray, out_HWC: np.ndarray) -> Placement:
        """Write the network input of one RGB picture, uint8 (h, w, 3); see :meth:`fill`."""
        place = self.place((pixels_HWC.shape[0], pixels_HWC.shape[1]))
        self._paste(reduce_to(pixels_HWC, (place.width, place.height)), place, out_HWC)
        return place

    def _paste(self, pixels_HWC: np.ndarray, place: Placement, out_HWC: np.ndarray) -> None:
        if (place.height, place.width) != self.size:
            out_HWC[...] = 0
        rows = slice(place.top, place.top + place.height)
        out_HWC[rows, place.left : place.left + place.width] = pixels_HWC


def reduce_to(picture: np.ndarray, size_wh: tuple[int, int]) -> np.ndarray:
    """Resize a picture without aliasing and without the price of general area averaging.

    Whole factors are averaged away first (for 1080p to 384x672 that is a fast 2x2 mean), and the
    remaining factor below two is bilinear.

    Args:
        picture: uint8 (h, w) or (h, w, c).
        size_wh: (width, height) to return.

    Returns:
        uint8 of the asked size.
    """
    width, height = size_wh
    factor = min(picture.shape[1] // width, picture.shape[0] // height)
    if factor >= 2:
        halved_wh = (picture.shape[1] // factor, picture.shape[0] // factor)
        trimmed = picture[: halved_wh[1] * factor, : halved_wh[0] * factor]
        picture = cv2.resize(trimmed, halved_wh, interpolation=cv2.INTER_AREA)
    return cv2.resize(picture, size_wh, interpolation=cv2.INTER_LINEAR)


@cache
def yuv_to_rgb(matrix: Matrix, full_range: bool) -> np.ndarray:
    """Return the affine map from 8-bit YUV to 8-bit RGB, float32 (3, 4).

    Source: ITU-R BT.601-7, BT.709-6 and BT.2020-2.
    """
    k_r, k_b = _LUMA_WEIGHTS[matrix]
    k_g = 1 - k_r - k_b
    linear = np.array(
        [
            [1, 0, 2 * (1 - k_r)],
            [1, -2 * (1 - k_b) * k_b / k_g, -2 * (1 - k_r) * k_r / k_g],
            [1, 2 * (1 - k_b), 0],
        ]
    )
    gain = np.array([1, 1, 1]) if full_range else np.array([255 / 219, 255 / 224, 255 / 224])
    offset = np.array([0 if full_range else 16, 128, 128])
    scaled = linear * gain
    return np.hstack([scaled, -(scaled @ offset)[:, None]]).astype(np.float32)


@cache
def rgb_to_yuv(matrix: Matrix, full_range: bool) -> np.ndarray:
    """Return the affine map from 8-bit RGB to 8-bit YUV, float32 (3, 4)."""
    forward = yuv_to_rgb(matrix, full_range).astype(np.float64)
    inverse = np.linalg.inv(forward[:, :3])
    return np.hstack([inverse, -(inverse @ forward[:, 3])[:, None]]).astype(np.float32)
