"""Objects that a network found in one picture: the value type that engines give and overlays take.

Shape letters: K objects, h, w height and width of the masks.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True, eq=False)
class Objects:
    """Objects found in one frame, most certain first.

    Attributes:
        class_ids: uint8 (K,) class of each object.
        scores: float32 (K,) confidence of each object, 0..1.
        boxes: float32 (K, 4) x0, y0, x1, y1: in pixels of the network input as engines give them,
            of the picture once they were moved there.
        masks: bool (K, h, w): at labels size as engines give them, then of the picture's part.
    """

    class_ids: np.ndarray
    scores: np.ndarray
    boxes: np.ndarray
    masks: np.ndarray

    def __post_init__(self) -> None:
        num = len(self.class_ids)
        shapes = (self.scores.shape, self.boxes.shape, self.masks.shape[:1], self.masks.ndim)
        if shapes != ((num,), (num, 4), (num,), 3):
            raise ValueError(f"{num} classes with scores, boxes, masks of {shapes}")

    def __len__(self) -> int:
        return len(self.class_ids)

    def __repr__(self) -> str:
        return f"Objects({len(self)})"
