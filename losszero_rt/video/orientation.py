"""Which way up a stored picture stands, and how to set it upright."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from av.video.frame import VideoFrame

_MATRIX_KEY = "DISPLAYMATRIX"
# Flips by (mirrored across the vertical axis, mirrored across the horizontal axis).
_FLIP_CODES = {(True, True): -1, (True, False): 1, (False, True): 0}
_DEGREES = {
    (False, False, False): 0,
    (True, True, False): 90,
    (False, True, True): 180,
    (True, False, True): 270,
}


@dataclass(frozen=True, kw_only=True)
class Orientation:
    """One of the eight ways to lay a picture on a rectangle.

    Attributes:
        transposed: Rows become columns first.
        flip_x: Then left and right change places.
        flip_y: And top and bottom.
    """

    transposed: bool = False
    flip_x: bool = False
    flip_y: bool = False

    @property
    def upright(self) -> bool:
        """Whether nothing has to be done."""
        return not (self.transposed or self.flip_x or self.flip_y)

    @property
    def mirrored(self) -> bool:
        """Whether the picture is a mirror image, not just turned."""
        return self.transposed ^ self.flip_x ^ self.flip_y

    @property
    def degrees(self) -> int:
        """Degrees clockwise; a mirror image counts the turn before its left-right flip."""
        flip_x = self.flip_x ^ self.mirrored
        return _DEGREES[(self.transposed, flip_x, self.flip_y)]

    def apply(self, plane: np.ndarray) -> np.ndarray:
        """Return an upright copy of a plane, uint8 (H, W) or (H, W, C)."""
        turned = cv2.transpose(plane) if self.transposed else plane
        code = _FLIP_CODES.get((self.flip_x, self.flip_y))
        return turned if code is None else cv2.flip(turned, code)


def orientation_of(picture: VideoFrame) -> Orientation | None:
    """Read the display matrix of a decoded picture.

    The matrix maps a stored pixel (x, y) to (x m0 + y m3, x m1 + y m4), y pointing down.

    Returns:
        The orientation, or None for an angle that is no multiple of 90 degrees.
    """
    # The stubs say mapping, but only its sequence side works.
    entries: Any = picture.side_data
    found = (entries[i] for i in range(len(entries)))
    matrices = [bytes(entry) for entry in found if entry.type.name == _MATRIX_KEY]
    if not matrices:
        return Orientation()
    matrix = np.frombuffer(matrices[0], np.int32) / 65536
    m0, m1, m3, m4 = (float(matrix[i]) for i in (0, 1, 3, 4))
    if abs(m1) + abs(m3) < 1e-2:
        return Orientation(flip_x=m0 < 0, flip_y=m4 < 0)
    if abs(m0) + abs(m4) < 1e-2:
        return Orientation(transposed=True, flip_x=m3 < 0, flip_y=m1 < 0)
    return None


# Orientation tag of EXIF 2.32, section 4.6.4, values 1 to 8.
EXIF_ORIENTATIONS = (
    Orientation(),
    Orientation(flip_x=True),
    Orientation(flip_x=True, flip_y=True),
    Orientation(flip_y=True),
    Orientation(transposed=True),
    Orientation(transposed=True, flip_x=True),
    Orientation(transposed=True, flip_x=True, flip_y=True),
    Orientation(transposed=True, flip_y=True),
)
