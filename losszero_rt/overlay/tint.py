"""From labels to a layer of colours at label size: rims, lookup, smoothing.

Shape letters: H, W height and width.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from losszero_rt.overlay.refine import Refiner
from losszero_rt.overlay.tones import Tones

RIM = 128  # added to the id of a label that touches another id
_RIM_REACH = np.ones((3, 3), np.uint8)


class Tinter:
    """Turns labels into premultiplied tones. Buffers are kept from call to call.

    Args:
        table: Tones by id, each uint8 (256,); the rims' tones stand at ``RIM`` and above.
        labels_size: (height, width) of the largest labels that will come.
        factor: How many times finer than the labels the tones become; 1 leaves them.
        ids: Every id below ``RIM`` that has tones.
        rims: Whether labels next to another id get the rim's tones.
    """

    def __init__(
        self,
        table: Tones,
        *,
        labels_size: tuple[int, int],
        factor: int,
        ids: Sequence[int],
        rims: bool,
    ) -> None:
        fine = (labels_size[0] * factor, labels_size[1] * factor)
        self._table, self._rims = table, rims
        self._refiner = None
        if factor > 1:
            self._refiner = Refiner(labels_size, factor=factor, class_ids=ids)
        self._edges, self._codes = np.empty(fine, np.uint8), np.empty(fine, np.uint8)
        self._tones = Tones(*(np.empty(fine, np.uint8) for _ in table))

    def tint(self, labels_HW: np.ndarray) -> Tones:
        """Return the layer of some labels.

        Args:
            labels_HW: uint8 (h, w), no larger than promised; rows may be strided.

        Returns:
            Tones of shape (h * factor, w * factor), valid until the next call.
        """
        codes = labels_HW if self._refiner is None else self._refiner.refine(labels_HW)
        if self._rims:
            codes = self._mark_rims(codes)
        corner = tuple(map(slice, codes.shape))
        tones = Tones(*(buffer[corner] for buffer in self._tones))
        for lookup, tone in zip(self._table, tones, strict=True):
            cv2.LUT(codes, lookup, dst=tone)
            # 3x3 binomial: together with the bilinear enlargement a quadratic spline, whose
            # contours have no corners; the mean of equal values is that value, to the bit.
            cv2.GaussianBlur(tone, (3, 3), 0, dst=tone)
        return tones

    def _mark_rims(self, labels_HW: np.ndarray) -> np.ndarray:
        corner = tuple(map(slice, labels_HW.shape))
        edges, codes = self._edges[corner], self._codes[corner]
        cv2.morphologyEx(labels_HW, cv2.MORPH_GRADIENT, _RIM_REACH, dst=edges)
        cv2.threshold(edges, 0, RIM, cv2.THRESH_BINARY, dst=edges)
        return cv2.add(labels_HW, edges, dst=codes)
