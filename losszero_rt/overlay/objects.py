"""Objects on the picture: the outline of each, the corners of its box, and its name and score.

Everything is drawn on the planes themselves. A line is a dark casing with the class's colour in
it, so that it stands out from the colours of the classes under it, its own too.

Shape letters: K objects, P points of an outline.
"""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from losszero_rt.classmap import ClassMap
from losszero_rt.frame import Matrix, Planes
from losszero_rt.objects import Objects
from losszero_rt.overlay.blend import shown_classes
from losszero_rt.overlay.tags import Rectangle, Tags
from losszero_rt.overlay.tones import Chroma, YuvKind
from losszero_rt.preprocess import rgb_to_yuv

_CASING = (10, 12, 16)
_STROKE = 1 / 540  # of the height of the picture; two pixels at 1080p
_CORNER = 0.18  # of the shorter side of a box
_SMOOTHING = 5  # points of an outline that are averaged: steps of the mask's grid vanish
_TOLERANCE_PX = 0.4  # by which an outline may be moved to make it of fewer points
_MIN_POINTS = 4  # an outline of fewer is a speck
_FRACTION_BITS = 4  # OpenCV draws at a sixteenth of a pixel


class ObjectOutlines:
    """Draws objects on canvases of one size.

    Args:
        classmap: Names and colours.
        size: (height, width) of the picture.
        classes: Ids shown; None shows all but the background.
        keep_free: Where no name is put, in pixels of the picture: what other parts cover.
        matrix: YUV matrix of the canvas.
        full_range: Whether the canvas's values span 0..255.
        chroma: Layout of the canvas.
    """

    def __init__(
        self,
        classmap: ClassMap,
        *,
        size: tuple[int, int],
        classes: Sequence[int] | None = None,
        keep_free: Sequence[Rectangle] = (),
        matrix: Matrix = "bt601",
        full_range: bool = False,
        chroma: Chroma = "420",
    ) -> None:
        kind = YuvKind(matrix=matrix, full_range=full_range, chroma=chroma)
        self._size = size
        self._shown = frozenset(shown_classes(classmap, classes=classes))
        self._stroke_px = max(1, round(size[0] * _STROKE))
        self._yuv = [_to_yuv(colour, kind) for colour in (*classmap.colours, _CASING)]
        self._tags = Tags(classmap, size=size, kind=kind, keep_free=keep_free)

    def draw(self, canvas: Planes, *, objects: Objects) -> None:
        """Draw the objects of one frame, in place, the most certain on top.

        Args:
            canvas: Planes of the picture's height, and of its width or wider: then the objects
                are drawn on the right of it. Rows may be strided.
            objects: Boxes in pixels of the picture; masks that cover the whole picture.
        """
        part = _right_part(canvas, width=self._size[1])
        shown = [k for k in range(len(objects)) if int(objects.class_ids[k]) in self._shown]
        for k in reversed(shown):
            lines = [*_outlines(objects.masks[k], self._size), *_corners(objects.boxes[k])]
            self._stroke(part, lines, class_id=int(objects.class_ids[k]))
        self._tags.draw(part, objects=objects, order=shown)

    def _stroke(
        self, canvas: Planes, lines: "list[tuple[np.ndarray, bool]]", class_id: int
    ) -> None:
        """Draw lines of points (P, 2), x and y in pixels, each closed or open."""
        casing, colour = self._yuv[-1], self._yuv[class_id]
        stroke, divisor = self._stroke_px, self._size[0] // canvas.u.shape[0]
        thin = max(1, stroke // divisor)
        for points, closed in lines:
            _polyline(canvas.y, points, closed, level=casing[0], width_px=stroke + 2)
            small = (points + 0.5) / divisor - 0.5
            for plane, level in ((canvas.u, colour[1]), (canvas.v, colour[2])):
                _polyline(plane, small, closed, level=level, width_px=thin)
        for points, closed in lines:
            _polyline(canvas.y, points, closed, level=colour[0], width_px=stroke)


def _to_yuv(colour: tuple[int, int, int], kind: YuvKind) -> tuple[int, int, int]:
    affine = rgb_to_yuv(kind.matrix, kind.full_range)
    y, u, v = np.rint(affine[:, :3] @ np.array(colour) + affine[:, 3]).clip(0, 255)
    return int(y), int(u), int(v)


def _right_part(canvas: Planes, *, width: int) -> Planes:
    if canvas.size[1] == width:
        return canvas
    chroma_width = canvas.u.shape[1] * width // canvas.size[1]
    u, v = canvas.u[:, -chroma_width:], canvas.v[:, -chroma_width:]
    return Planes(
        y=canvas.y[:, -width:], u=u, v=v, matrix=canvas.matrix, full_range=canvas.full_range
    )


def _outlines(mask_HW: np.ndarray, size: tuple[int, int]) -> "Iterator[tuple[np.ndarray, bool]]":
    """Yield the outer borders of a mask as closed lines of points in the picture."""
    step_x, step_y = size[1] / mask_HW.shape[1], size[0] / mask_HW.shape[0]
    borders, _ = cv2.findContours(
        mask_HW.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    for border in borders:
        if len(border) >= _MIN_POINTS:
            points = (_smooth(border[:, 0]) + 0.5) * (step_x, step_y) - 0.5
            # A thick line costs by its pieces: those that no eye can tell apart are one.
            fewer = cv2.approxPolyDP(points.astype(np.float32), _TOLERANCE_PX, True)
            yield fewer[:, 0], True


def _smooth(points: np.ndarray) -> np.ndarray:
    """Return each point (P, 2) of a closed line as the mean of itself and its neighbours."""
    reach = min(_SMOOTHING, len(points) // 4) // 2
    return np.asarray(np.mean([np.roll(points, shift, 0) for shift in range(-reach, reach + 1)], 0))


def _corners(box: np.ndarray) -> "Iterator[tuple[np.ndarray, bool]]":
    """Yield the four corners of a box x0, y0, x1, y1 as open lines."""
    x0, y0, x1, y1 = (float(side) for side in box)
    arm = _CORNER * min(x1 - x0, y1 - y0)
    for x, toward_x in ((x0, arm), (x1, -arm)):
        for y, toward_y in ((y0, arm), (y1, -arm)):
            yield np.array([(x + toward_x, y), (x, y), (x, y + toward_y)]), False


def _polyline(
    plane: np.ndarray, points: np.ndarray, closed: bool, *, level: int, width_px: int
) -> None:
    fine = np.rint(points * (1 << _FRACTION_BITS)).astype(np.int32)
    cv2.polylines(plane, [fine], closed, level, width_px, cv2.LINE_AA, _FRACTION_BITS)
