"""Shares of the picture by class."""

import numpy as np
import pytest

from losszero_rt.overlay import class_shares


@pytest.mark.parametrize("num_classes", [6, 40])
def test_shares_are_counts_over_pixels(num_classes: int) -> None:
    labels_HW = np.random.default_rng(0).integers(0, 6, (30, 40), np.uint8)
    shares = class_shares(labels_HW, num_classes=num_classes)
    expected = [(labels_HW == i).mean() for i in range(num_classes)]
    assert shares.shape == (num_classes,)
    assert shares == pytest.approx(expected)
    assert shares.sum() == pytest.approx(1)


@pytest.mark.parametrize("num_classes", [2, 20])
def test_ids_outside_the_classes_count_as_pixels_only(num_classes: int) -> None:
    labels_HW = np.array([[0, 1, 1, 255]], np.uint8)
    assert class_shares(labels_HW, num_classes=num_classes)[:2].tolist() == [0.25, 0.5]


def test_rows_may_be_strided() -> None:
    labels_HW = np.zeros((8, 16), np.uint8)
    labels_HW[:, 8:] = 1
    assert class_shares(labels_HW[:, :12], num_classes=2).tolist() == pytest.approx([2 / 3, 1 / 3])
