"""How much of a picture each class takes."""

import numpy as np

# Above this many classes one histogram is cheaper than one comparison a class.
_FEW = 16


def class_shares(labels_HW: np.ndarray, *, num_classes: int) -> np.ndarray:
    """Return the share of the pixels that each class takes.

    Args:
        labels_HW: uint8 (H, W), at any size; rows may be strided.
        num_classes: Number of classes C.

    Returns:
        float64 (C,), 0..1. The sum is below 1 where labels hold ids outside the classes.
    """
    if num_classes > _FEW:
        counts = np.bincount(labels_HW.ravel(), minlength=num_classes)[:num_classes]
    else:
        # Vectorised comparisons cost about 20 us a class at 384x672, bincount 460 us.
        counts = np.array([np.count_nonzero(labels_HW == i) for i in range(num_classes)])
    return np.asarray(counts / labels_HW.size)
