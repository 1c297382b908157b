"""Flat things: verge, sidewalks, kerbs, asphalt, side roads, and the paint on them."""

from __future__ import annotations

import numpy as np

from losszero_rt.ride.painter import Thing
from losszero_rt.ride.road import FAR_M, Course
from losszero_rt.ride.setting import RideSetting
from losszero_rt.ride.shapes import field, strip
from losszero_rt.ride.spec import LANE_MARK, ROAD, UNDRIVABLE, Rgb, rng_for

CROSSING_M = 150.0
SIGHT_M = 110.0
FAR_FIRST = 1e6


class Roadbed:
    """Build the flat things of one ride."""

    def __init__(self, setting: RideSetting) -> None:
        """Draw colours and kinds of paint."""
        rng = rng_for(setting.seed, 5)
        self._setting = setting
        self._road = setting.road
        grey = float(rng.uniform(48, 92)) * (1 - 0.35 * setting.road.wet)
        self._asphalt: Rgb = (grey, grey * 0.985, grey * 0.97)
        green = setting.place in ("rural", "highway") or rng.random() < 0.4
        self._verge: Rgb = (34, 44, 24) if green else (46, 43, 38)
        pave = float(rng.uniform(60, 120))
        self._pave: Rgb = (pave, pave * 0.95, pave * 0.9)
        fade = 1 - 0.55 * setting.road.wear
        white = float(rng.uniform(190, 235)) * fade
        self._white: Rgb = (white, white, white * 0.97)
        self._yellow: Rgb = (white * 1.05, white * 0.75, white * 0.2)
        self._dash_m = float(rng.choice((2.0, 3.0, 4.0)))
        self._period_m = self._dash_m * float(rng.choice((2.5, 3.0, 4.0)))
        self._line_m = float(rng.uniform(0.11, 0.2))
        self._edges = rng.random() < 0.85
        self._middle = int(rng.integers(0, 3))
        self._arrows = rng.random() < 0.4
        self._stripes_kerb = rng.random() < 0.3

    def crossings(self, course: Course) -> list[tuple[float, float]]:
        """Return (near, far) distances of the side roads in sight; near may be negative."""
        if self._setting.place not in ("town", "suburb"):
            return []
        found = []
        first = int((course.start_m - 20) // CROSSING_M)
        for cell in range(first, first + 3):
            rng = rng_for(self._setting.seed, 6, cell)
            if rng.random() < 0.65:
                near = cell * CROSSING_M + float(rng.uniform(10, 120)) - course.start_m
                found.append((near, near + float(rng.uniform(7, 15))))
        return [pair for pair in found if pair[1] > 1 and pair[0] < 75]

    def things(self, course: Course) -> list[Thing]:
        """Return all flat things, in painting order, for the road ahead."""
        flat = Thing(FAR_FIRST)
        self._ground(flat, course)
        crossings = self.crossings(course)
        for near, far in crossings:
            flat.patch(field(-45, 45, near, far, num=6), self._asphalt, ROAD)
        spans = _spans(crossings)
        self._lines(flat, course, spans)
        for near, far in crossings:
            self._zebra(flat, near, far)
        if self._arrows:
            self._draw_arrows(flat, course, spans)
        return [flat]

    def _ground(self, flat: Thing, course: Course) -> None:
        road = self._road
        own, other = road.own_edge_m, road.other_edge_m
        flat.patch(field(-260, 260, 0.36, FAR_M, num=24), self._verge, UNDRIVABLE)
        walk = road.sidewalk_m
        if walk > 0:
            flat.patch(field(own, own + walk, 0.36, FAR_M, num=60), self._pave, UNDRIVABLE)
            flat.patch(field(other - walk, other, 0.36, FAR_M, num=60), self._pave, UNDRIVABLE)
        kerb: Rgb = (self._pave[0] * 1.3, self._pave[1] * 1.3, self._pave[2] * 1.3)
        flat.patch(field(own, own + 0.22, 0.36, FAR_M, num=60), kerb, UNDRIVABLE)
        flat.patch(field(other - 0.22, other, 0.36, FAR_M, num=60), kerb, UNDRIVABLE)
        if self._stripes_kerb:
            self._striped_kerb(flat, course, own)
        flat.patch(field(other, own, 0.36, FAR_M, num=60), self._asphalt, ROAD)
        half = road.median_m / 2
        if half > 0:
            inner = max(half - 0.25, 0.2)
            flat.patch(field(-inner, inner, 0.36, FAR_M, num=60), self._verge, UNDRIVABLE)
            for sign in (-1, 1):
                flat.patch(
                    field(sign * inner, sign * (inner - 0.15), 0.36, FAR_M, num=60),
                    kerb,
                    UNDRIVABLE,
                )

    def _striped_kerb(self, flat: Thing, course: Course, edge: float) -> None:
        start = course.start_m
        cells = np.arange(int(start // 2), int(start // 2) + 24) * 2 - start
        bands = [strip(edge, edge + 0.22, c, c + 1) for c in cells if c > -0.5]
        flat.patch(np.concatenate(bands), (18, 18, 18), UNDRIVABLE, sides=4)

    def _lines(self, flat: Thing, course: Course, spans: list[tuple[float, float]]) -> None:
        road, half = self._road, self._road.median_m / 2
        middle = self._yellow if road.yellow_middle else self._white
        for lane in range(1, road.num_own):
            self._dashes(flat, course, half + lane * road.lane_m, spans)
        for lane in range(1, road.num_other):
            self._dashes(flat, course, -half - lane * road.lane_m, spans)
        if self._edges:
            for u in (road.own_edge_m - road.shoulder_m, road.other_edge_m + road.shoulder_m):
                self._solid(flat, u, self._white, spans)
        if half > 0:
            for u in (-half, half):
                self._solid(flat, u, middle, spans)
        elif road.num_other > 0:
            if self._middle == 0:
                self._dashes(flat, course, 0.0, spans, rgb=middle)
            else:
                for u in (-0.14, 0.14)[: self._middle]:
                    self._solid(flat, u, middle, spans)

    def _solid(self, flat: Thing, u: float, rgb: Rgb, spans: list[tuple[float, float]]) -> None:
        half = self._line_m / 2
        for near, far in spans:
            flat.patch(strip(u - half, u + half, near, far, num=44), rgb, LANE_MARK)

    def _dashes(
        self,
        flat: Thing,
        course: Course,
        u: float,
        spans: list[tuple[float, float]],
        *,
        rgb: Rgb | None = None,
    ) -> None:
        half, period = self._line_m / 2, self._period_m
        first = int(course.start_m // period)
        starts = np.arange(first, first + int(SIGHT_M / period)) * period - course.start_m
        kept = [
            strip(u - half, u + half, near, near + self._dash_m, num=3)
            for near in starts
            if near + self._dash_m > 0.5
            and any(a <= near and near + self._dash_m <= b for a, b in spans)
        ]
        if kept:
            flat.patch(np.concatenate(kept), rgb or self._white, LANE_MARK, sides=6)

    def _zebra(self, flat: Thing, near: float, far: float) -> None:
        road = self._road
        bars = np.arange(road.other_edge_m + 0.4, road.own_edge_m - 0.6, 1.1)
        for start, end in ((near - 4.2, near - 1.2), (far + 1.2, far + 4.2)):
            if end > 0.6:
                bands = [strip(u, u + 0.55, start, end) for u in bars]
                flat.patch(np.concatenate(bands), self._white, LANE_MARK, sides=4)
        stop = strip(road.median_m / 2, road.own_edge_m - 0.2, near - 6.2, near - 5.75)
        if near > 6.5:
            flat.patch(stop, self._white, LANE_MARK)

    def _draw_arrows(self, flat: Thing, course: Course, spans: list[tuple[float, float]]) -> None:
        first = int(course.start_m // 45)
        for cell in range(first, first + 3):
            near = cell * 45.0 - course.start_m
            if near < 0.8 or not any(a <= near and near + 5 <= b for a, b in spans):
                continue
            for lane in range(self._road.num_own):
                u = self._road.lane_u(lane)
                flat.patch(strip(u - 0.08, u + 0.08, near, near + 3, num=3), self._white, LANE_MARK)
                turn = int(rng_for(self._setting.seed, 7, lane).integers(0, 3)) - 1
                tip = [(u - 0.3, 0, near + 2.8), (u + 0.3, 0, near + 2.8), (u, 0, near + 5.0)]
                if turn:
                    tip = [
                        (u, 0, near + 1.6),
                        (u + turn * 0.45, 0, near + 2.4),
                        (u + turn * 0.45, 0, near + 1.8),
                        (u + turn * 0.95, 0, near + 3.0),
                        (u + turn * 0.45, 0, near + 4.4),
                        (u + turn * 0.45, 0, near + 3.4),
                        (u, 0, near + 2.6),
                    ]
                flat.patch(tip, self._white, LANE_MARK)


def _spans(crossings: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the stretches of road ahead that are free of crossings and their zebras."""
    spans, near = [], 0.4
    for start, end in sorted(crossings):
        if start - 6.5 > near:
            spans.append((near, start - 6.5))
        near = max(near, end + 4.5)
    if near < SIGHT_M * 1.5:
        spans.append((near, SIGHT_M * 1.5))
    return spans
