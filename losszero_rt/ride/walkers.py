"""More people on foot than a ride has by itself, most of them in dark clothes.

A ride's own few are far away and lit. Those who learn from rides have to see people close by, at
the edge of the light, beside every kind of road that people walk along.
"""

from __future__ import annotations

from losszero_rt.ride.profiles import Vehicle
from losszero_rt.ride.road import Course
from losszero_rt.ride.setting import RideSetting
from losszero_rt.ride.spec import rng_for

CELL_M = 7.0
NUM_CELLS = 8
BEHIND_M = 2.0
CHANCE = 0.2
PAIR = 0.3
DARK = 0.7
WITHOUT = ("highway", "tunnel")


def walkers_beside(setting: RideSetting, course: Course) -> list[Vehicle]:
    """Return people at the sides of the next stretch of road; none on highways and in tunnels."""
    if setting.place in WITHOUT:
        return []
    road, found = setting.road, []
    first = int((course.start_m - BEHIND_M) // CELL_M)
    for cell in range(first, first + NUM_CELLS):
        for side, edge in ((1, road.own_edge_m), (-1, road.other_edge_m)):
            rng = rng_for(setting.seed, 13, cell, side)
            if rng.random() >= CHANCE:
                continue
            near = float((cell + rng.uniform(0, 1)) * CELL_M - course.start_m)
            # On the carriageway's edge, on the pavement, or on the verge.
            u = edge + side * float(rng.uniform(-0.5, max(road.sidewalk_m, 1.5)))
            found.append(_walker(u, near, rng.random() < DARK, int(rng.integers(1 << 30))))
            if rng.random() < PAIR:
                beside = u + side * float(rng.uniform(0.5, 0.8))
                look = int(rng.integers(1 << 30))
                found.append(_walker(beside, near + 0.3, rng.random() < DARK, look))
    return [walker for walker in found if walker.near_m > 1.0]


def _walker(u: float, near: float, dark: bool, look: int) -> Vehicle:
    return Vehicle(
        kind="person",
        u_m=u,
        near_m=near,
        away=True,
        brake=False,
        lamps=False,
        look=look,
        dark=bool(dark),
    )
