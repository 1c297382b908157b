"""The ride: the same bytes for the same spec, exact labels, and pictures that look like night."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from losszero_rt.ride import Ride, RideFrame, RideSpec

SMALL = (144, 256)
SEEDS = range(8)


def _frames(spec: RideSpec, *, num: int) -> list[RideFrame]:
    ride = Ride(spec)
    return [ride.render(index) for index in np.linspace(0, ride.num_frames - 1, num).astype(int)]


@pytest.fixture(scope="module")
def many() -> list[RideFrame]:
    """Four frames each of eight rides, seen from the motorcycle."""
    return [frame for seed in SEEDS for frame in _frames(RideSpec(size=SMALL, seed=seed), num=4)]


def test_equal_specs_give_identical_bytes() -> None:
    spec = RideSpec(size=SMALL, seed=5)
    first, second = Ride(spec).render(33), Ride(spec).render(33)
    assert first.pixels_HWC.tobytes() == second.pixels_HWC.tobytes()
    assert first.labels_HW.tobytes() == second.labels_HW.tobytes()


def test_random_access_equals_sequence() -> None:
    spec = RideSpec(size=SMALL, seed=2, duration_s=0.3)
    ordered = list(Ride(spec))
    ride = Ride(spec)
    for index in reversed(range(ride.num_frames)):
        frame = ride.render(index)
        assert frame.index == index == ordered[index].index
        assert frame.time_s == ordered[index].time_s
        assert np.array_equal(frame.pixels_HWC, ordered[index].pixels_HWC)
        assert np.array_equal(frame.labels_HW, ordered[index].labels_HW)


def test_frame_has_promised_types_and_shapes(many: list[RideFrame]) -> None:
    for frame in many:
        assert frame.pixels_HWC.shape == (*SMALL, 3)
        assert frame.labels_HW.shape == SMALL
        assert frame.pixels_HWC.dtype == frame.labels_HW.dtype == np.uint8
        assert frame.labels_HW.max() <= 5
        assert frame.pixels_HWC.flags.c_contiguous
    assert "size=(144, 256)" in repr(many[0])


def test_every_class_appears_in_one_ride() -> None:
    seen = {
        int(label)
        for frame in _frames(RideSpec(size=SMALL, seed=7), num=12)
        for label in np.unique(frame.labels_HW)
    }
    assert seen == {0, 1, 2, 3, 4, 5}


def test_car_view_shows_neither_bike_nor_rider() -> None:
    for seed in SEEDS:
        for frame in _frames(RideSpec(size=SMALL, seed=seed, viewpoint="car"), num=2):
            assert not np.isin(frame.labels_HW, (3, 4)).any()
            assert (frame.labels_HW == 1).mean() > 0.05


def test_road_reaches_the_lower_edge() -> None:
    floors = [
        np.isin(
            Ride(RideSpec(size=SMALL, seed=seed, viewpoint="car")).render(0).labels_HW[-1], (1, 2)
        )
        for seed in range(12)
    ]
    assert max(float(floor.mean()) for floor in floors) > 0.9


def test_class_shares_are_those_of_night_rides(many: list[RideFrame]) -> None:
    shares = np.mean([[(f.labels_HW == k).mean() for k in range(6)] for f in many], axis=0)
    for share, (low, high) in zip(
        shares,
        ((0.35, 0.6), (0.12, 0.35), (0.006, 0.05), (0.09, 0.25), (0.03, 0.12), (0.01, 0.2)),
        strict=True,
    ):
        assert low < share < high


def test_pictures_are_dark_with_bright_lights(many: list[RideFrame]) -> None:
    luma = np.array([f.pixels_HWC.mean() for f in many])
    assert 18 < luma.mean() < 75
    assert luma.min() > 2
    assert luma.max() < 125
    bright = np.mean([f.pixels_HWC.max() > 200 for f in many])
    assert bright > 0.8


def test_seeds_give_different_rides() -> None:
    first, second = (Ride(RideSpec(size=SMALL, seed=seed)).render(9) for seed in (11, 12))
    assert (first.labels_HW != second.labels_HW).mean() > 0.02
    assert np.abs(first.pixels_HWC.astype(int) - second.pixels_HWC).mean() > 3


def test_frames_move() -> None:
    ride = Ride(RideSpec(size=SMALL, seed=1))
    for index in (0, 100, 400):
        near, far = ride.render(index), ride.render(index + 15)
        assert (near.labels_HW != far.labels_HW).mean() > 0.003
        assert not np.array_equal(ride.render(index + 1).pixels_HWC, near.pixels_HWC)


def test_neighbouring_frames_are_alike() -> None:
    ride = Ride(RideSpec(size=SMALL, seed=1))
    near, far = ride.render(200), ride.render(201)
    assert (near.labels_HW != far.labels_HW).mean() < 0.12


def test_constant_rate_times_are_exact() -> None:
    rate = Fraction(30000, 1001)
    ride = Ride(RideSpec(size=SMALL, rate=rate, duration_s=1.0))
    assert ride.times() == [index / rate for index in range(30)]
    assert ride.num_frames == 30


def test_variable_rate_times_rise_unevenly() -> None:
    times = Ride(RideSpec(size=SMALL, vfr=True, duration_s=8.0)).times()
    gaps = np.diff([float(time) for time in times])
    assert (gaps > 0).all()
    assert times[-1] < 8
    assert len(np.unique(gaps.round(6))) > 10
    assert (gaps > 1.95 / 30).sum() >= 3
    assert np.median(gaps) < 1.7 / 30


@pytest.mark.parametrize("size", [(145, 257), (16, 16), (97, 33), (48, 200), (240, 135)])
def test_any_size_is_drawn(size: tuple[int, int]) -> None:
    frame = Ride(RideSpec(size=size, seed=4)).render(3)
    assert frame.labels_HW.shape == size
    assert frame.pixels_HWC.shape == (*size, 3)


def test_labels_agree_between_sizes() -> None:
    small = Ride(RideSpec(size=(180, 320), seed=6)).render(50).labels_HW
    large = Ride(RideSpec(size=(360, 640), seed=6)).render(50).labels_HW
    assert (large[::2, ::2] == small).mean() > 0.95


def test_label_edges_are_drawn_edges() -> None:
    ride = Ride(RideSpec(size=(360, 640), seed=6))
    frame = ride.render(40)
    luma = frame.pixels_HWC.astype(float).mean(-1)
    step = np.abs(np.diff(luma, axis=1))
    edge = np.diff((frame.labels_HW == 3).astype(int), axis=1) != 0
    away = np.roll(edge, 12, axis=1)
    assert step[edge].mean() > 1.5 * step[away & ~edge].mean()


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"size": (1, 1)}, "size"),
        ({"seed": -1}, "seed"),
        ({"rate": Fraction(0)}, "rate"),
        ({"duration_s": 0.0}, "duration_s"),
        ({"viewpoint": "bus"}, "viewpoint"),
    ],
)
def test_impossible_specs_are_refused(wrong: dict[str, object], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        RideSpec(**wrong)  # type: ignore[arg-type]


def test_frames_beyond_the_ride_are_refused() -> None:
    ride = Ride(RideSpec(size=SMALL, duration_s=0.2))
    for index in (-1, ride.num_frames):
        with pytest.raises(IndexError, match="frame"):
            ride.render(index)
