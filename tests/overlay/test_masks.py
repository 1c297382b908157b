"""Labels at frame size."""

import math
from fractions import Fraction

import numpy as np
import pytest

from losszero_rt.overlay import labels_at


@pytest.mark.parametrize("size", [(1080, 1920), (90, 133), (384, 672), (100, 100), (7, 5)])
def test_each_pixel_takes_the_label_that_its_centre_lies_in(size: tuple[int, int]) -> None:
    labels_HW = np.random.default_rng(0).integers(0, 6, (96, 168), np.uint8)
    rows = [math.floor(Fraction(2 * i + 1, 2) * 96 / size[0]) for i in range(size[0])]
    columns = [math.floor(Fraction(2 * i + 1, 2) * 168 / size[1]) for i in range(size[1])]
    result = labels_at(labels_HW, size=size)
    assert result.dtype == np.uint8
    assert np.array_equal(result, labels_HW[np.ix_(rows, columns)])


def test_labels_do_not_shift() -> None:
    labels_HW = np.zeros((31, 50), np.uint8)
    labels_HW[:, 25:] = 1
    mask = labels_at(labels_HW, size=(77, 130))
    # Mirrored labels give a mirrored mask, as no centre of 130 pixels lies between two labels.
    assert np.array_equal(labels_at(labels_HW[:, ::-1], size=(77, 130)), mask[:, ::-1])
    assert mask.mean() == 0.5


def test_labels_of_the_right_size_are_handed_back() -> None:
    labels_HW = np.ones((30, 50), np.uint8)
    assert labels_at(labels_HW, size=(30, 50)) is labels_HW


def test_strided_labels_are_taken() -> None:
    labels_HW = np.random.default_rng(2).integers(0, 6, (40, 60), np.uint8)
    part = labels_HW[4:34, 7:57]
    assert np.array_equal(labels_at(part, size=(60, 100)), part.repeat(2, 0).repeat(2, 1))
