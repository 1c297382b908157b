import math

import numpy as np
import pytest
import torch

from train.losses import outline_loss, signed_distances


def by_brute_force(labels: np.ndarray, class_id: int) -> np.ndarray:
    """Distances between pixel centres, looked for one by one, in diagonals."""
    places = {(y, x): int(labels[y, x]) for y, x in np.ndindex(*labels.shape)}
    own = [place for place, value in places.items() if value == class_id]
    others = [place for place, value in places.items() if value not in (class_id, 255)]
    found = np.zeros(labels.shape)
    for place, value in places.items():
        if value == class_id:
            found[place] = 1 - min(math.dist(place, other) for other in others)
        elif value != 255:
            found[place] = min(math.dist(place, one) for one in own)
    return found / math.hypot(*labels.shape)


def test_distances_equal_a_brute_force_search() -> None:
    labels = np.random.default_rng(1).choice([0, 1, 255], (9, 13), p=[0.7, 0.2, 0.1])
    labels = labels.astype(np.uint8)
    maps = signed_distances(labels, num_classes=3)
    for class_id in (0, 1):
        assert np.allclose(maps[class_id], by_brute_force(labels, class_id), atol=1e-5)
    assert not maps[2].any()


def test_a_class_that_fills_the_picture_has_no_outline() -> None:
    assert not signed_distances(np.ones((4, 6), np.uint8), num_classes=2).any()


def test_loss_is_the_mean_of_probability_times_distance() -> None:
    labels = torch.tensor([[[0, 0, 0, 1, 255]]])
    probabilities = torch.tensor([[[[0.5, 0.8, 1.0, 0.4, 0.5]], [[0.5, 0.2, 0.0, 0.6, 0.5]]]])
    diagonal = math.hypot(1, 5)
    # Class 0 lies 3, 2, 1 from the other's first pixel, less one; outside it is one away.
    first = 0.5 * -2 + 0.8 * -1 + 1.0 * 0 + 0.4 * 1
    second = 0.5 * 3 + 0.2 * 2 + 0.0 * 1 + 0.6 * 0
    expected = (first + second) / diagonal / 4
    assert outline_loss(probabilities, labels).item() == pytest.approx(expected, rel=1e-5)


def test_a_far_mistake_costs_more_than_a_near_one() -> None:
    labels = torch.zeros(1, 1, 16, dtype=torch.int64)
    labels[..., :4] = 1
    costs = []
    for mistake in (5, 14):
        answer = torch.zeros(1, 2, 1, 16)
        answer[:, 0] = 1
        answer[:, :, 0, mistake] = torch.tensor([0.0, 1.0])
        costs.append(outline_loss(answer, labels).item())
    assert costs[0] < costs[1]
