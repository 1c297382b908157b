"""Objects from network input to picture: stretched, or with bars around it."""

import numpy as np
import pytest

from losszero_rt.objects import Objects
from losszero_rt.pipeline.placing import on_picture
from losszero_rt.preprocess import InputSpec

INPUT = InputSpec(size=(64, 96), mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


def one(box: tuple[float, float, float, float], *, stride: int = 1) -> Objects:
    """One object that fills its box."""
    mask_HW = np.zeros((64 // stride, 96 // stride), bool)
    x0, y0, x1, y1 = (round(side / stride) for side in box)
    mask_HW[y0:y1, x0:x1] = True
    return Objects(
        class_ids=np.array([5], np.uint8),
        scores=np.array([0.9], np.float32),
        boxes=np.array([box], np.float32),
        masks=mask_HW[None],
    )


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(
    ("size", "box", "expected"),
    [
        ((640, 960), (24, 16, 48, 32), (240, 160, 480, 320)),  # same shape: ten times larger
        ((640, 1000), (24, 16, 48, 32), (250, 160, 500, 320)),  # stretched
        ((200, 600), (24, 24, 48, 40), (150, 50, 300, 150)),  # bars of 16 above and below
        ((640, 480), (48, 16, 60, 32), (240, 160, 360, 320)),  # bars of 24 left and right
    ],
)
def test_box_and_mask_lie_over_the_same_part_of_the_picture(
    size: tuple[int, int],
    box: tuple[float, float, float, float],
    expected: tuple[float, float, float, float],
    stride: int,
) -> None:
    place = INPUT.place(size)
    moved = on_picture(one(box, stride=stride), place=place, input_size=INPUT.size, size=size)
    np.testing.assert_allclose(moved.boxes, [expected], atol=0.01)
    h, w = moved.masks.shape[1:]
    rows, columns = np.flatnonzero(moved.masks[0].any(1)), np.flatnonzero(moved.masks[0].any(0))
    found = np.array([columns[0] / w, rows[0] / h, (columns[-1] + 1) / w, (rows[-1] + 1) / h])
    sides = np.array([size[1], size[0]] * 2)
    np.testing.assert_allclose(found, np.array(expected) / sides, atol=1e-6)


def test_box_ends_where_the_picture_ends() -> None:
    place = INPUT.place((200, 600))
    moved = on_picture(one((0, 0, 96, 64)), place=place, input_size=INPUT.size, size=(200, 600))
    np.testing.assert_allclose(moved.boxes, [(0, 0, 600, 200)], atol=0.01)


def test_object_in_a_bar_is_no_object() -> None:
    place = INPUT.place((200, 600))
    moved = on_picture(one((10, 2, 40, 14)), place=place, input_size=INPUT.size, size=(200, 600))
    assert len(moved) == 0
    assert moved.masks.shape == (0, 32, 96)
