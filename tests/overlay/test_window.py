"""The rectangle that is drawn."""

import numpy as np
import pytest

from losszero_rt.overlay.window import copy_outside, grid_step, occupied


def labels_with(*boxes: tuple[int, int, int, int], size: tuple[int, int]) -> np.ndarray:
    labels_HW = np.zeros(size, np.uint8)
    for top, bottom, left, right in boxes:
        labels_HW[top:bottom, left:right] = 4
    return labels_HW


@pytest.mark.parametrize(
    ("num_labels", "lengths", "step"),
    [(384, (1080, 540), 32), (672, (1920, 960), 7), (96, (96, 48), 2), (97, (96, 48), 97)],
)
def test_step_is_the_smallest_with_whole_samples(
    num_labels: int, lengths: tuple[int, ...], step: int
) -> None:
    assert grid_step(num_labels, lengths=lengths) == step
    whole = [k for k in range(1, num_labels + 1) if all(k * n % num_labels == 0 for n in lengths)]
    assert whole[0] == step


def test_window_holds_all_labels_and_the_margin() -> None:
    labels_HW = labels_with((100, 110, 50, 60), (200, 201, 300, 301), size=(384, 672))
    window = occupied(labels_HW, steps=(32, 7), margin=2)
    assert (window.rows.start, window.rows.stop) == (96, 224)
    assert (window.columns.start, window.columns.stop) == (42, 308)
    assert window.on((1080, 1920)) == (slice(270, 630), slice(120, 880))
    assert window.on((540, 960)) == (slice(135, 315), slice(60, 440))


def test_window_ends_at_the_picture() -> None:
    window = occupied(np.ones((96, 97), np.uint8), steps=(2, 97), margin=2)
    assert window.on((1080, 1920)) == (slice(0, 1080), slice(0, 1920))


def test_window_of_nothing_is_empty() -> None:
    window = occupied(np.zeros((96, 168), np.uint8), steps=(2, 7), margin=2)
    assert window.empty
    assert window.on((1080, 1920)) == (slice(0, 0), slice(0, 0))


def test_copy_outside_leaves_the_window_alone() -> None:
    source, out = np.ones((9, 11), np.uint8), np.zeros((9, 11), np.uint8)
    copy_outside((slice(2, 5), slice(3, 7)), source=source, out=out)
    assert not out[2:5, 3:7].any()
    assert out.sum() == 99 - 12
