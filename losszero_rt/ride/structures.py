"""Large built things: houses with windows, guard rails, walls, tunnels, viaducts."""

from __future__ import annotations

import numpy as np

from losszero_rt.ride.camera import View
from losszero_rt.ride.light import Lighting, lit
from losszero_rt.ride.painter import Thing
from losszero_rt.ride.road import FAR_M
from losszero_rt.ride.setting import RideSetting
from losszero_rt.ride.shapes import wall
from losszero_rt.ride.spec import UNDRIVABLE, Array, Rgb, as_rgb, rng_for

WINDOW_COLOURS: tuple[Rgb, ...] = (
    (255, 214, 140),
    (255, 236, 200),
    (210, 228, 255),
    (255, 170, 80),
)


def building(
    rng: np.random.Generator,
    u: float,
    sign: int,
    near: float,
    length: float,
    light: Array,
    setting: RideSetting,
) -> Thing:
    """Return a house whose street front stands at u, with windows, shops and sometimes a sign."""
    thing = Thing(near + length * 0.5)
    floors = int(rng.integers(1, 8 if setting.place == "town" else 3))
    high, deep = floors * 3.1 + 0.8, float(rng.uniform(8, 20))
    base = rng.uniform(40, 120) * np.array((1.0, 0.93, 0.85)) ** rng.uniform(-0.5, 1)
    paint: Rgb = as_rgb(base)
    far = near + length
    if near > 1:
        end = [
            (u, 0, near),
            (u + sign * deep, 0, near),
            (u + sign * deep, high, near),
            (u, high, near),
        ]
        thing.patch(np.array(end), lit(paint, light, gain=0.5), UNDRIVABLE, hides=True)
    for low, top, gain in ((0.0, 0.28, 1.0), (0.28, 0.6, 0.6), (0.6, 1.0, 0.32)):
        face = wall(u, low * high, top * high, near, far)
        thing.patch(face, lit(paint, light, gain=gain), UNDRIVABLE, hides=True)
    _windows(thing, rng, u, near, length, floors, light, setting)
    if rng.random() < 0.75 * setting.city and length > 6:
        _shop(thing, rng, u - sign * 0.03, near, far, setting)
    return thing


def _windows(
    thing: Thing,
    rng: np.random.Generator,
    u: float,
    near: float,
    length: float,
    floors: int,
    light: Array,
    setting: RideSetting,
) -> None:
    columns = int(length / float(rng.uniform(1.5, 2.6)))
    pitch = length / columns
    chance = float(rng.uniform(0.05, 0.45))
    mode = rng.integers(1, 3, (floors, columns)) * (rng.random((floors, columns)) < chance)
    floor, column = np.mgrid[:floors, :columns]
    start = near + (column + 0.25) * pitch
    low = floor * 3.1 + 1.2
    quads = np.empty((floors, columns, 4, 3))
    quads[..., 0] = u
    quads[..., 1] = np.stack((low, low, low + 1.3, low + 1.3), -1)
    end = start + 0.55 * pitch
    quads[..., 2] = np.stack((start, end, end, start), -1)
    glow = WINDOW_COLOURS[int(rng.integers(4))]
    gains = (0.0, float(rng.uniform(0.25, 0.6)), float(rng.uniform(0.6, 1.0)))
    sky = setting.light.dusk * 0.5
    for on in range(3):
        group = quads[(mode == on) & (start > 0.4)].reshape(-1, 3)
        if len(group):
            rgb = as_rgb(np.array(glow) * (gains[on] * (1 - sky)))
            dark = lit((40, 48, 60), light + sky, gain=0.8)
            thing.patch(group, rgb if on else dark, UNDRIVABLE, sides=4)


def _shop(
    thing: Thing,
    rng: np.random.Generator,
    u: float,
    near: float,
    far: float,
    setting: RideSetting,
) -> None:
    start, end = max(near + 1, 0.5), far - 1
    if end <= start + 1:
        return
    warm: Rgb = WINDOW_COLOURS[int(rng.integers(4))]
    gain = float(rng.uniform(0.45, 1.0))
    rgb: Rgb = as_rgb(np.array([c * gain for c in warm]))
    thing.patch(wall(u, 0.4, 2.4, start, end), rgb, UNDRIVABLE)
    for post in np.arange(start + 1.2, end, 1.9):
        thing.patch(wall(u, 0.4, 2.4, float(post), float(post) + 0.16), (30, 26, 24), UNDRIVABLE)
    sign = rng.uniform(30, 255, 3)
    sign[int(rng.integers(3))] = 255
    board: Rgb = as_rgb(sign * gain)
    thing.patch(wall(u, 2.6, 3.3, start, end), board, UNDRIVABLE)
    middle = (start + end) / 2
    power = 0.5 * gain * (1 - 0.5 * setting.light.dusk)
    thing.light((u, 1.5, middle), 0.5, rgb, strength=power, label=None, streak=0.9)


def barrier(
    setting: RideSetting, lighting: Lighting, view: View, *, noise_wall: bool
) -> list[Thing]:
    """Return guard rails, or noise walls, along both sides."""
    thing, road = Thing(FAR_M * 2), setting.road
    for u in (road.own_edge_m + 0.5, road.other_edge_m - 0.5):
        cuts = (0.36, 2.0, 5.0, 12.0, 30.0, FAR_M)
        for near, far in zip(cuts[-2::-1], cuts[:0:-1], strict=True):
            light = lighting.on_thing(view, u, (near * far) ** 0.5, lift=1.3)
            if noise_wall:
                thing.patch(
                    wall(u, 0, 2.8, near, far, num=10), lit((105, 98, 88), light), UNDRIVABLE
                )
                thing.patch(
                    wall(u, 2.5, 2.8, near, far, num=10), lit((60, 58, 55), light), UNDRIVABLE
                )
            else:
                thing.patch(
                    wall(u, 0.42, 0.72, near, far, num=10),
                    lit((150, 152, 156), light),
                    UNDRIVABLE,
                )
                thing.patch(
                    wall(u, 0.54, 0.6, near, far, num=10), lit((80, 82, 86), light), UNDRIVABLE
                )
        if not noise_wall:
            start = view.course.start_m
            posts = np.arange(np.ceil(start / 4) * 4, start + 50, 4) - start
            bars = [wall(u, 0, 0.7, d, d + 0.12) for d in posts if d > 0.5]
            thing.patch(np.concatenate(bars), (26, 26, 28), UNDRIVABLE, sides=4)
    return [thing]


