"""The value type of the data sets, and how pixels and labels become one."""

from dataclasses import dataclass

import cv2
import numpy as np

from losszero_rt.classmap import ClassMap
from losszero_rt.errors import InputError

# Pictures wider than this hold nothing that survives the way to the network input.
WIDTH_MAX = 1344
NIGHT_LUMA_MAX = 60.0
BIKE_CLASS = "my bike"


@dataclass(frozen=True, kw_only=True)
class LabelledPicture:
    """One picture with the class of every pixel.

    Attributes:
        name: What to call it in messages; unique within its data set.
        pixels_HWC: uint8 RGB (H, W, 3).
        labels_HW: uint8 class ids (H, W); the ignored id where nothing is known.
        has_bike: Whether the rider's own machine is in it.
        is_night: Whether it is dark enough to count as night.
        ride: The sequence it was taken from, which no split may cut; empty where unknown.
        instances_HW: int32 (H, W), 0 where there is no object and k where object k is seen; None
            if the data set tells no objects apart.
    """

    name: str
    pixels_HWC: np.ndarray
    labels_HW: np.ndarray
    has_bike: bool
    is_night: bool
    ride: str = ""
    instances_HW: np.ndarray | None = None

    @property
    def num_bytes(self) -> int:
        """Memory that its arrays take."""
        instances = 0 if self.instances_HW is None else self.instances_HW.nbytes
        return self.pixels_HWC.nbytes + self.labels_HW.nbytes + instances

    def __repr__(self) -> str:
        height, width = self.labels_HW.shape
        return f"LabelledPicture({self.name!r}, {height}x{width})"


def make_picture(
    name: str,
    *,
    pixels_HWC: np.ndarray,
    labels_HW: np.ndarray,
    classes: ClassMap,
    ride: str = "",
    instances_HW: np.ndarray | None = None,
    size: tuple[int, int] | None = None,
) -> LabelledPicture:
    """Bound the size of a picture and see what is in it.

    Args:
        name: What to call it.
        pixels_HWC: uint8 RGB (H, W, 3).
        labels_HW: uint8 ids of ``classes`` (H, W).
        classes: Tell which class is the rider's own machine, if any.
        ride: The sequence it belongs to.
        instances_HW: int32 objects (H, W), or None.
        size: (height, width) to bring it to; None keeps its own up to ``WIDTH_MAX``.

    Raises:
        InputError: If pixels and labels are of different sizes.
    """
    if pixels_HWC.shape[:2] != labels_HW.shape:
        raise InputError(f"{name} is {pixels_HWC.shape[:2]} but its labels {labels_HW.shape}")
    size = size or _bounded(labels_HW.shape)
    if size != labels_HW.shape:
        size_wh = (size[1], size[0])
        pixels_HWC = cv2.resize(pixels_HWC, size_wh, interpolation=cv2.INTER_AREA)
        labels_HW = cv2.resize(labels_HW, size_wh, interpolation=cv2.INTER_NEAREST)
        if instances_HW is not None:
            instances_HW = cv2.resize(instances_HW, size_wh, interpolation=cv2.INTER_NEAREST)
    own = [class_id for class_id, known in enumerate(classes.names) if known == BIKE_CLASS]
    return LabelledPicture(
        name=name,
        pixels_HWC=pixels_HWC,
        labels_HW=labels_HW,
        has_bike=bool(np.isin(labels_HW, own).any()),
        is_night=float(pixels_HWC.mean()) < NIGHT_LUMA_MAX,
        ride=ride,
        instances_HW=instances_HW,
    )


def _bounded(shape: tuple[int, ...]) -> tuple[int, int]:
    height, width = shape
    if width <= WIDTH_MAX:
        return height, width
    return max(1, round(height * WIDTH_MAX / width)), WIDTH_MAX
