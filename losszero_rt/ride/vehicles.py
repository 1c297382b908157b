"""Cars, vans, trucks and buses as polygons with lights; motorbikes and people are in riders.py."""

from __future__ import annotations

import itertools

import numpy as np

from losszero_rt.ride.light import lit
from losszero_rt.ride.painter import Thing
from losszero_rt.ride.profiles import (
    HALF_WIDTHS,
    PROFILES,
    RED_LAMP,
    WHITE_LAMP,
    Vehicle,
    half_width_m,
    length_m,
)
from losszero_rt.ride.riders import add_bike, add_person, add_plate
from losszero_rt.ride.shapes import disc, facing, strip, wall
from losszero_rt.ride.spec import MOVEABLE, Array, Rgb

BODY_PAINT: tuple[Rgb, ...] = (
    (225, 225, 222),
    (225, 225, 222),
    (160, 163, 168),
    (170, 172, 178),
    (96, 98, 104),
    (34, 35, 39),
    (28, 28, 33),
    (140, 22, 24),
    (28, 50, 115),
    (150, 120, 70),
    (40, 90, 98),
)
DETAIL_M = 45.0
"""Beyond this a vehicle's flank is a few pixels wide: windows and wheels are left out."""
LOAD_PAINT: tuple[Rgb, ...] = ((208, 206, 198), (190, 186, 170), (60, 90, 140), (170, 60, 40))


def build(vehicle: Vehicle, light: Array, eye_u: float) -> Thing:
    """Return the polygons of one vehicle.

    Args:
        vehicle: What and where.
        light: Light (3,) that falls on it.
        eye_u: u of the camera, metres; decides which side is seen.
    """
    thing = Thing(max(vehicle.near_m, 0.4))
    if vehicle.kind == "person":
        add_person(thing, vehicle, light)
    elif vehicle.kind == "bike":
        add_bike(thing, vehicle, light)
    else:
        _car(thing, vehicle, light, eye_u)
    return thing


