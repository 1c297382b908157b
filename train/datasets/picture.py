"""The value type of the data sets."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class LabelledPicture:
    """One picture with the class of every pixel.

    Attributes:
        name: What to call it in messages.
        pixels_HWC: uint8 RGB (H, W, 3).
        labels_HW: uint8 class ids (H, W); the ignored id where nothing is known.
        has_bike: Whether the rider's own machine is in it.
        is_night: Whether it is dark enough to count as night.
    """

    name: str
    pixels_HWC: np.ndarray
    labels_HW: np.ndarray
    has_bike: bool
    is_night: bool

    def __repr__(self) -> str:
        height, width = self.labels_HW.shape
        return f"LabelledPicture({self.name!r}, {height}x{width})"
