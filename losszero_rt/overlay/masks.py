"""Labels at frame size, for mask files."""

from functools import lru_cache

import numpy as np


def labels_at(labels_HW: np.ndarray, *, size: tuple[int, int]) -> np.ndarray:
    """Return labels at another size, each pixel taking the label that its centre lies in.

    OpenCV's ``INTER_NEAREST`` takes the pixel's corner instead of its centre, which shifts labels
    by up to half a label, and ``INTER_NEAREST_EXACT`` decides ties differently from version to
    version; so the indices are computed here, in whole numbers.

    Args:
        labels_HW: uint8 (h, w) that covers the whole picture; rows may be strided.
        size: (height, width) wanted.

    Returns:
        uint8 (height, width); the input itself when it has that size.
    """
    if labels_HW.shape == size:
        return labels_HW
    # Columns first: rows are then copied whole, which is the cheaper way round to enlarge.
    widened = labels_HW.take(_nearest(labels_HW.shape[1], size[1]), axis=1)
    return np.asarray(widened.take(_nearest(labels_HW.shape[0], size[0]), axis=0))


@lru_cache(maxsize=16)
def _nearest(num_labels: int, num_pixels: int) -> np.ndarray:
    """Label that the centre of each pixel lies in: floor((i + 0.5) * num_labels / num_pixels)."""
    return (2 * np.arange(num_pixels) + 1) * num_labels // (2 * num_pixels)