def _car(thing: Thing, vehicle: Vehicle, light: Array, eye_u: float) -> None:
    """Add shadow, long side and near end; ribs (10, 3) are (d, h, half width) of the outline."""
    kind, u, near = vehicle.kind, vehicle.u_m, vehicle.near_m
    profile = np.array(PROFILES[kind])
    if not vehicle.away:
        profile = np.stack((profile[::-1, 0].max() - profile[::-1, 0], profile[::-1, 1]), -1)
    half = np.array([half_width_m(kind, up) for up in profile[:, 1]])
    ribs = np.stack((profile[:, 0] + near, profile[:, 1], half), -1)
    paint = BODY_PAINT[vehicle.look % len(BODY_PAINT)]
    if kind in ("truck", "bus", "van") and vehicle.look % 3:
        paint = LOAD_PAINT[vehicle.look // 7 % len(LOAD_PAINT)]
    wide = float(half[1]) + 0.1
    shadow = strip(u - wide, u + wide, near - 0.4, near + length_m(kind))
    thing.patch(shadow, lit((14, 14, 14), light), None)
    toward = -1.0 if u > eye_u else 1.0
    if abs(u - eye_u) > half[1] * 0.7:
        _side(thing, vehicle, light, paint, ribs, toward)
    if near > 0.5:
        _end(thing, vehicle, light, paint, ribs)


def _side(
    thing: Thing, vehicle: Vehicle, light: Array, paint: Rgb, ribs: Array, toward: float
) -> None:
    u, kind = vehicle.u_m, vehicle.kind
    outline = np.stack((u + toward * ribs[:, 2], ribs[:, 1], ribs[:, 0]), -1)
    thing.patch(outline, lit(paint, light, gain=0.55), MOVEABLE, hides=True)
    near, far = float(ribs[:, 0].min()), float(ribs[:, 0].max())
    low = float(ribs[:, 1].min())
    face = u + toward * (HALF_WIDTHS[kind] + 0.005)
    if near > DETAIL_M:
        return
    if kind in ("truck", "bus"):
        _panels(thing, vehicle, light, paint, face, (near, far, low))
    else:
        for bottom, top, gain in ((0.0, 0.2, 0.25), (0.2, 0.34, 0.42), (0.55, 0.64, 0.95)):
            band = wall(face, low + bottom, low + top, near + 0.1, far - 0.1)
            thing.patch(band, lit(paint, light, gain=gain), MOVEABLE)
    for at in (near + (far - near) * 0.19, far - (far - near) * 0.19):
        for radius, rgb in (
            (0.42, (8.0, 8.0, 9.0)),
            (0.35, (15.0, 15.0, 16.0)),
            (0.21, (96.0, 98.0, 102.0)),
        ):
            wheel = disc(0, 0.34, 0, radius, num=14)
            rim = np.stack((np.full(14, face), wheel[:, 1], at + wheel[:, 0]), -1)
            thing.patch(rim, lit(rgb, light, gain=0.8), MOVEABLE)
    if kind not in ("truck", "bus"):
        _side_windows(thing, light, paint, ribs, u, toward)


def _panels(
    thing: Thing,
    vehicle: Vehicle,
    light: Array,
    paint: Rgb,
    face: float,
    span: tuple[float, float, float],
) -> None:
    """Add the flank of a truck or bus: panels in uneven light, a skirt, a stripe or windows."""
    near, far, low = span
    cuts = np.linspace(near, far, 9)
    rng = np.random.default_rng(vehicle.look)
    gains = 0.55 * np.linspace(1.15, 0.75, 8) * rng.uniform(0.88, 1.1, 8)
    for start, end, gain in zip(cuts[:-1], cuts[1:], gains, strict=True):
        if end > 0.4:
            for bottom, top, fall in ((0.0, 0.45, 0.45), (0.45, 1.4, 1.0), (1.4, 2.6, 0.8)):
                panel = wall(face, low + bottom, low + top, start + 0.03, end)
                thing.patch(panel, lit(paint, light, gain=gain * fall), MOVEABLE)
    if vehicle.kind == "bus":
        lamp: Rgb = (206, 200, 168) if vehicle.look % 2 else (70, 74, 80)
        windows = [wall(face, 1.45, 2.45, a + 0.12, b) for a, b in itertools.pairwise(cuts)]
        thing.patch(np.concatenate(windows), lamp, MOVEABLE, sides=4)
    elif vehicle.look % 4:
        board = wall(face, 1.7, 2.6, near + 1.2, far - 2.5)
        shade = BODY_PAINT[vehicle.look // 5 % len(BODY_PAINT)]
        thing.patch(board, lit(shade, light, gain=0.5), MOVEABLE)


def _side_windows(
    thing: Thing, light: Array, paint: Rgb, ribs: Array, u: float, toward: float
) -> None:
    top = ribs[3:7].copy()
    middle = float(top[:, 0].mean())
    high = top[:, 1] > top[:, 1].mean()
    top[:, 1] = np.where(high, top[:, 1] - 0.09, top[:, 1] + 0.03)
    top[:, 0] += np.sign(middle - top[:, 0]) * 0.16
    glass = np.stack((u + toward * (top[:, 2] + 0.004), top[:, 1], top[:, 0]), -1)
    thing.patch(glass, lit((20, 22, 26), light, gain=0.9), MOVEABLE)
    glint = glass.copy()
    glint[:, 1] = np.where(high, top[:, 1], top[:, 1].max() - 0.12)
    thing.patch(glint, lit((54, 60, 70), light), MOVEABLE)
    roof, belt = float(top[:, 1].max()), float(top[:, 1].min())
    slant = (
        float(top[~high, 2].mean() - top[high, 2].mean()) if high.any() and not high.all() else 0
    )
    edge = u + toward * (float(top[~high, 2].mean()) + 0.01)
    post = [(edge - toward * slant, roof, middle), (edge, belt, middle)]
    post += [(edge, belt, middle + 0.1), (edge - toward * slant, roof, middle + 0.1)]
    thing.patch(np.array(post), lit(paint, light, gain=0.4), MOVEABLE)
    ear = wall(
        edge + toward * 0.12,
        belt - 0.02,
        belt + 0.14,
        float(top[:, 0].max()) - 0.55,
        float(top[:, 0].max()) - 0.35,
    )
    thing.patch(ear, lit(paint, light, gain=0.4), MOVEABLE)


def _end(thing: Thing, vehicle: Vehicle, light: Array, paint: Rgb, ribs: Array) -> None:
    """Add the near end, panel by panel from the roof down, and its lights."""
    u, kind = vehicle.u_m, vehicle.kind
    gains = (0.6, 0.95, 1.12, 1.25, 1.0)
    for index in (4, 3, 2, 1, 0):
        (d0, h0, w0), (d1, h1, w1) = ribs[index], ribs[index + 1]
        quad = [(u - w0, h0, d0), (u + w0, h0, d0), (u + w1, h1, d1), (u - w1, h1, d1)]
        thing.patch(quad, lit(paint, light, gain=gains[index]), MOVEABLE, hides=index < 4)
    near, low, wide = float(ribs[0, 0]) - 0.01, float(ribs[0, 1]), HALF_WIDTHS[kind]
    if kind == "truck":
        for side in (-0.04, 1.0, -1.04):
            door = [(side, 1.3), (side + 0.05, 1.3), (side + 0.05, 3.2), (side, 3.2)]
            thing.patch(facing(door, u, near), lit((70, 70, 70), light), MOVEABLE)
    else:
        (d0, h0, w0), (d1, h1, w1) = ribs[3], ribs[4]
        a, b, top = w0 * 0.84, w1 * 0.86, h1 - (h1 - h0) * 0.1
        glass = [(u - a, h0 + 0.03, d0), (u + a, h0 + 0.03, d0), (u + b, top, d1), (u - b, top, d1)]
        thing.patch(glass, lit((22, 25, 32), light), MOVEABLE)
        shine = [
            (u - a * 0.9, h0 + 0.05, d0),
            (u - a * 0.3, h0 + 0.05, d0),
            (u + b * 0.5, top - 0.02, d1),
            (u - b * 0.2, top - 0.02, d1),
        ]
        thing.patch(shine, lit((44, 50, 60), light), MOVEABLE)
    bumper = [
        (-wide * 0.93, low),
        (wide * 0.93, low),
        (wide * 0.95, low + 0.16),
        (-wide * 0.95, low + 0.16),
    ]
    thing.patch(facing(bumper, u, near), lit((22, 22, 24), light), MOVEABLE)
    for sign in (-1, 1):
        a, b = sign * wide * 0.92, sign * wide * 0.66
        tyre = [(a, 0), (b, 0), (b, low), (a, low)]
        thing.patch(facing(tyre, u, near + 0.3), (7, 7, 8), MOVEABLE)
    belt = float(ribs[1, 1])
    add_plate(thing, u, (low + belt) / 2, near - 0.01, light)
    _lamps(thing, vehicle, near, belt, wide)


def _lamps(thing: Thing, vehicle: Vehicle, near: float, belt: float, wide: float) -> None:
    u = vehicle.u_m
    big = vehicle.kind in ("truck", "bus")
    high = 0.62 if big else belt - 0.08
    inner = wide * (0.74, 0.78, 0.58)[vehicle.look % 3]
    for sign in (-1, 1):
        a, b = sign * inner, sign * wide * 0.97
        box = [(a, high - 0.06), (b, high - 0.09), (b, high + 0.12), (a, high + 0.06)]
        dim: Rgb = (96, 12, 10) if vehicle.away else (120, 118, 110)
        if vehicle.lamps:
            dim = (232, 20, 14) if vehicle.away else (250, 246, 235)
        thing.patch(facing(box, u, near - 0.01), dim, MOVEABLE)
        if not vehicle.lamps:
            continue
        place = (u + (a + b) / 2, high, near - 0.02)
        if vehicle.away:
            power = 2.6 if vehicle.brake else 1.0
            thing.light(place, 0.06, RED_LAMP, strength=power, label=MOVEABLE, streak=power)
            if vehicle.brake:
                core = [
                    (a * 0.7 + b * 0.3, high - 0.03),
                    (b * 0.9, high - 0.03),
                    (b * 0.9, high + 0.05),
                ]
                thing.patch(facing(core, u, near - 0.02), (255, 190, 170), MOVEABLE)
        else:
            thing.light(place, 0.1, WHITE_LAMP, strength=4.5, label=MOVEABLE, streak=2.2)
    if vehicle.away and vehicle.brake and not big:
        height = PROFILES[vehicle.kind][4][1] - 0.05
        thing.light((u, height, near + 0.7), 0.04, RED_LAMP, strength=1.2, label=MOVEABLE)
