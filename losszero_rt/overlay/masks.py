"""Labels at frame size, for mask files."""

import cv2
import numpy as np


def labels_at(labels_HW: np.ndarray, *, size: tuple[int, int]) -> np.ndarray:
    """Return labels at another size, each pixel taking the nearest label's id.

    Pixel centres are matched (half-pixel rule). Plain ``INTER_NEAREST`` would match corners, and
    so shift the labels by up to half a label towards the bottom right.

    Args:
        labels_HW: uint8 (h, w) that covers the whole picture.
        size: (height, width) wanted.

    Returns:
        uint8 (height, width); the input itself when it has that size.
    """
    if labels_HW.shape == size:
        return labels_HW
    return cv2.resize(labels_HW, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
