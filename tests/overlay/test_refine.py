"""Coarse labels made finer."""

import numpy as np

from losszero_rt.overlay.refine import Refiner


def test_even_areas_and_straight_borders_stay_where_they_are() -> None:
    labels_HW = np.zeros((12, 16), np.uint8)
    labels_HW[:, 6:] = 3
    fine = Refiner((12, 16), factor=2, class_ids=(0, 3)).refine(labels_HW)
    assert np.array_equal(fine, labels_HW.repeat(2, axis=0).repeat(2, axis=1))


def test_no_class_appears_between_two_others() -> None:
    labels_HW = np.ones((20, 20), np.uint8)
    labels_HW[np.tril_indices(20)] = 5
    fine = Refiner((20, 20), factor=4, class_ids=range(6)).refine(labels_HW)
    assert set(np.unique(fine)) == {1, 5}


def test_line_one_label_wide_survives() -> None:
    labels_HW = np.ones((24, 24), np.uint8)
    labels_HW[:, 12] = 2
    fine = Refiner((24, 24), factor=2, class_ids=(0, 1, 2)).refine(labels_HW)
    assert (fine == 2).any(axis=1).all()


def test_corners_are_rounded() -> None:
    labels_HW = np.zeros((16, 16), np.uint8)
    labels_HW[4:12, 4:12] = 1
    fine = Refiner((16, 16), factor=4, class_ids=(0, 1)).refine(labels_HW)
    assert fine[18, 18] == 1
    assert fine[16, 16] == 0
    assert fine[32, 16] == 1


def test_part_of_the_labels_and_unknown_ids_are_taken() -> None:
    refiner = Refiner((16, 16), factor=2, class_ids=(0, 1))
    refiner.refine(np.ones((16, 16), np.uint8))
    odd = np.full((16, 16), 255, np.uint8)
    fine = refiner.refine(odd[2:9, 3:8])
    assert fine.shape == (14, 10)
    assert not fine.any()