def tunnel(setting: RideSetting, lighting: Lighting, view: View) -> list[Thing]:
    """Return walls, ceiling and lamps of a tunnel."""
    thing, road, high = Thing(FAR_M * 2), setting.road, 5.0
    rng = rng_for(setting.seed, 19)
    paint: Rgb = as_rgb(rng.uniform(90, 210) * np.array((1.0, 0.96, 0.9)))
    tiled = rng.random() < 0.6
    left, right = road.other_edge_m - 0.9, road.own_edge_m + 0.9
    cuts = (0.36, 1.2, 2.5, 5.0, 8.0, 12.0, 18.0, 27.0, 42.0, 70.0, FAR_M)
    for near, far in zip(cuts[-2::-1], cuts[:0:-1], strict=True):
        middle = (near * far) ** 0.5
        light = lighting.on_thing(view, right, middle, lift=0.8)
        roof = [(left, high, near), (right, high, near), (right, high, far), (left, high, far)]
        thing.patch(np.array(roof), lit((70, 68, 64), light), UNDRIVABLE)
        for u in (left, right):
            thing.patch(wall(u, 0, high, near, far), lit(paint, light), UNDRIVABLE)
            thing.patch(wall(u, 0, 0.9, near, far), lit(paint, light, gain=0.55), UNDRIVABLE)
            thing.patch(
                wall(u, high - 0.9, high, near, far), lit(paint, light, gain=0.6), UNDRIVABLE
            )
    start = view.course.start_m
    for u in (left, right):
        if tiled:
            seams = np.arange(np.ceil(start / 2.5) * 2.5, start + 40, 2.5) - start
            lines = [wall(u, 0.9, 4.1, d, d + 0.07) for d in seams if d > 0.5]
            thing.patch(
                np.concatenate(lines), lit(paint, lighting.ambient + 0.2), UNDRIVABLE, sides=4
            )
    _strip_lamps(thing, lighting, view, high)
    return [thing]


def _strip_lamps(thing: Thing, lighting: Lighting, view: View, high: float) -> None:
    start, pitch = view.course.start_m, lighting.spacing_m
    colour = np.clip(lighting.lamp / max(float(lighting.lamp.max()), 1e-3), 0, 1)
    rgb: Rgb = as_rgb(255 * (0.4 + 0.6 * colour))
    for index, u in enumerate(lighting.lamp_us):
        shift = lighting.offset_m + 0.5 * index * pitch
        first = int(np.ceil((start - shift) / pitch))
        for cell in range(first + int(180 / pitch), first - 1, -1):
            near = cell * pitch + shift - start
            if near < 1.0:
                continue
            lamp = [(u - 0.15, high - 0.1, near), (u + 0.15, high - 0.1, near)]
            lamp += [(u + 0.15, high - 0.1, near + 1.2), (u - 0.15, high - 0.1, near + 1.2)]
            thing.patch(np.array(lamp), rgb, UNDRIVABLE)
            thing.light((u, high - 0.1, near + 0.6), 0.1, rgb, strength=1.0, streak=0.15)


def viaduct(setting: RideSetting, lighting: Lighting, view: View) -> list[Thing]:
    """Return an elevated road over ours: a deck far up, and pillars on the median or the edge."""
    road, found = setting.road, []
    rng = rng_for(setting.seed, 20)
    high, shift = float(rng.uniform(6.5, 9)), float(rng.uniform(-6, 6))
    deck = Thing(FAR_M * 1.5)
    for near, far in ((60.0, FAR_M), (25.0, 60.0), (10.0, 25.0), (3.0, 10.0)):
        light = lighting.ambient + lighting.lamp * 0.35
        under = [
            (shift - 5, high, near),
            (shift + 5, high, near),
            (shift + 5, high, far),
            (shift - 5, high, far),
        ]
        deck.patch(np.array(under), lit((96, 92, 86), light), UNDRIVABLE)
        for u in (shift - 5, shift + 5):
            deck.patch(
                wall(u, high, high + 1.6, near, far),
                lit((120, 116, 108), light, gain=0.8),
                UNDRIVABLE,
            )
    found.append(deck)
    u = road.own_edge_m + road.sidewalk_m * 0.5 + 0.6
    for cell in range(int(view.course.start_m // 28), int(view.course.start_m // 28) + 6):
        near = cell * 28.0 + 10 - view.course.start_m
        if near < 1.5:
            continue
        pillar, light = Thing(near), lighting.on_thing(view, u, near)
        front = [
            (u - 0.7, 0, near),
            (u + 0.7, 0, near),
            (u + 0.9, high, near),
            (u - 0.9, high, near),
        ]
        pillar.patch(
            wall(u - 0.7, 0, high, near, near + 1.6),
            lit((120, 112, 100), light, gain=0.6),
            UNDRIVABLE,
        )
        pillar.patch(np.array(front), lit((120, 112, 100), light), UNDRIVABLE, hides=True)
        found.append(pillar)
    return found
