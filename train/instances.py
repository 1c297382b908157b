"""From labels to the objects that an instance network learns from.

Shape letters: K objects, H, W height and width.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import torch

from losszero_rt.classmap import ClassMap

# Smaller than this nobody could say what it is, and its box would be all border.
OBJECT_PIXELS_MIN = 32
SIDE_PIXELS_MIN = 3


@dataclass(frozen=True, kw_only=True, repr=False)
class ObjectTargets:
    """The objects of one picture; there may be none.

    Attributes:
        class_ids: int64 (K,), never the background's id.
        boxes: float32 (K, 4): x0, y0, x1, y1 in pixels, x1 and y1 beyond the last pixel.
        masks: bool (K, H, W).
    """

    class_ids: np.ndarray
    boxes: np.ndarray
    masks: np.ndarray

    def __repr__(self) -> str:
        return f"ObjectTargets(ids={self.class_ids.tolist()}, masks={self.masks.shape})"

    def as_target(self, device: torch.device) -> dict[str, torch.Tensor]:
        """Return what torchvision's detection networks take."""
        return {
            "boxes": torch.from_numpy(self.boxes).to(device),
            "labels": torch.from_numpy(self.class_ids).to(device),
            "masks": torch.from_numpy(self.masks.view(np.uint8)).to(device),
        }


def find_objects(
    labels_HW: np.ndarray, *, classes: ClassMap, instances_HW: np.ndarray | None = None
) -> ObjectTargets:
    """Tell the objects of a picture apart.

    Where instances are known they are the objects; elsewhere every connected component of a
    class is one, touching corners connecting. The background is no object, ignored pixels belong
    to none, and objects too small to be told are left out.

    Args:
        labels_HW: Class ids, uint8 (H, W).
        classes: Which ids are objects.
        instances_HW: Integers (H, W), 0 where no instance is known.
    """
    masks: list[np.ndarray] = []
    class_ids: list[int] = []
    instances = np.zeros(labels_HW.shape, np.int32) if instances_HW is None else instances_HW
    for class_id in range(classes.num_classes):
        if class_id == classes.background_id:
            continue
        own = labels_HW == class_id
        if not own.any():
            continue
        found = [own & (instances == key) for key in np.unique(instances[own]) if key]
        found += _components(own & (instances == 0))
        kept = [mask for mask in found if _can_be_told(mask)]
        masks += kept
        class_ids += [class_id] * len(kept)
    return ObjectTargets(
        class_ids=np.array(class_ids, np.int64),
        boxes=np.array([_box_of(mask) for mask in masks], np.float32).reshape(-1, 4),
        masks=np.array(masks, bool).reshape(-1, *labels_HW.shape),
    )


def _components(mask: np.ndarray) -> list[np.ndarray]:
    num, numbers, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
    large = [key for key in range(1, num) if stats[key, cv2.CC_STAT_AREA] >= OBJECT_PIXELS_MIN]
    return [numbers == key for key in large]


def _can_be_told(mask: np.ndarray) -> bool:
    if np.count_nonzero(mask) < OBJECT_PIXELS_MIN:
        return False
    x0, y0, x1, y1 = _box_of(mask)
    return min(x1 - x0, y1 - y0) >= SIDE_PIXELS_MIN


def _box_of(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Return the smallest box around a mask that is not empty: x0, y0, x1, y1."""
    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    return left, top, left + width, top + height
