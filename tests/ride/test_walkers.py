"""More people on foot: added to a ride, and nothing else of it changed."""

import cv2
import numpy as np
import pytest

from losszero_rt.ride import Ride, RideFrame, RideSpec
from losszero_rt.ride.painter import Patch, Thing
from losszero_rt.ride.profiles import Vehicle
from losszero_rt.ride.riders import add_person
from losszero_rt.ride.spec import MOVEABLE, Walkers
from losszero_rt.ride.walkers import WITHOUT, walkers_beside

SIZE = (180, 320)
SEEDS = range(10_000, 10_040)


def ride(seed: int, walkers: Walkers = "few") -> Ride:
    return Ride(RideSpec(size=SIZE, seed=seed, viewpoint="car", walkers=walkers))


def frames(seed: int) -> tuple[RideFrame, RideFrame]:
    return ride(seed).render(40), ride(seed, "many").render(40)


def added(seed: int) -> list[Vehicle]:
    drawn = ride(seed)
    course = drawn._journey.course(1.0, eye_m=drawn.setting.camera.height_m)
    return walkers_beside(drawn.setting, course)


def test_people_are_added_and_the_ride_stays() -> None:
    heights = []
    for seed in SEEDS[:16]:
        few, many = frames(seed)
        fresh = (many.labels_HW == MOVEABLE) & (few.labels_HW != MOVEABLE)
        assert np.array_equal(many.labels_HW[~fresh], few.labels_HW[~fresh])
        stats = cv2.connectedComponentsWithStats(fresh.astype(np.uint8))[2][1:]
        heights += [int(row[cv2.CC_STAT_HEIGHT]) for row in stats]
        if ride(seed).setting.place in WITHOUT:
            assert not fresh.any()
            assert np.array_equal(many.pixels_HWC, few.pixels_HWC)
    # From far away, a few pixels, to close by: a quarter of the picture.
    assert len(heights) > 16
    assert min(heights) < 8
    assert max(heights) > SIZE[0] / 4


def test_most_wear_dark_clothes_and_stand_on_both_sides() -> None:
    walkers = [walker for seed in SEEDS for walker in added(seed)]
    dark = [walker.dark for walker in walkers]
    assert 0.55 < np.mean(dark) < 0.85
    sides = [walker.u_m > 0 for walker in walkers]
    assert 0.25 < np.mean(sides) < 0.75
    assert {walker.kind for walker in walkers} == {"person"}
    assert all(1.0 < walker.near_m < 70 for walker in walkers)


def test_dark_clothes_are_darker() -> None:
    light = np.ones(3, np.float32)
    shades = []
    for is_dark in (True, False):
        person = Vehicle(
            kind="person",
            u_m=0.0,
            near_m=5.0,
            away=True,
            brake=False,
            lamps=False,
            look=7,
            dark=is_dark,
        )
        thing = Thing(5.0)
        add_person(thing, person, light)
        # All but the head, which comes last.
        clothes = [part.rgb for part in thing.parts[:-1] if isinstance(part, Patch)]
        shades.append(max(max(rgb) for rgb in clothes))
    assert shades[0] < 40
    assert shades[0] < shades[1] / 2


def test_an_unknown_choice_is_refused() -> None:
    with pytest.raises(ValueError, match="'few' or 'many'"):
        RideSpec(walkers="crowds")  # type: ignore[arg-type]
