"""Confusion matrices, IoU, safety rates and intervals."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from losszero_rt.classmap import NIGHT_RIDE, ClassMap
from losszero_rt.metrics import ScoreKeeper, Scores, confusion_matrix

TWO = ClassMap(names=("sky", "sea"), colours=((0, 0, 0), (1, 1, 1)))
UNDRIVABLE, ROAD, LANE, BIKE, RIDER, MOVEABLE = range(6)


def random_pair(seed: int, *, shape: tuple[int, ...] = (23, 31)) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 6, shape, np.uint8)
    truth = np.where(rng.random(shape) < 0.6, labels, rng.integers(0, 6, shape)).astype(np.uint8)
    truth[rng.random(shape) < 0.1] = 255
    return labels, truth


def night_scores(*rows: tuple[int, int, int]) -> Scores:
    """Scores of one image from (true, predicted, pixels) triples."""
    matrix = np.zeros((1, 6, 6), np.int64)
    for true, predicted, pixels in rows:
        matrix[0, true, predicted] += pixels
    return Scores(matrices=matrix, classmap=NIGHT_RIDE)


def test_rows_are_truth_and_columns_are_prediction() -> None:
    labels = np.array([[0, 1, 1]], np.uint8)
    truth = np.array([[0, 0, 1]], np.uint8)
    matrix = confusion_matrix(labels, truth=truth, num_classes=2)
    assert matrix.tolist() == [[1, 1], [0, 1]]
    assert matrix.dtype == np.int64


def test_flat_arrays_count_like_pictures() -> None:
    labels, truth = random_pair(1)
    flat = confusion_matrix(labels.ravel(), truth=truth.ravel(), num_classes=6)
    assert np.array_equal(flat, confusion_matrix(labels, truth=truth, num_classes=6))


def test_ignored_pixels_do_not_count_whatever_is_predicted_there() -> None:
    truth = np.array([255, 255, 0], np.uint8)
    matrix = confusion_matrix(np.array([1, 200, 0], np.uint8), truth=truth, num_classes=2)
    assert matrix.tolist() == [[1, 0], [0, 0]]


@pytest.mark.parametrize("seed", range(3))
def test_matrix_equals_torchmetrics(seed: int) -> None:
    torch = pytest.importorskip("torch")
    classification = pytest.importorskip("torchmetrics.classification")
    labels, truth = random_pair(seed, shape=(64, 80))
    metric = classification.MulticlassConfusionMatrix(num_classes=6, ignore_index=255)
    expected = metric(torch.from_numpy(labels).long(), torch.from_numpy(truth).long()).numpy()
    assert np.array_equal(confusion_matrix(labels, truth=truth, num_classes=6), expected)


@pytest.mark.parametrize("seed", range(3))
def test_figures_over_several_images_equal_torchmetrics(seed: int) -> None:
    torch = pytest.importorskip("torch")
    classification = pytest.importorskip("torchmetrics.classification")
    options = {"num_classes": 6, "ignore_index": 255}
    by_class = classification.MulticlassJaccardIndex(average="none", **options)
    accuracy = classification.MulticlassAccuracy(average="micro", **options)
    recall = classification.MulticlassRecall(average="none", **options)
    keeper = ScoreKeeper(NIGHT_RIDE)
    for image in range(4):
        labels, truth = random_pair(10 * seed + image, shape=(31, 17 + image))
        keeper.add(labels, truth=truth)
        for metric in (by_class, accuracy, recall):
            metric.update(torch.from_numpy(labels).long(), torch.from_numpy(truth).long())
    scores = keeper.scores()
    assert scores.class_iou == pytest.approx(by_class.compute().numpy(), abs=1e-6)
    assert scores.miou == pytest.approx(float(by_class.compute().mean()), abs=1e-6)
    assert scores.pixel_accuracy == pytest.approx(float(accuracy.compute()), abs=1e-6)
    found = scores.rates()["lane_mark_recall"]
    assert found == pytest.approx(float(recall.compute()[LANE]), abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), height=st.integers(1, 20), width=st.integers(1, 20))
def test_sum_of_matrix_is_number_of_counted_pixels(seed: int, height: int, width: int) -> None:
    labels, truth = random_pair(seed, shape=(height, width))
    matrix = confusion_matrix(labels, truth=truth, num_classes=6)
    assert matrix.sum() == np.count_nonzero(truth != 255)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_identical_labels_score_one_in_every_class_present(seed: int) -> None:
    _, truth = random_pair(seed, shape=(5, 7))
    labels = np.where(truth == 255, 0, truth).astype(np.uint8)
    keeper = ScoreKeeper(NIGHT_RIDE)
    keeper.add(labels, truth=truth)
    class_iou = keeper.scores().class_iou
    present = np.isin(np.arange(6), truth)
    assert np.array_equal(np.isnan(class_iou), ~present)
    assert np.all(class_iou[present] == 1)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), order=st.permutations(range(6)))
def test_renaming_classes_permutes_the_matrix(seed: int, order: list[int]) -> None:
    labels, truth = random_pair(seed, shape=(9, 8))
    renamed = np.arange(256, dtype=np.uint8)
    renamed[:6] = order
    matrix = confusion_matrix(labels, truth=truth, num_classes=6)
    moved = confusion_matrix(renamed[labels], truth=renamed[truth], num_classes=6)
    assert np.array_equal(moved[np.ix_(order, order)], matrix)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_order_of_pixels_does_not_matter(seed: int) -> None:
    labels, truth = random_pair(seed, shape=(60,))
    order = np.random.default_rng(seed).permutation(60)
    matrix = confusion_matrix(labels, truth=truth, num_classes=6)
    assert np.array_equal(
        matrix, confusion_matrix(labels[order], truth=truth[order], num_classes=6)
    )


def test_shapes_that_differ_are_refused_with_both_shapes() -> None:
    with pytest.raises(ValueError, match=r"\(4, 5\).*\(5, 4\)"):
        confusion_matrix(
            np.zeros((4, 5), np.uint8), truth=np.zeros((5, 4), np.uint8), num_classes=2
        )


def test_labels_that_are_not_uint8_are_refused() -> None:
    with pytest.raises(ValueError, match="int64"):
        confusion_matrix(np.zeros(4, np.int64), truth=np.zeros(4, np.uint8), num_classes=2)


def test_truth_outside_the_classes_is_refused_with_count_and_values() -> None:
    truth = np.array([0, 1, 7, 7, 254, 255], np.uint8)
    with pytest.raises(ValueError, match=r"truth holds 3 pixels .* 7, 254; accepted: 0\.\.1"):
        confusion_matrix(np.zeros(6, np.uint8), truth=truth, num_classes=2)


def test_labels_outside_the_classes_are_refused() -> None:
    with pytest.raises(ValueError, match="labels holds 1 pixels"):
        confusion_matrix(np.array([2], np.uint8), truth=np.zeros(1, np.uint8), num_classes=2)


def test_absent_class_has_no_iou_and_is_left_out_of_the_mean() -> None:
    scores = night_scores((ROAD, ROAD, 3), (ROAD, LANE, 1))
    assert scores.class_iou[ROAD] == 0.75
    assert scores.class_iou[LANE] == 0.0
    assert np.isnan(scores.class_iou[[UNDRIVABLE, BIKE, RIDER, MOVEABLE]]).all()
    assert scores.miou == pytest.approx(0.375)
    assert scores.pixel_accuracy == 0.75


def test_safety_rates_of_a_known_matrix() -> None:
    scores = night_scores(
        (UNDRIVABLE, UNDRIVABLE, 80),
        (UNDRIVABLE, ROAD, 15),
        (UNDRIVABLE, RIDER, 5),
        (MOVEABLE, MOVEABLE, 6),
        (MOVEABLE, ROAD, 1),
        (MOVEABLE, BIKE, 3),
        (LANE, LANE, 30),
        (LANE, ROAD, 10),
        (BIKE, RIDER, 50),
    )
    assert scores.rates() == {
        "undrivable_as_road": pytest.approx(0.15),
        "moveable_as_road": pytest.approx(0.1),
        "moveable_missed": pytest.approx(0.4),
        "lane_mark_recall": pytest.approx(0.75),
        "bike_leakage": pytest.approx(8 / 150),
        "bike_missed": 0.0,
        "rider_as_bike": None,
        "bike_as_rider": 1.0,
    }


def test_rates_of_classes_that_the_map_lacks_are_none() -> None:
    scores = Scores(matrices=np.ones((2, 2, 2), np.int64), classmap=TWO)
    assert set(scores.rates().values()) == {None}


def test_rate_without_true_pixels_is_none() -> None:
    assert night_scores((ROAD, ROAD, 9)).rates()["moveable_missed"] is None
    assert night_scores((ROAD, ROAD, 9)).rates()["bike_leakage"] == 0.0


def test_keeper_keeps_one_matrix_an_image() -> None:
    keeper = ScoreKeeper(NIGHT_RIDE)
    pairs = [random_pair(seed) for seed in range(3)]
    for labels, truth in pairs:
        keeper.add(labels, truth=truth)
    scores = keeper.scores()
    assert len(keeper) == scores.n == 3
    for matrix, (labels, truth) in zip(scores.matrices, pairs, strict=True):
        assert np.array_equal(matrix, confusion_matrix(labels, truth=truth, num_classes=6))


def test_scores_without_an_image_are_refused() -> None:
    with pytest.raises(ValueError, match="no image"):
        ScoreKeeper(NIGHT_RIDE).scores()
    with pytest.raises(ValueError, match="no image"):
        Scores(matrices=np.zeros((0, 2, 2), np.int64), classmap=TWO)


def test_bootstrap_equals_a_loop_over_the_same_draws() -> None:
    rng = np.random.default_rng(3)
    scores = Scores(matrices=rng.integers(0, 50, (8, 6, 6)), classmap=NIGHT_RIDE)
    draws = np.random.default_rng(5).multinomial(8, np.full(8, 1 / 8), size=200)
    means = []
    for draw in draws:
        images = np.repeat(np.arange(8), draw)
        means.append(Scores(matrices=scores.matrices[images], classmap=NIGHT_RIDE).miou)
    low, high = scores.bootstrap(200, seed=5)["miou"]
    assert (low, high) == pytest.approx(tuple(np.percentile(means, (2.5, 97.5))))
    assert low < scores.miou < high


def test_bootstrap_of_one_image_has_no_width_and_absent_classes_stay_nan() -> None:
    intervals = night_scores((ROAD, ROAD, 3), (ROAD, LANE, 1)).bootstrap(50)
    assert intervals["class_iou"]["road"] == (0.75, 0.75)
    assert all(math.isnan(bound) for bound in intervals["class_iou"]["rider"])


def test_report_is_json_without_nan() -> None:
    scores = night_scores((ROAD, ROAD, 3), (ROAD, LANE, 1))
    report = json.loads(json.dumps(scores.as_dict(), allow_nan=False))
    assert report["n"] == 1
    assert report["pixels"] == 4
    assert report["class_iou"]["road"] == 0.75
    assert report["class_iou"]["rider"] is None
    assert report["class_iou_ci95"]["rider"] == [None, None]
    assert report["miou_ci95"] == [0.375, 0.375]
    assert report["rates"]["moveable_as_road"] is None
