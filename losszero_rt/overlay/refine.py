"""Coarse labels made finer, with round borders in place of stair steps.

Each class votes with its blurred and enlarged mask, and the largest vote wins: the contour of two
interpolated masks is smooth, while interpolated ids would invent the classes in between.
"""

from collections.abc import Sequence

import cv2
import numpy as np

_SIGMA = 0.65  # labels; rounds the corner of one label
# Both sides of a thin line vote against it, and a line one label wide would vanish. So the votes
# of a class that takes little of the picture count more: at 1.7 such a line survives in every
# direction, and the outline of a small object moves out by a fifth of a label.
_RARE_GAIN = 1.7
_RARE, _COMMON = 0.05, 0.15  # shares of the labels between which that advantage fades


class Refiner:
    """Enlarges labels by a whole factor. Buffers are kept from call to call.

    Args:
        labels_size: (height, width) of the largest labels that will come.
        factor: How many times finer the labels become, 2 or more.
        class_ids: Every id that may win; other ids become those of their neighbours, or 0. The
            background is 0.
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
            num_labels = cv2.countNonZero(mask)
            if not num_labels:
                continue
            # Only a part of the background may have come, so its share is not known here.
            share = num_labels / self._mask.size if class_id else 1.0
            np.multiply(mask, _strength(share), out=mask)
            cv2.GaussianBlur(mask, (3, 3), _SIGMA, dst=mask)
            cv2.resize(mask, vote.shape[::-1], dst=vote, interpolation=cv2.INTER_LINEAR)
            cv2.compare(vote, best, cv2.CMP_GT, dst=won)
            cv2.max(vote, best, dst=best)
            filled.fill(class_id)
            cv2.copyTo(filled, won, labels)
        return labels


def _strength(share: float) -> int:
    """Return the vote, 0..255, of a class that takes a share (0..1) of the labels."""
    commonness = (share - _RARE) / (_COMMON - _RARE)
    return round(255 / (1 + (_RARE_GAIN - 1) * min(1.0, max(0.0, commonness))))
