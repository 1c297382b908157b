"""Labels at frame size."""

import numpy as np
import pytest

from losszero_rt.overlay import labels_at


@pytest.mark.parametrize("size", [(1080, 1920), (90, 133), (384, 672), (100, 100)])
def test_each_pixel_takes_the_label_under_its_centre(size: tuple[int, int]) -> None:
    labels_HW = np.random.default_rng(0).integers(0, 6, (96, 168), np.uint8)
    rows = np.floor((np.arange(size[0]) + 0.5) * 96 / size[0]).astype(int)
    columns = np.floor((np.arange(size[1]) + 0.5) * 168 / size[1]).astype(int)
    result = labels_at(labels_HW, size=size)
    assert result.dtype == np.uint8
    assert np.array_equal(result, labels_HW[np.ix_(rows, columns)])


def test_mirrored_labels_give_a_mirrored_mask() -> None:
    labels_HW = np.random.default_rng(1).integers(0, 6, (30, 50), np.uint8)
    mask = labels_at(labels_HW, size=(77, 131))
    assert np.array_equal(labels_at(labels_HW[:, ::-1].copy(), size=(77, 131)), mask[:, ::-1])


def test_labels_of_the_right_size_are_handed_back() -> None:
    labels_HW = np.ones((30, 50), np.uint8)
    assert labels_at(labels_HW, size=(30, 50)) is labels_HW


def test_strided_labels_are_taken() -> None:
    labels_HW = np.random.default_rng(2).integers(0, 6, (40, 60), np.uint8)
    part = labels_HW[4:34, 7:57]
    assert np.array_equal(labels_at(part, size=(60, 100)), part.repeat(2, 0).repeat(2, 1))
