"""Boundary IoU on shapes with known answers and against a slow independent reading of the paper."""

import json

import numpy as np
import pytest

from losszero_rt.classmap import NIGHT_RIDE, ClassMap
from losszero_rt.metrics import BoundaryKeeper, BoundaryScores, boundary_counts
from losszero_rt.metrics.boundary import band_width_px

TWO = ClassMap(names=("sky", "sea"), colours=((0, 0, 0), (1, 1, 1)))


def square(top: int, left: int, side: int, *, size: tuple[int, int] = (100, 100)) -> np.ndarray:
    labels_HW = np.zeros(size, np.uint8)
    labels_HW[top : top + side, left : left + side] = 1
    return labels_HW


def slow_band(mask: np.ndarray, *, reach: int) -> set[tuple[int, int]]:
    """Mask pixels from which a pixel outside the mask or picture is at most ``reach`` away."""
    height, width = mask.shape
    band = set()
    for row, column in zip(*np.nonzero(mask), strict=True):
        top, left, bottom, right = row - reach, column - reach, row + reach, column + reach
        inside = top >= 0 and left >= 0 and bottom < height and right < width
        if not inside or not mask[top : bottom + 1, left : right + 1].all():
            band.add((int(row), int(column)))
    return band


def test_band_is_two_percent_of_the_diagonal_and_never_empty() -> None:
    assert band_width_px((300, 400)) == 10
    assert band_width_px((4, 4)) == 1


def test_square_against_itself_fills_its_band() -> None:
    # Diagonal 141 -> a band of 3 pixels inside a 40 x 40 square.
    intersection, union = boundary_counts(
        square(30, 30, 40), truth=square(30, 30, 40), num_classes=2
    )[1]
    assert intersection == union == 40 * 40 - 34 * 34


def test_shifted_square_has_known_intersection() -> None:
    intersection, union = boundary_counts(
        square(30, 33, 40), truth=square(30, 30, 40), num_classes=2
    )[1]
    ring = 40 * 40 - 34 * 34
    # Rings shifted sideways by the band's width share the two bars, 37 long and 3 high.
    assert intersection == 2 * 37 * 3
    assert union == 2 * ring - intersection


def test_nested_squares_further_apart_than_the_band_share_nothing() -> None:
    counts = boundary_counts(square(40, 40, 20), truth=square(30, 30, 40), num_classes=2)
    assert counts[1, 0] == 0


def test_edge_of_the_picture_is_a_boundary() -> None:
    full = np.ones((100, 100), np.uint8)
    assert boundary_counts(full, truth=full, num_classes=2)[1, 0] == 100 * 100 - 94 * 94


def test_ignored_pixels_neither_count_nor_make_a_boundary() -> None:
    truth = np.ones((100, 100), np.uint8)
    truth[40:60, 40:60] = 255
    labels_HW = np.ones((100, 100), np.uint8)
    labels_HW[40:60, 40:60] = 0
    counts = boundary_counts(labels_HW, truth=truth, num_classes=2)
    assert counts[1].tolist() == [100 * 100 - 94 * 94] * 2
    assert counts[0].tolist() == [0, 0]


@pytest.mark.parametrize("seed", range(4))
def test_counts_equal_a_slow_reading_of_the_paper(seed: int) -> None:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 3, (2, 4, 5)).repeat(11, axis=1).repeat(12, axis=2).astype(np.uint8)
    labels_HW, truth = coarse
    labels_HW[5:9, 10:30] = 1
    reach = max(1, round(0.02 * np.hypot(44, 60) * 2))
    counts = boundary_counts(labels_HW, truth=truth, num_classes=3, dilation_ratio=0.04)
    for class_id in range(3):
        true = slow_band(truth == class_id, reach=reach)
        predicted = slow_band(labels_HW == class_id, reach=reach)
        assert counts[class_id].tolist() == [len(true & predicted), len(true | predicted)]


def test_coarse_outline_costs_more_than_in_plain_iou() -> None:
    rows, columns = np.mgrid[:200, :200]
    truth = (np.hypot(rows - 100, columns - 100) < 80).astype(np.uint8)
    coarse = truth[8::16, 8::16].repeat(16, axis=0).repeat(16, axis=1)[:200, :200]
    coarse = np.pad(coarse, ((0, 200 - coarse.shape[0]), (0, 200 - coarse.shape[1])))
    intersection, union = boundary_counts(coarse, truth=truth, num_classes=2)[1]
    plain = np.count_nonzero(coarse & truth) / np.count_nonzero(coarse | truth)
    assert intersection / union < plain - 0.2


def test_counts_sum_over_images_and_absent_classes_stay_out() -> None:
    keeper = BoundaryKeeper(NIGHT_RIDE)
    keeper.add(square(30, 30, 40), truth=square(30, 30, 40))
    keeper.add(square(30, 33, 40), truth=square(30, 30, 40))
    scores = keeper.scores()
    ring, shared = 40 * 40 - 34 * 34, 2 * 37 * 3
    assert len(keeper) == scores.n == 2
    assert scores.class_iou[1] == pytest.approx((ring + shared) / (3 * ring - shared))
    assert np.isnan(scores.class_iou[2:]).all()
    assert scores.miou == pytest.approx(scores.class_iou[:2].mean())
    low, high = scores.bootstrap(200)["class_iou"]["road"]
    assert low < scores.class_iou[1] < high == 1


def test_report_is_json_without_nan() -> None:
    keeper = BoundaryKeeper(NIGHT_RIDE)
    keeper.add(square(30, 30, 40), truth=square(30, 30, 40))
    report = json.loads(json.dumps(keeper.scores().as_dict(), allow_nan=False))
    assert report["class_iou"]["road"] == 1.0
    assert report["class_iou"]["rider"] is None
    assert report["n"] == 1


def test_nothing_to_score_is_refused() -> None:
    with pytest.raises(ValueError, match="no image"):
        BoundaryKeeper(TWO).scores()
    with pytest.raises(ValueError, match="need"):
        BoundaryScores(counts=np.zeros((0, 2, 2), np.int64), classmap=TWO)
    with pytest.raises(ValueError, match="shape"):
        boundary_counts(np.zeros((2, 3), np.uint8), truth=np.zeros((3, 2), np.uint8), num_classes=2)
