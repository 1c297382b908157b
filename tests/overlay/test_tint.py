"""From labels to a layer of colours at label size."""

import numpy as np

from losszero_rt.overlay.tint import RIM, Tinter
from losszero_rt.overlay.tones import Tones


def table(*, rim: int) -> Tones:
    """Tones whose luma is 100 for class 2, and something else on its rim."""
    y = np.zeros(256, np.uint8)
    y[2], y[2 + RIM] = 100, rim
    keep = np.full(256, 255, np.uint8)
    keep[[2, 2 + RIM]] = 55
    return Tones(keep=keep, y=y, u=y.copy(), v=y.copy())


def tinter(*, rims: bool = False, factor: int = 1, rim: int = 200) -> Tinter:
    return Tinter(table(rim=rim), labels_size=(20, 20), factor=factor, ids=(0, 2), rims=rims)


def half() -> np.ndarray:
    labels_HW = np.zeros((20, 20), np.uint8)
    labels_HW[:, 10:] = 2
    return labels_HW


def test_even_areas_have_their_tones_to_the_bit() -> None:
    tones = tinter().tint(half())
    assert set(np.unique(tones.y[:, 11:])) == {100}
    assert set(np.unique(tones.keep[:, 11:])) == {55}
    assert set(np.unique(tones.keep[:, :9])) == {255}


def test_border_is_a_ramp() -> None:
    assert tinter().tint(half()).y[7, 8:12].tolist() == [0, 25, 75, 100]


def test_labels_next_to_another_class_are_rims() -> None:
    tones = tinter(rims=True).tint(half())
    # Rim of 200 beside an area of 100, smoothed by (1, 2, 1) / 4.
    assert tones.y[7, 8:13].tolist() == [0, 50, 125, 125, 100]
    assert not tinter(rims=True).tint(np.zeros((20, 20), np.uint8)).y.any()


def test_layer_is_finer_by_the_factor_and_takes_a_part() -> None:
    tones = tinter(factor=2).tint(half()[3:9, 4:])
    assert {tone.shape for tone in tones} == {(12, 32)}
    assert tones.y[5, 31] == 100
    assert tones.keep[5, 0] == 255
