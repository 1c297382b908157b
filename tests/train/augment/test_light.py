from collections.abc import Callable

import numpy as np
import pytest
from torchvision.transforms import v2

from losszero_rt.classmap import NIGHT_RIDE
from train.augment import drawn_from, from_sample, light, to_sample
from train.augment.light import Blur, Compression, Exposure, Headlights, SensorNoise

GREY = np.full((64, 96, 3), 120, np.uint8)
ROAD = np.ones((64, 96), np.uint8)
BIKE = NIGHT_RIDE.ids_of(("my bike", "rider"))


def lit(transform: v2.Transform, seed: int, *, labels: np.ndarray = ROAD) -> np.ndarray:
    with drawn_from(seed):
        return from_sample(transform(to_sample(GREY, labels)))[0]


def test_day_is_darkened_and_night_keeps_its_light() -> None:
    day = np.median([lit(light(is_night=False), seed).mean() for seed in range(60)])
    dark = np.median([lit(light(is_night=True), seed).mean() for seed in range(60)])
    assert day < 80
    assert 90 < dark < 150


def test_light_is_drawn_anew_and_leaves_source_and_labels_alone() -> None:
    seen = {lit(light(is_night=True), seed).tobytes() for seed in range(8)}
    assert len(seen) == 8
    assert (GREY == 120).all()
    with drawn_from(1):
        sample = light(is_night=True)(to_sample(GREY, ROAD))
    assert np.array_equal(from_sample(sample)[1], ROAD)


def test_pictures_with_a_bike_keep_their_corners_lit() -> None:
    headlights = Headlights(bike_ids=BIKE, p=1.0)
    with_bike = ROAD.copy()
    with_bike[50:, 40:50] = BIKE[0]
    for seed in range(8):
        assert lit(headlights, seed)[-8:, :8].mean() < 100
        assert np.array_equal(lit(headlights, seed, labels=with_bike), GREY)


def test_instances_are_not_taken_for_labels() -> None:
    instances = np.full((64, 96), BIKE[0], np.int32)
    with drawn_from(3):
        sample = Headlights(bike_ids=BIKE, p=1.0)(to_sample(GREY, ROAD, instances_HW=instances))
    assert from_sample(sample)[0].mean() < 110


@pytest.mark.parametrize("make", [Blur, SensorNoise, Compression])
def test_chance_decides_whether_something_happens(make: Callable[..., v2.Transform]) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (64, 96, 3), np.uint8)
    changed = 0
    for seed in range(60):
        with drawn_from(seed):
            sample = make(p=0.5)(to_sample(pixels, ROAD))
        changed += not np.array_equal(from_sample(sample)[0], pixels)
    assert 18 <= changed <= 42


def test_compression_keeps_the_colours() -> None:
    red = np.zeros((64, 96, 3), np.uint8)
    red[..., 0] = 200
    with drawn_from(1):
        sample = Compression()(to_sample(red, ROAD))
    assert np.abs(from_sample(sample)[0].astype(int) - red).max() < 12


def test_exposure_of_a_black_picture_stays_dark() -> None:
    black = np.zeros((8, 8, 3), np.uint8)
    with drawn_from(1):
        sample = Exposure(is_night=False)(to_sample(black, np.zeros((8, 8), np.uint8)))
    assert from_sample(sample)[0].max() < 30
