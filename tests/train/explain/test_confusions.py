"""Which failures are worth a look."""

import numpy as np
import pytest
import torch

from losszero_rt.preprocess import Placement
from train.datasets import LabelledPicture
from train.explain.confusions import Confusion, pair_counts, region_of, worst_confusions
from train.explain.seeing import Seen

SIZE = (40, 60)


def seen_of(truth_HW: np.ndarray, labels_HW: np.ndarray) -> Seen:
    picture = LabelledPicture(
        name="drawn",
        pixels_HWC=np.zeros((*truth_HW.shape, 3), np.uint8),
        labels_HW=truth_HW,
        has_bike=False,
        is_night=True,
    )
    place = Placement(top=0, left=0, height=SIZE[0], width=SIZE[1])
    return Seen(
        picture=picture, labels_HW=labels_HW, values_NCHW=torch.zeros(1, 3, *SIZE), place=place
    )


def test_counts_are_pixels_by_truth_and_label_without_the_ignored() -> None:
    truth = np.zeros(SIZE, np.uint8)
    truth[:10], truth[-5:] = 1, 255
    labels = np.zeros(SIZE, np.uint8)
    labels[:4] = 2
    counts = pair_counts(seen_of(truth, labels), num_classes=3)
    assert counts.tolist() == [[25 * 60, 0, 0], [6 * 60, 0, 4 * 60], [0, 0, 0]]


def test_rare_classes_count_as_much_as_common_ones() -> None:
    counts = np.zeros((2, 3, 3), np.int64)
    counts[0] = [[10_000, 300, 0], [0, 5_000, 0], [0, 20, 40]]
    counts[1] = [[10_000, 0, 0], [0, 5_000, 0], [40, 0, 40]]
    first, second = worst_confusions(counts, num=2)
    assert (first.truth_id, first.found_id, first.index) == (2, 0, 1)
    assert first.share == pytest.approx(40 / 140)
    assert (second.truth_id, second.found_id, second.index) == (2, 1, 0)


def test_a_few_pixels_of_a_border_are_no_failure() -> None:
    counts = np.array([[[100_000, 0], [5, 5]]])
    assert worst_confusions(counts, num=4) == []


def test_nothing_is_confused_where_all_is_right() -> None:
    assert worst_confusions(np.array([[[50, 0], [0, 50]]]), num=4) == []


def test_the_largest_connected_region_is_shown_with_a_margin() -> None:
    truth, labels = np.ones(SIZE, np.uint8), np.ones(SIZE, np.uint8)
    labels[2:4, 2:4] = 0
    labels[20:30, 30:50] = 0
    confusion = Confusion(truth_id=1, found_id=0, share=0.1, index=0)
    mask_HW, box = region_of(confusion, seen_of(truth, labels))
    assert mask_HW.sum() == 200
    assert mask_HW[20:30, 30:50].all()
    assert box == (17, 27, 33, 53)


def test_the_box_ends_at_the_picture() -> None:
    truth, labels = np.ones(SIZE, np.uint8), np.zeros(SIZE, np.uint8)
    _, box = region_of(
        Confusion(truth_id=1, found_id=0, share=1.0, index=0), seen_of(truth, labels)
    )
    assert box == (0, 0, *SIZE)
