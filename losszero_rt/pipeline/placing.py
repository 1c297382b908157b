"""Objects from the network's input to the picture it was made of."""

import numpy as np

from losszero_rt.objects import Objects
from losszero_rt.preprocess import Placement


def on_picture(
    objects: Objects, *, place: Placement, input_size: tuple[int, int], size: tuple[int, int]
) -> Objects:
    """Return objects with boxes in pixels of the picture and masks that cover it.

    Args:
        objects: As an engine gives them.
        place: Where the picture lies in the network input.
        input_size: (height, width) of the network input.
        size: (height, width) of the picture.

    Returns:
        Those objects of which something lies in the picture; boxes end at its borders.
    """
    height, width = size
    stretch = np.array([width / place.width, height / place.height] * 2, np.float32)
    moved = (objects.boxes - np.array([place.left, place.top] * 2, np.float32)) * stretch
    boxes = moved.clip(0, np.array([width, height] * 2, np.float32))
    masks_hwK = place.crop(np.moveaxis(objects.masks, 0, -1), input_size=input_size)
    inside = (boxes[:, 2:] > boxes[:, :2]).all(1)
    return Objects(
        class_ids=objects.class_ids[inside],
        scores=objects.scores[inside],
        boxes=boxes[inside],
        masks=np.moveaxis(masks_hwK, -1, 0)[inside],
    )
