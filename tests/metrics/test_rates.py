"""Safety rates against pixels counted one by one."""

import numpy as np
import pytest

from losszero_rt.classmap import NIGHT_RIDE, ClassMap
from losszero_rt.metrics import RATES, Rate, ScoreKeeper

UNDRIVABLE, ROAD, LANE, BIKE, RIDER, MOVEABLE = range(6)


def rates_of(*pairs: tuple[int, int]) -> dict[str, float | None]:
    """Rates of a picture of (true, predicted) pixels."""
    truth, labels = np.array(pairs, np.uint8).T
    keeper = ScoreKeeper(NIGHT_RIDE)
    keeper.add(labels, truth=truth)
    return keeper.scores().rates()


@pytest.mark.parametrize(
    ("pair", "changed"),
    [
        ((UNDRIVABLE, ROAD), {"undrivable_as_road"}),
        ((MOVEABLE, ROAD), {"moveable_as_road", "moveable_missed"}),
        ((MOVEABLE, UNDRIVABLE), {"moveable_missed"}),
        ((ROAD, RIDER), {"bike_leakage"}),
        ((UNDRIVABLE, BIKE), {"bike_leakage"}),
        ((MOVEABLE, BIKE), {"bike_leakage", "moveable_missed"}),
        ((BIKE, ROAD), {"bike_missed"}),
        ((RIDER, UNDRIVABLE), {"bike_missed"}),
        ((RIDER, BIKE), {"rider_as_bike"}),
        ((BIKE, RIDER), {"bike_as_rider"}),
        ((LANE, ROAD), {"lane_mark_recall"}),
        ((ROAD, LANE), set()),
    ],
)
def test_each_confusion_moves_its_rates_and_no_other(
    pair: tuple[int, int], changed: set[str]
) -> None:
    right = [(class_id, class_id) for class_id in range(6)]
    clean, dirty = rates_of(*right), rates_of(*right, pair)
    assert {name for name in RATES if clean[name] != dirty[name]} == changed
    worse = {name: RATES[name].good_when_high for name in changed}
    for name, high_is_good in worse.items():
        before, after = clean[name], dirty[name]
        assert before is not None
        assert after is not None
        assert (after < before) == high_is_good


@pytest.mark.parametrize("seed", range(3))
def test_rates_equal_a_count_of_pixels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels, truth = rng.integers(0, 6, (2, 400), np.uint8)
    keeper = ScoreKeeper(NIGHT_RIDE)
    keeper.add(labels, truth=truth)
    own = np.isin(truth, (BIKE, RIDER))
    called_own = np.isin(labels, (BIKE, RIDER))
    assert keeper.scores().rates() == {
        "undrivable_as_road": pytest.approx((labels[truth == UNDRIVABLE] == ROAD).mean()),
        "moveable_as_road": pytest.approx((labels[truth == MOVEABLE] == ROAD).mean()),
        "moveable_missed": pytest.approx((labels[truth == MOVEABLE] != MOVEABLE).mean()),
        "lane_mark_recall": pytest.approx((labels[truth == LANE] == LANE).mean()),
        "bike_leakage": pytest.approx(called_own[~own].mean()),
        "bike_missed": pytest.approx((~called_own[own]).mean()),
        "rider_as_bike": pytest.approx((labels[truth == RIDER] == BIKE).mean()),
        "bike_as_rider": pytest.approx((labels[truth == BIKE] == RIDER).mean()),
    }


def test_rates_of_absent_pixels_or_classes_are_not_measured() -> None:
    found = rates_of((ROAD, ROAD))
    assert found.pop("bike_leakage") == 0.0
    assert set(found.values()) == {None}
    two = ClassMap(names=("sky", "sea"), colours=((0, 0, 0), (1, 1, 1)))
    rate = Rate(title="road missed", true=("road",), called=None)
    assert rate.of(np.ones((2, 2), np.int64), classmap=two) is None
