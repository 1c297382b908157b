import numpy as np

from train.config import LITE0_INPUT
from train.datasets import read_rides


def test_rides_repeat_and_hold_bikes_and_cars() -> None:
    first, second = read_rides(4, spec=LITE0_INPUT), read_rides(4, spec=LITE0_INPUT)
    for one, other in zip(first, second, strict=True):
        assert np.array_equal(one.pixels_HWC, other.pixels_HWC)
        assert np.array_equal(one.labels_HW, other.labels_HW)
    assert {picture.has_bike for picture in first} == {True, False}
    for picture in first:
        assert bool((picture.labels_HW == 3).any()) == picture.has_bike
    assert not np.array_equal(first[0].pixels_HWC, first[1].pixels_HWC)
