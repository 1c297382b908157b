"""The part of the picture that has something to show, on the label grid and on the planes.

Only that part is blended. Its edges must fall on whole samples of both the luma and the chroma
plane, or an enlarged part would not lie where it lies when the whole is enlarged:

    label rows    0 ....... 32 ....... 64     (384 rows)
    luma rows     0 ....... 90 ...... 180     (1080 rows: 45 for every 16 labels)
    chroma rows   0 ....... 45 ....... 90     (540 rows: 45 for every 32 labels)
"""

from math import gcd, lcm
from typing import NamedTuple

import cv2
import numpy as np


class Span(NamedTuple):
    """A stretch of one axis, in labels.

    Attributes:
        start: First label.
        stop: One past the last label.
        length: Labels of the whole axis.
    """

    start: int
    stop: int
    length: int

    def on(self, length: int) -> slice:
        """Return the same stretch on an axis of ``length`` samples."""
        return slice(self.start * length // self.length, self.stop * length // self.length)


class Window(NamedTuple):
    """A rectangle of the picture.

    Attributes:
        rows: Stretch of the rows.
        columns: Stretch of the columns.
    """

    rows: Span
    columns: Span

    @property
    def empty(self) -> bool:
        """Whether there is nothing in it."""
        return self.rows.start == self.rows.stop

    def on(self, size: tuple[int, int]) -> tuple[slice, slice]:
        """Return the rectangle as slices of a plane of ``size`` (height, width)."""
        return self.rows.on(size[0]), self.columns.on(size[1])


def grid_step(num_labels: int, *, lengths: tuple[int, ...]) -> int:
    """Return every how many labels an edge falls on a whole sample of all given axes."""
    return lcm(*(num_labels // gcd(num_labels, length) for length in lengths))


def occupied(labels_HW: np.ndarray, *, steps: tuple[int, int], margin: int) -> Window:
    """Return the smallest window on the grid that holds every label but 0, and a margin.

    Args:
        labels_HW: uint8 (H, W).
        steps: Grid steps of rows and columns, see :func:`grid_step`.
        margin: Labels to add on each side, as far as blurring reaches.

    Returns:
        The window; it has no rows and no columns when every label is 0.
    """
    left, top, width, height = cv2.boundingRect(labels_HW)
    return Window(
        rows=_span(top, height, step=steps[0], margin=margin, length=labels_HW.shape[0]),
        columns=_span(left, width, step=steps[1], margin=margin, length=labels_HW.shape[1]),
    )


def _span(first: int, num: int, *, step: int, margin: int, length: int) -> Span:
    if not num:
        return Span(0, 0, length)
    start = max(0, first - margin) // step * step
    stop = -(-min(length, first + num + margin) // step) * step
    return Span(start, stop, length)


def copy_outside(window: tuple[slice, slice], *, source: np.ndarray, out: np.ndarray) -> None:
    """Copy a plane but for the window, uint8 (H, W); nothing is done if both are one plane."""
    if source is out:
        return
    rows, columns = window
    out[: rows.start] = source[: rows.start]
    out[rows.stop :] = source[rows.stop :]
    out[rows, : columns.start] = source[rows, : columns.start]
    out[rows, columns.stop :] = source[rows, columns.stop :]
