"""Far, middle and near: thirds of the rows, every row once."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from losszero_rt.classmap import NIGHT_RIDE
from losszero_rt.metrics import BANDS, BandKeeper, ScoreKeeper, band_rows

UNDRIVABLE, ROAD = 0, 1


@given(height=st.integers(3, 3000))
def test_bands_hold_every_row_once_and_are_thirds(height: int) -> None:
    rows = band_rows(height)
    assert list(rows) == list(BANDS) == ["far", "middle", "near"]
    held = [row for each in rows.values() for row in range(each.start, each.stop)]
    assert held == list(range(height))
    sizes = [each.stop - each.start for each in rows.values()]
    assert max(sizes) - min(sizes) <= 1


def test_a_mistake_in_the_lower_third_is_seen_in_near_alone() -> None:
    truth = np.zeros((90, 40), np.uint8)
    labels_HW = truth.copy()
    labels_HW[75:] = ROAD
    keeper = BandKeeper(NIGHT_RIDE)
    keeper.add(labels_HW, truth=truth)
    rates = {name: scores.rates() for name, scores in keeper.scores().items()}
    assert rates["far"]["undrivable_as_road"] == 0.0
    assert rates["middle"]["undrivable_as_road"] == 0.0
    assert rates["near"]["undrivable_as_road"] == pytest.approx(0.5)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), height=st.integers(1, 40))
def test_bands_add_up_to_the_whole_picture(seed: int, height: int) -> None:
    rng = np.random.default_rng(seed)
    whole, bands = ScoreKeeper(NIGHT_RIDE), BandKeeper(NIGHT_RIDE)
    for _ in range(2):
        labels_HW, truth = rng.integers(0, 6, (2, height, 7), np.uint8)
        truth[rng.random(truth.shape) < 0.2] = 255
        whole.add(labels_HW, truth=truth)
        bands.add(labels_HW, truth=truth)
    assert len(bands) == 2
    added = sum(scores.matrices for scores in bands.scores().values())
    assert np.array_equal(added, whole.scores().matrices)


def test_a_band_without_counted_pixels_is_not_measured() -> None:
    truth = np.full((9, 4), 255, np.uint8)
    truth[6:] = ROAD
    keeper = BandKeeper(NIGHT_RIDE)
    keeper.add(np.full((9, 4), ROAD, np.uint8), truth=truth)
    far = keeper.scores()["far"].as_dict()
    assert far["miou"] is None
    assert far["pixels"] == 0
    assert keeper.scores()["near"].miou == 1.0


def test_bands_without_an_image_are_refused() -> None:
    with pytest.raises(ValueError, match="no image"):
        BandKeeper(NIGHT_RIDE).scores()
