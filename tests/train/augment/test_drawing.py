import numpy as np
import pytest
import torch

from losszero_rt.classmap import NIGHT_RIDE
from train.augment import augmentation, drawn_from, from_sample, to_sample
from train.augment.sample import current_rng
from train.config import LITE0_INPUT, Phase

PHASE = Phase(epochs=1, crop_size=(64, 96), batch_size=2, scale=(0.8, 1.2))


def crop(seed: int, *, night: bool = True) -> np.ndarray:
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, (72, 126, 3), np.uint8)
    labels = rng.integers(0, 6, (72, 126), np.uint8)
    pipeline = augmentation(
        phase=PHASE, spec=LITE0_INPUT, classes=NIGHT_RIDE, is_night=False, night=night
    )
    with drawn_from(seed):
        return from_sample(pipeline(to_sample(pixels, labels)))[0]


def test_a_crop_follows_from_its_seed_whatever_was_drawn_before() -> None:
    first = crop(1)
    torch.randn(7)
    current_rng()
    assert np.array_equal(crop(1), first)
    assert not np.array_equal(crop(2), first)


def test_numbers_drawn_outside_are_not_disturbed() -> None:
    torch.manual_seed(5)
    expected = torch.randn(3)
    torch.manual_seed(5)
    with drawn_from(1, 2, 3):
        torch.randn(11)
    assert torch.equal(torch.randn(3), expected)


def test_state_comes_back_when_a_transform_fails() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    with pytest.raises(RuntimeError, match="negative"), drawn_from(1):
        torch.randn(-2)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_day_ride_stays_day_when_the_recipe_is_not_of_the_night() -> None:
    night = np.median([crop(seed).mean() for seed in range(30)])
    day = np.median([crop(seed, night=False).mean() for seed in range(30)])
    assert day > night + 25


def test_half_of_the_crops_are_mirrored() -> None:
    labels = np.zeros((72, 126), np.uint8)
    labels[:, :63] = 1
    phase = Phase(epochs=1, crop_size=(384, 672), batch_size=2, scale=(1.0, 1.0))
    pipeline = augmentation(
        phase=phase, spec=LITE0_INPUT, classes=NIGHT_RIDE, is_night=True, night=True
    )
    sample = to_sample(np.zeros((72, 126, 3), np.uint8), labels)
    mirrored = 0
    for seed in range(60):
        with drawn_from(seed):
            found = from_sample(pipeline(sample))[1]
        mirrored += int(found[192, 60] == 0)
    assert 18 <= mirrored <= 42
