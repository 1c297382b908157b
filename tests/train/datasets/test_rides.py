import numpy as np
import pytest

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


@pytest.mark.slow
def test_a_share_of_the_rides_has_more_people_and_the_others_stay() -> None:
    plain = read_rides(12, spec=LITE0_INPUT)
    peopled = read_rides(12, spec=LITE0_INPUT, walker_share=0.5)
    changed = [
        not np.array_equal(one.labels_HW, other.labels_HW)
        for one, other in zip(plain, peopled, strict=True)
    ]
    # Of six pairs, each seen once from a motorcycle and once from a car, every other one; some
    # rides lead where nobody walks.
    assert [any(changed[pair : pair + 2]) for pair in range(0, 12, 4)] == [False] * 3
    assert sum(changed) >= 3
    moveable = [
        sum(int((picture.labels_HW == 5).sum()) for picture in rides) for rides in (plain, peopled)
    ]
    assert moveable[1] > moveable[0]
