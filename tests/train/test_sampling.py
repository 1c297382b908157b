from dataclasses import replace

import numpy as np
import pytest
import torch

from losszero_rt.errors import InputError
from train.config import TrainConfig
from train.datasets import LabelledPicture
from train.sampling import Sampler


def plain(name: str, value: int, *, is_night: bool = True) -> LabelledPicture:
    return LabelledPicture(
        name=name,
        pixels_HWC=np.full((72, 126, 3), 40, np.uint8),
        labels_HW=np.full((72, 126), value, np.uint8),
        has_bike=False,
        is_night=is_night,
    )


def without_pastes(config: TrainConfig) -> TrainConfig:
    return replace(config, paste_rate=0.0, lane_paste_rate=0.0, vehicle_paste_rate=0.0)


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
    batch = Sampler(config=tiny_config, sources={"night_ride": pictures}).batch(1, 0)
    values = batch.values(tiny_config.input, device=torch.device("cpu"))
    labels = batch.labels(device=torch.device("cpu"))
    assert values.shape == (2, 3, 64, 96)
    assert labels.shape == (2, 64, 96)
    assert labels.dtype == torch.int64
    assert -1 <= values.min() < values.max() <= 1
    assert values.is_contiguous(memory_format=torch.channels_last)
    assert batch.objects is None


def test_parts_of_a_batch_are_the_batch(
    tiny_config: TrainConfig, pictures: list[LabelledPicture]
) -> None:
    sampler = Sampler(config=tiny_config, sources={"night_ride": pictures}, with_objects=True)
    batch = sampler.batch(0, 0, slots=[0, 1, 2])
    parts = batch.parts(2)
    assert [len(part) for part in parts] == [2, 1]
    assert np.array_equal(np.concatenate([part.labels_NHW for part in parts]), batch.labels_NHW)
    assert batch.objects is not None
    assert [part.objects for part in parts] == [batch.objects[:2], batch.objects[2:]]


def test_bikes_are_pasted_into_pictures_without_one(
    tiny_config: TrainConfig, pictures: list[LabelledPicture]
) -> None:
    config = replace(tiny_config, shares={"comma10k": 1.0}, paste_rate=0.5)
    sources = {"comma10k": [plain("road", 1)], "night_ride": pictures}
    sampler = Sampler(config=config, sources=sources)
    pasted = [bool((sampler.sample(1, index)[1] == 3).any()) for index in range(40)]
    assert 8 < sum(pasted) < 32


@pytest.mark.parametrize(("rate", "class_id"), [("lane_paste_rate", 2), ("vehicle_paste_rate", 5)])
def test_pastes_happen_at_their_rate(
    tiny_config: TrainConfig, pictures: list[LabelledPicture], rate: str, class_id: int
) -> None:
    config = without_pastes(replace(tiny_config, shares={"comma10k": 0.999, "night_ride": 0.001}))
    sources = {"comma10k": [plain("road", 1)], "night_ride": pictures}
    if rate == "vehicle_paste_rate":  # its donors are drawn like any picture
        config = replace(config, shares={"comma10k": 0.5, "night_ride": 0.5})
    counts = []
    for value in (0.0, 0.5):
        changed = replace(config, **{rate: value})  # type: ignore[arg-type]
        sampler = Sampler(config=changed, sources=sources)
        crops = [sampler.sample(1, index)[1] for index in range(60)]
        without_bike = [crop for crop in crops if not (crop == 3).any()]
        counts.append(sum(bool((crop == class_id).any()) for crop in without_bike))
    assert counts[0] < counts[1]
    assert counts[1] >= 5


def test_night_is_drawn_twice_as_often_as_day(tiny_config: TrainConfig) -> None:
    config = without_pastes(tiny_config)
    both = [plain("night", 1), plain("day", 0, is_night=False)]
    sampler = Sampler(config=config, sources={"night_ride": both})
    night = [int((sampler.sample(1, index)[1] == 1).any()) for index in range(400)]
    assert np.mean(night) == pytest.approx(2 / 3, abs=0.08)
    still = Sampler(config=replace(config, night=False), sources={"night_ride": both})
    same = [int((still.sample(1, index)[1] == 1).any()) for index in range(400)]
    assert np.mean(same) == pytest.approx(1 / 2, abs=0.08)


def test_instances_follow_the_crop_and_end_where_something_is_pasted(
    tiny_config: TrainConfig, pictures: list[LabelledPicture]
) -> None:
    instances = np.where(pictures[0].labels_HW == 1, 4, 0).astype(np.int32)
    picture = replace(pictures[0], instances_HW=instances)
    config = replace(without_pastes(tiny_config), lane_paste_rate=0.9)
    sampler = Sampler(config=config, sources={"night_ride": [picture]}, with_objects=True)
    for index in range(12):
        _, labels, crop = sampler.sample(1, index)
        assert crop is not None
        # A mark painted onto the road takes its pixels from the road's instance.
        assert set(np.unique(labels[crop == 4])) <= {1}
    batch = sampler.batch(1, 0)
    assert batch.objects is not None
    assert {2, 3} <= {int(one) for found in batch.objects for one in found.class_ids}


def test_no_pictures_is_an_error(tiny_config: TrainConfig) -> None:
    with pytest.raises(InputError, match="--data"):
        Sampler(config=tiny_config, sources={"night_ride": []})
