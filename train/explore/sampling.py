"""Which of many pictures to show or to look at."""

import numpy as np


def spaced(count: int, most: int) -> list[int]:
    """Return at most ``most`` indices below ``count``, evenly spaced, first and last included."""
    chosen = np.linspace(0, count - 1, min(count, most)).round()
    return [int(index) for index in np.unique(chosen)]
