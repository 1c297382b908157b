"""Coarse labels made finer, with round borders in place of stair steps.

Each class votes with its blurred and enlarged mask, and the largest vote wins: the contour of two
interpolated masks is smooth, while interpolated ids would invent the classes in between.
"""

from collections.abc import Sequence

import cv2
import numpy as np

# Enough to round the corner of one label pixel and little enough to keep a line one label wide.
_SIGMA = 0.7


class Refiner:
    """Enlarges labels by a whole factor. Buffers are kept from call to call.

    Args:
        labels_size: (height, width) of the largest labels that will come.
        factor: How many times finer the labels become, 2 or more.
        class_ids: Every id that may win; other ids become those of their neighbours, or 0.
    """

    def __init__(
        self, labels_size: tuple[int, int], *, factor: int, class_ids: Sequence[int]
    ) -> None:
        height, width = labels_size
        self.factor = factor
        self._class_ids = class_ids
        self._mask = np.empty((height, width), np.uint8)
        fine = (height * factor, width * factor)
        self._vote, self._won, self._best, self._id, self._labels = (
            np.empty(fine, np.uint8) for _ in range(5)
        )

    def refine(self, labels_HW: np.ndarray) -> np.ndarray:
        """Return finer labels.

        Args:
            labels_HW: uint8 (h, w), no larger than promised.

        Returns:
            uint8 (h * factor, w * factor), valid until the next call.
        """
        height, width = labels_HW.shape
        fine = (slice(height * self.factor), slice(width * self.factor))
        mask = self._mask[:height, :width]
        best, labels, vote = self._best[fine], self._labels[fine], self._vote[fine]
        won, filled = self._won[fine], self._id[fine]
        best.fill(0)
        labels.fill(0)
        for class_id in self._class_ids:
            np.equal(labels_HW, class_id, out=mask.view(np.bool_))
            if not cv2.countNonZero(mask):
                continue
            np.negative(mask, out=mask)  # 1 becomes 255
            cv2.GaussianBlur(mask, (3, 3), _SIGMA, dst=mask)
            cv2.resize(mask, vote.shape[::-1], dst=vote, interpolation=cv2.INTER_LINEAR)
            cv2.compare(vote, best, cv2.CMP_GT, dst=won)
            cv2.max(vote, best, dst=best)
            filled.fill(class_id)
            cv2.copyTo(filled, won, labels)
        return labels
