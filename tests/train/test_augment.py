import cv2
import numpy as np
import pytest

from train.augment import crop_pair, night
from train.config import LITE0_INPUT, Phase

PHASE = Phase(epochs=1, crop_size=(256, 448), batch_size=2, scale=(0.6, 1.5))


def coded_pair(size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Draw blocks whose brightness is 40 times their class id."""
    shape = size[0] // 66, size[1] // 66
    blocks = np.random.default_rng(3).integers(0, 6, shape, np.uint8)
    labels = cv2.resize(blocks, (size[1], size[0]), interpolation=cv2.INTER_NEAREST)
    return np.repeat(labels[..., None] * 40, 3, axis=2), labels


@pytest.mark.parametrize("size", [(384, 672), (266, 474), (874, 1164)])
def test_pixels_and_labels_move_together(size: tuple[int, int]) -> None:
    pair = coded_pair(size)
    for seed in range(12):
        pixels, labels = crop_pair(
            pair, phase=PHASE, spec=LITE0_INPUT, rng=np.random.default_rng(seed)
        )
        assert pixels.shape == (256, 448, 3)
        flat = cv2.morphologyEx(labels, cv2.MORPH_GRADIENT, np.ones((9, 9))) == 0
        inside = (flat & (labels != 255))[8:-8, 8:-8]
        seen = pixels[8:-8, 8:-8, 0][inside].astype(int)
        assert inside.mean() > 0.2
        assert np.abs(seen - labels[8:-8, 8:-8][inside].astype(int) * 40).max() <= 1


def test_magnification_one_is_the_size_that_the_runtime_shows() -> None:
    labels = np.zeros((266, 474), np.uint8)
    labels[:, 237:] = 1
    labels[133:] += 2
    pixels = np.zeros((266, 474, 3), np.uint8)
    phase = Phase(epochs=1, crop_size=(384, 672), batch_size=2, scale=(1.0, 1.0))
    shares = np.zeros(4)
    for seed in range(20):
        _, crop = crop_pair(
            (pixels, labels), phase=phase, spec=LITE0_INPUT, rng=np.random.default_rng(seed)
        )
        shares += np.bincount(crop.ravel(), minlength=256)[:4] / crop.size / 20
    assert shares == pytest.approx(np.full(4, 0.25), abs=0.04)


def test_draws_are_repeatable_and_differ_by_seed() -> None:
    pair = coded_pair((266, 474))
    one, same, other = (
        crop_pair(pair, phase=PHASE, spec=LITE0_INPUT, rng=np.random.default_rng(seed))[1]
        for seed in (1, 1, 2)
    )
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_day_is_darkened_and_night_keeps_its_light() -> None:
    grey = np.full((64, 96, 3), 120, np.uint8)
    rngs = [np.random.default_rng(seed) for seed in range(60)]
    day = np.median([night(grey, is_night=False, has_bike=True, rng=rng).mean() for rng in rngs])
    rngs = [np.random.default_rng(seed) for seed in range(60)]
    dark = np.median([night(grey, is_night=True, has_bike=True, rng=rng).mean() for rng in rngs])
    assert day < 80
    assert 90 < dark < 150


def test_light_is_drawn_anew_and_leaves_the_source_alone() -> None:
    grey = np.full((64, 96, 3), 120, np.uint8)
    seen = {
        night(grey, is_night=True, has_bike=True, rng=np.random.default_rng(s)).tobytes()
        for s in range(8)
    }
    assert len(seen) == 8
    assert (grey == 120).all()


def test_pictures_with_a_bike_keep_their_corners_lit() -> None:
    grey = np.full((64, 96, 3), 120, np.uint8)
    darkest = {}
    for has_bike in (True, False):
        rngs = [np.random.default_rng(seed) for seed in range(40)]
        lit = [night(grey, is_night=True, has_bike=has_bike, rng=rng) for rng in rngs]
        darkest[has_bike] = min(float(pixels[-8:, :8].mean()) for pixels in lit)
    assert darkest[False] < 12 < 25 < darkest[True]
