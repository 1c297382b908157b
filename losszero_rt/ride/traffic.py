"""Who else is on the road at any time: streams per lane, parked cars, people on foot."""

from __future__ import annotations

import numpy as np

from losszero_rt.ride.profiles import Kind, Vehicle, length_m
from losszero_rt.ride.road import Course
from losszero_rt.ride.setting import RideSetting
from losszero_rt.ride.spec import rng_for

LOOP_M = 190.0
BEHIND_M = 12.0
KINDS: tuple[Kind, ...] = ("sedan", "hatch", "suv", "van", "truck", "bus", "bike")
SHARES = (0.27, 0.2, 0.2, 0.1, 0.06, 0.05, 0.12)


class Traffic:
    """All moveable things of one ride; places are closed forms of time."""

    def __init__(self, setting: RideSetting) -> None:
        """Draw speeds and places of the streams."""
        self._setting = setting
        self._road = setting.road
        rng = rng_for(setting.seed, 8)
        self._lead_m = float(rng.uniform(7, 30))
        self._lead_sway = rng.uniform(0.15, 0.5, 2)
        self._has_lead = rng.random() < 0.35 + 0.6 * setting.traffic
        self._swarm = rng.random() < 0.3

    def vehicles(self, time_s: float, course: Course) -> list[Vehicle]:
        """Return those that may be in sight."""
        road, found = self._road, []
        for lane in range(road.num_own):
            if lane == road.ego_lane:
                found += self._leader(time_s)
            else:
                found += self._stream(lane, time_s, course, away=True)
        for lane in range(-road.num_other, 0):
            found += self._stream(lane, time_s, course, away=False)
        found += self._beside(course)
        return [v for v in found if -length_m(v.kind) + 0.6 < v.near_m < LOOP_M - BEHIND_M]

    def _leader(self, time_s: float) -> list[Vehicle]:
        if not self._has_lead:
            return []
        rng, found, near = rng_for(self._setting.seed, 9), [], self._lead_m
        for index in range(1 + int(3 * self._setting.traffic)):
            sway = np.sin(self._lead_sway[index % 2] * time_s + index)
            kind = _kind(rng)
            u = self._road.lane_u(self._road.ego_lane) + float(rng.uniform(-0.3, 0.3))
            found.append(
                Vehicle(
                    kind=kind,
                    u_m=u,
                    near_m=near * (1 + 0.22 * float(sway)),
                    away=True,
                    brake=bool(np.cos(self._lead_sway[index % 2] * time_s + index) < -0.45),
                    lamps=True,
                    look=int(rng.integers(1 << 30)),
                )
            )
            near += 14 + float(rng.uniform(0, 25))
        return found

    def _stream(self, lane: int, time_s: float, course: Course, *, away: bool) -> list[Vehicle]:
        rng = rng_for(self._setting.seed, 10, lane)
        num = int(rng.poisson(0.6 + 8.5 * self._setting.traffic))
        pace = self._setting.speed_mps * float(rng.uniform(0.75, 1.3)) * (1 if away else -1)
        starts = (np.arange(num) + rng.uniform(0.0, 0.45, num)) * LOOP_M / max(num, 1)
        loops = np.mod(starts + pace * time_s - course.start_m, LOOP_M) - BEHIND_M
        found = []
        for index, near in enumerate(loops):
            own = rng_for(self._setting.seed, 11, lane, index)
            kind = _kind(own)
            shift = float(own.uniform(-0.35, 0.35))
            if kind == "bike" and own.random() < 0.6:
                shift = float(own.choice((-1.0, 1.0))) * self._road.lane_m * 0.42
            found.append(
                Vehicle(
                    kind=kind,
                    u_m=self._road.lane_u(lane) + shift,
                    near_m=float(near),
                    away=away,
                    brake=bool(np.sin(0.7 * time_s + index * 2.1) > 0.75),
                    lamps=True,
                    look=int(own.integers(1 << 30)),
                )
            )
        return found

    def _beside(self, course: Course) -> list[Vehicle]:
        setting, road, found = self._setting, self._road, []
        if setting.place not in ("town", "suburb"):
            return []
        first = int((course.start_m - 8) // 7.5)
        for cell in range(first, first + 14):
            rng = rng_for(setting.seed, 12, cell)
            for sign, edge in ((1, road.own_edge_m), (-1, road.other_edge_m)):
                near = cell * 7.5 - course.start_m
                walk = road.sidewalk_m
                if rng.random() < 0.2 * setting.traffic:
                    found.append(self._still(rng, edge + sign * (walk + 1.6), near, sign > 0))
                elif walk > 0 and rng.random() < 0.16 * setting.city:
                    u = edge + sign * float(rng.uniform(0.5, walk + 0.5))
                    found.append(self._still(rng, u, near, True, person=True))
        return found

    @staticmethod
    def _still(
        rng: np.random.Generator, u: float, near: float, away: bool, *, person: bool = False
    ) -> Vehicle:
        kind: Kind = "person" if person else _kind(rng)
        look = int(rng.integers(1 << 30))
        return Vehicle(
            kind=kind, u_m=u, near_m=near, away=away, brake=False, lamps=False, look=look
        )


def _kind(rng: np.random.Generator) -> Kind:
    return KINDS[int(rng.choice(len(KINDS), p=SHARES))]
