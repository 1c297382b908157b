from dataclasses import replace

import numpy as np
import pytest
import torch

from losszero_rt.errors import InputError
from train.config import TrainConfig
from train.datasets import LabelledPicture
from train.sampling import Sampler


def test_a_sample_depends_on_seed_epoch_and_index_alone(
    tiny_config: TrainConfig, pictures: list[LabelledPicture]
) -> None:
    sampler = Sampler(config=tiny_config, sources={"night_ride": pictures})
    again = Sampler(config=tiny_config, sources={"night_ride": pictures})
    again.sample(0, 7)
    assert np.array_equal(sampler.sample(0, 1)[0], again.sample(0, 1)[0])
    other_seed = Sampler(config=replace(tiny_config, seed=2), sources={"night_ride": pictures})
    seen = [s.sample(e, i)[0] for s, e, i in ((sampler, 0, 1), (sampler, 0, 2), (other_seed, 0, 1))]
    assert len({pixels.tobytes() for pixels in seen}) == 3


def test_batch_has_the_phase_size_and_normalised_values(
    tiny_config: TrainConfig, pictures: list[LabelledPicture]
) -> None:
    sampler = Sampler(config=tiny_config, sources={"night_ride": pictures})
    pixels, labels = sampler.batch(1, 0)
    assert pixels.shape == (2, 3, 64, 96)
    assert labels.shape == (2, 64, 96)
    assert labels.dtype == torch.int64
    assert -1 <= pixels.min() < pixels.max() <= 1
    assert pixels.is_contiguous(memory_format=torch.channels_last)


def test_bikes_are_pasted_into_pictures_without_one(
    tiny_config: TrainConfig, pictures: list[LabelledPicture]
) -> None:
    road = LabelledPicture(
        name="road",
        pixels_HWC=np.full((72, 126, 3), 40, np.uint8),
        labels_HW=np.ones((72, 126), np.uint8),
        has_bike=False,
        is_night=True,
    )
    config = replace(tiny_config, shares={"comma10k": 1.0}, paste_rate=0.5)
    sampler = Sampler(config=config, sources={"comma10k": [road], "night_ride": pictures})
    pasted = [bool((sampler.sample(1, index)[1] == 3).any()) for index in range(40)]
    assert 8 < sum(pasted) < 32


def test_no_pictures_is_an_error(tiny_config: TrainConfig) -> None:
    with pytest.raises(InputError, match="--data"):
        Sampler(config=tiny_config, sources={"night_ride": []})
