"""What stands beside the road: houses, trees, lamps, rails, walls, signs, far lights."""

from __future__ import annotations

import numpy as np

from losszero_rt.ride.camera import View
from losszero_rt.ride.light import Lighting, lit
from losszero_rt.ride.painter import Thing
from losszero_rt.ride.road import FAR_M
from losszero_rt.ride.setting import RideSetting
from losszero_rt.ride.shapes import disc, pole, wall
from losszero_rt.ride.spec import UNDRIVABLE, Array, Rgb, as_rgb, rng_for
from losszero_rt.ride.structures import barrier, building, tunnel, viaduct

SIGN_COLOURS: tuple[Rgb, ...] = (
    (250, 240, 225),
    (255, 60, 50),
    (60, 130, 255),
    (60, 230, 120),
    (255, 190, 50),
    (255, 240, 240),
)


class Scenery:
    """Build the standing, lifeless things of one ride from cells along the road."""

    def __init__(self, setting: RideSetting, lighting: Lighting) -> None:
        """Draw which sorts of things line this road."""
        rng = rng_for(setting.seed, 13)
        self._setting = setting
        self._lighting = lighting
        self._rail = setting.place in ("highway", "rural") or rng.random() < 0.15
        self._wall = setting.place == "highway" and rng.random() < 0.5
        self._viaduct = setting.place in ("town", "suburb") and rng.random() < 0.18
        self._trees = float(rng.uniform(0.1, 0.8)) * (0.6 if setting.place == "town" else 1.0)
        self._signals = rng.random() < 0.6
        self._wires = setting.place in ("suburb", "town") and rng.random() < 0.45
        road = setting.road
        self._edges = (
            (1, road.own_edge_m + road.sidewalk_m),
            (-1, road.other_edge_m - road.sidewalk_m),
        )

    def things(self, view: View, crossings: list[tuple[float, float]]) -> list[Thing]:
        """Return all of them for the road ahead."""
        found: list[Thing] = []
        if self._setting.place == "tunnel":
            return tunnel(self._setting, self._lighting, view)
        self._far_lights(found, view)
        if self._rail or self._wall:
            found += barrier(self._setting, self._lighting, view, noise_wall=self._wall)
        if self._viaduct:
            found += viaduct(self._setting, self._lighting, view)
        if self._wires:
            found.append(self._wire(view))
        self._houses(found, view, crossings)
        self._plants(found, view, crossings)
        self._lamps(found, view)
        self._posts(found, view)
        if self._signals:
            for near, _ in crossings:
                self._signal(found, view, near)
        return found

    def _cells(self, view: View, size_m: float, reach_m: float) -> list[tuple[int, float]]:
        start = view.course.start_m
        first = int(start // size_m) - 1
        return [(c, c * size_m - start) for c in range(first, first + int(reach_m / size_m) + 2)]

    def _far_lights(self, found: list[Thing], view: View) -> None:
        thing = Thing(FAR_M * 4)
        density = min(0.25 + 0.75 * self._setting.city, 1.0)
        for cell, near in self._cells(view, 20.0, FAR_M - 40):
            rng = rng_for(self._setting.seed, 14, cell)
            if near < 60:
                continue
            for u in rng.normal(0, 45, rng.binomial(4, density)):
                colour = (
                    SIGN_COLOURS[int(rng.integers(6))] if rng.random() < 0.4 else (255, 205, 130)
                )
                power = float(rng.uniform(0.2, 1.2)) * (1 - 0.7 * self._setting.light.dusk)
                place = (float(u), float(rng.uniform(1, 7)), near + float(rng.uniform(0, 20)))
                if abs(u) > 8:
                    thing.light(place, 0.22, colour, strength=power, streak=0)
        found.append(thing)

    def _wire(self, view: View) -> Thing:
        thing, u = Thing(FAR_M), self._edges[0][1] + 0.4
        grey = lit((70, 70, 72), self._lighting.ambient + self._lighting.lamp * 0.2)
        for high, step in ((7.2, 0.0), (7.6, 0.3), (6.6, -0.2)):
            thing.patch(wall(u + step, high, high + 0.02, 0.36, 140, num=24), grey, UNDRIVABLE)
        return thing

    def _houses(self, found: list[Thing], view: View, crossings: list[tuple[float, float]]) -> None:
        for cell, near in self._cells(view, 16.0, 190.0):
            for sign, edge in self._edges:
                rng = rng_for(self._setting.seed, 15, cell, sign)
                length = float(rng.uniform(8, 16))
                if rng.random() > self._setting.city or near + length < 1:
                    continue
                if any(near < far + 1 and near + length > a - 1 for a, far in crossings):
                    continue
                back = 0.3 if self._setting.place == "town" else float(rng.uniform(2, 14))
                u = edge + sign * back
                light = self._lighting.on_thing(view, u, max(near, 6.0), lift=0.5)
                found.append(building(rng, u, sign, near, length, light, self._setting))

    def _plants(self, found: list[Thing], view: View, crossings: list[tuple[float, float]]) -> None:
        for cell, near in self._cells(view, 9.0, 120.0):
            for sign, edge in self._edges:
                rng = rng_for(self._setting.seed, 16, cell, sign)
                if rng.random() > self._trees or near < 1.5:
                    continue
                if any(a - 2 < near < far + 2 for a, far in crossings):
                    continue
                u = edge + sign * float(
                    rng.uniform(-0.6 if self._setting.road.sidewalk_m else 1, 9)
                )
                light = self._lighting.on_thing(view, u, near, lift=0.7)
                found.append(tree(rng, u, near, light))

    def _lamps(self, found: list[Thing], view: View) -> None:
        lighting, start = self._lighting, view.course.start_m
        if lighting.spacing_m <= 0:
            return
        for index, u in enumerate(lighting.lamp_us):
            offset = lighting.offset_m + 0.5 * index * lighting.spacing_m
            first = int(np.ceil((start - offset) / lighting.spacing_m))
            sign = 1 if u > 0 else -1
            for cell in range(first, first + int(230 / lighting.spacing_m)):
                near = cell * lighting.spacing_m + offset - start
                if near > 0.8:
                    found.append(self._lamp(view, u, sign, near))

    def _lamp(self, view: View, u: float, sign: int, near: float) -> Thing:
        thing, high = Thing(near), self._lighting.height_m
        base = u + sign * 1.6
        grey = lit((70, 70, 72), self._lighting.on_thing(view, base, near))
        thing.patch(pole(base, 0, high - 0.4, near, 0.09), grey, UNDRIVABLE)
        arm = [(base, high - 0.5, near), (u, high + 0.05, near), (u, high + 0.15, near)]
        thing.patch([*arm, (base, high - 0.35, near)], grey, UNDRIVABLE)
        colour = np.clip(self._lighting.lamp / max(float(self._lighting.lamp.max()), 1e-3), 0, 1)
        rgb: Rgb = as_rgb(255 * (0.35 + 0.65 * colour))
        power = (2.2 + 1.6 * float(self._lighting.lamp.max())) * (
            1 - 0.6 * self._setting.light.dusk
        )
        thing.light((u, high, near), 0.22, rgb, strength=power, streak=0.3)
        return thing

    def _posts(self, found: list[Thing], view: View) -> None:
        for cell, near in self._cells(view, 21.0, 110.0):
            rng = rng_for(self._setting.seed, 17, cell)
            sign, edge = self._edges[int(rng.random() < 0.4)]
            if near < 2 or rng.random() < 0.35:
                continue
            u = edge + sign * float(rng.uniform(0.3, 1.2))
            light = self._lighting.on_thing(view, u, near, lift=1.6)
            thing, high = Thing(near), float(rng.uniform(2.2, 3.4))
            thing.patch(pole(u, 0, high, near, 0.04), lit((90, 90, 92), light), UNDRIVABLE)
            kind = int(rng.integers(4))
            if kind == 0:
                thing.patch(
                    disc(u, high, near, 0.36, num=16), lit((225, 225, 220), light), UNDRIVABLE
                )
                thing.patch(
                    disc(u, high, near, 0.29, num=16), lit((190, 30, 30), light), UNDRIVABLE
                )
            elif kind == 1:
                thing.patch(
                    disc(u, high, near, 0.45, num=4), lit((240, 190, 20), light), UNDRIVABLE
                )
            elif kind == 2:
                thing.patch(
                    pole(u, high - 0.3, high + 0.4, near, 0.7),
                    lit((30, 90, 170), light),
                    UNDRIVABLE,
                )
            elif self._setting.city > 0.3:
                colour = SIGN_COLOURS[int(rng.integers(6))]
                thing.patch(pole(u, high, high + 1.4, near, 0.5), colour, UNDRIVABLE, hides=True)
                thing.light((u, high + 0.7, near), 0.25, colour, strength=0.9, streak=0.6)
            found.append(thing)

    def _signal(self, found: list[Thing], view: View, near: float) -> None:
        if near < 1.5:
            return
        road, thing = self._setting.road, Thing(near)
        light = self._lighting.on_thing(view, road.own_edge_m, near)
        u, grey = road.own_edge_m + 0.6, lit((60, 60, 60), light)
        thing.patch(pole(u, 0, 6.0, near, 0.1), grey, UNDRIVABLE)
        reach = road.own_edge_m * 0.45
        thing.patch(
            [(u, 5.7, near), (reach, 5.9, near), (reach, 6.0, near), (u, 5.9, near)],
            grey,
            UNDRIVABLE,
        )
        go = int(rng_for(self._setting.seed, 18, int(view.course.start_m + near) // 50).integers(3))
        for place, base in ((reach, 5.0), (u - 0.3, 2.6)):
            thing.patch(
                pole(place, base, base + 1.0, near, 0.18), lit((34, 32, 22), light), UNDRIVABLE
            )
            lamp: Rgb = ((60, 255, 170), (255, 190, 40), (255, 40, 30))[go]
            thing.light((place, base + 0.2 + 0.3 * go, near), 0.11, lamp, strength=2.2, streak=1.2)
        found.append(thing)


def tree(rng: np.random.Generator, u: float, near: float, light: Array) -> Thing:
    """Return a trunk with a ragged crown of three shades."""
    thing = Thing(near)
    high = float(rng.uniform(3.0, 8.0))
    thing.patch(pole(u, 0, high * 0.6, near, 0.14), lit((44, 36, 28), light), UNDRIVABLE)
    for index, gain in enumerate((0.55, 0.85, 1.15)):
        num = 22
        angle = np.linspace(0, 2 * np.pi, num, endpoint=False)
        radius = high * 0.36 * (1 - 0.27 * index) * rng.uniform(0.72, 1.15, num)
        drop = high * (0.78 - 0.07 * index)
        side = float(rng.uniform(-0.3, 0.3)) * index
        crown = np.stack(
            (
                u + side + radius * np.cos(angle),
                drop + radius * np.sin(angle) * 0.85,
                0 * angle + near,
            ),
            -1,
        )
        leaves = rng.normal(0, 0.42, (16, 1, 2)) + rng.normal(0, 0.1, (16, 3, 2))
        spots = np.full((16, 3, 3), near)
        spots[..., :2] = leaves * (high * 0.25, high * 0.21) + (u + side, drop)
        thing.patch(crown, lit((40, 58, 30), light, gain=gain), UNDRIVABLE, hides=index == 0)
        bright = lit((62, 84, 44), light, gain=gain * 1.25)
        thing.patch(spots.reshape(-1, 3), bright, UNDRIVABLE, sides=3)
    return thing
