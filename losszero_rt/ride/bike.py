"""Our motorcycle, seen from the rider's head: four models drawn as sprites."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from losszero_rt.ride.bikeparts import (
    BLACK,
    ICE,
    ORANGE,
    STEEL,
    box,
    fuel_tank,
    handlebar,
    lcd,
    pods,
    ticks,
)
from losszero_rt.ride.setting import RideSetting
from losszero_rt.ride.spec import MY_BIKE, Array, Rgb, rng_for
from losszero_rt.ride.sprite import Sprite, Stamp, oval

TANKS: tuple[Rgb, ...] = (
    (26, 32, 62),
    (205, 198, 172),
    (30, 30, 32),
    (120, 22, 22),
    (70, 76, 84),
    (40, 62, 48),
    (150, 150, 152),
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Cockpit:
    """The bike's sprite and the places, in picture pixels, of what changes on it.

    Attributes:
        sprite: The drawn bike.
        dial: Centre x, y and radius of a needle gauge, or None.
        digits: Left, baseline and height of the speed's digits, or None.
        digit_rgb: Their colour.
        mirrors: Polygons (n, 2) of the mirrors' glass.
        grips: (left, right) places in units where the hands hold, after the bike's own move.
        move: The affine map (2, 3) of the bike, in units.
    """

    sprite: Sprite
    dial: tuple[float, float, float] | None
    digits: tuple[float, float, float] | None
    digit_rgb: Rgb
    mirrors: tuple[Array, ...]
    grips: tuple[tuple[float, float], tuple[float, float]]
    move: Array


def draw_bike(size: tuple[int, int], setting: RideSetting, sheen: Rgb) -> Cockpit:
    """Draw the bike of this ride."""
    rng = rng_for(setting.seed, 21)
    scale, turn = float(rng.uniform(0.9, 1.12)), float(rng.normal(0, 0.025))
    shift = (float(rng.normal(0, 0.03)), float(rng.uniform(-0.05, 0.06)))
    cos, sin = scale * np.cos(turn), scale * np.sin(turn)
    # The bike turns about a point low in the middle, where its steering head is.
    move = np.array(((cos, -sin, shift[0] + sin * 0.8), (sin, cos, 0.8 - cos * 0.8 + shift[1])))
    stamp = Stamp(size, move, sheen)
    tank = TANKS[int(rng.integers(len(TANKS)))]
    draw = {"classic": _classic, "naked": _naked, "sport": _sport, "commuter": _commuter}
    return draw[setting.bike](stamp, rng, tank, move)


def _classic(stamp: Stamp, rng: np.random.Generator, tank: Rgb, move: Array) -> Cockpit:
    for sign in (-1, 1):
        stamp.part(oval(sign * 0.33, 0.93, 0.09, 0.05), BLACK, MY_BIKE)
        stamp.tube(
            [(sign * 0.2, 0.84), (sign * 0.33, 0.86), (sign * 0.31, 0.97)], 0.03, BLACK, MY_BIKE
        )
    stamp.part(box(0, 0.77, 0.13, 0.1), (22, 22, 24), MY_BIKE, round_px=0.05)
    for sign in (-1, 1):
        stamp.tube([(sign * 0.1, 0.66), (sign * 0.12, 0.9)], 0.045, STEEL, MY_BIKE, gloss=1)
    handlebar(
        stamp, [(0.09, 0.645), (0.19, 0.635), (0.29, 0.585), (0.38, 0.615), (0.5, 0.665)], 0.032
    )
    mirrors = []
    for sign in (-1, 1):
        stamp.tube(
            [(sign * 0.45, 0.66), (sign * 0.46, 0.72), (sign * 0.43, 0.76)], 0.016, STEEL, MY_BIKE
        )
        stamp.part(
            oval(sign * 0.43, 0.785, 0.118, 0.056, turn=sign * 0.12), BLACK, MY_BIKE, gloss=0.9
        )
        glass = oval(sign * 0.43, 0.787, 0.103, 0.045, turn=sign * 0.12)
        mirrors.append(glass)
        stamp.part(oval(sign * 0.28, 0.665, 0.038, 0.036), BLACK, MY_BIKE, gloss=1)
        stamp.part(oval(sign * 0.23, 0.675, 0.05, 0.022), STEEL, MY_BIKE, gloss=1)
        if rng.random() < 0.6:
            stamp.glow(oval(sign * 0.255, 0.655, 0.012, 0.02), ORANGE, halo=0.014)
    stamp.part(box(0.385, 0.545, 0.062, 0.036), BLACK, MY_BIKE, gloss=0.9)
    pods(stamp, 0.45, 0.63)
    stamp.tube([(-0.38, 0.535), (-0.3, 0.47), (-0.13, 0.455), (-0.1, 0.6)], 0.011, BLACK, MY_BIKE)
    stamp.tube([(0.35, 0.6), (0.2, 0.68), (0.1, 0.74), (0.04, 0.78)], 0.014, BLACK, MY_BIKE)
    stamp.part(
        [(-0.12, 0.615), (0.12, 0.615), (0.13, 0.66), (-0.13, 0.66)], BLACK, MY_BIKE, gloss=0.8
    )
    stamp.part(oval(0, 0.7, 0.11, 0.05), (20, 20, 22), MY_BIKE, gloss=0.7)
    fuel_tank(stamp, rng, tank, 0.75, 0.29)
    stamp.part(oval(0, 0.545, 0.074, 0.071), BLACK, MY_BIKE, gloss=0.9, round_px=0.018)
    stamp.part(oval(0, 0.545, 0.057, 0.055), (10, 9, 8), MY_BIKE, gloss=0.1)
    ticks(stamp, 0.545)
    stamp.spots(rng, 23, np.array(((-0.42, 0.58), (0.42, 0.75))), (190, 190, 190))
    dial = stamp.pixels(np.array(((0.0, 0.545),)))[0] - stamp.corner
    return _cockpit(stamp, move, mirrors, 0.655, 0.665, dial=(dial[0], dial[1], 0.05 * stamp.unit))


def _naked(stamp: Stamp, rng: np.random.Generator, tank: Rgb, move: Array) -> Cockpit:
    stamp.part([(-0.3, 0.9), (0.3, 0.9), (0.42, 1.3), (-0.42, 1.3)], (20, 20, 23), MY_BIKE)
    for sign in (-1, 1):
        stamp.part(oval(sign * 0.25, 0.97, 0.11, 0.08), BLACK, MY_BIKE, gloss=0.8)
    fuel_tank(stamp, rng, tank, 0.97, 0.27)
    stamp.part([(-0.15, 0.72), (0.15, 0.72), (0.19, 0.92), (-0.19, 0.92)], BLACK, MY_BIKE)
    handlebar(stamp, [(0.08, 0.79), (0.2, 0.76), (0.33, 0.7), (0.45, 0.69), (0.52, 0.7)], 0.036)
    stamp.part(box(0, 0.825, 0.2, 0.018), (130, 104, 52), MY_BIKE, gloss=1)
    stamp.part(box(0, 0.815, 0.03, 0.03), STEEL, MY_BIKE, gloss=1)
    for sign in (-1, 1):
        stamp.part(oval(sign * 0.1, 0.78, 0.035, 0.024), STEEL, MY_BIKE, gloss=1)
        stamp.tube(
            [(sign * 0.36, 0.72), (sign * 0.24, 0.8), (sign * 0.12, 0.86)], 0.014, BLACK, MY_BIKE
        )
    stamp.part(box(0.36 * float(rng.choice((-1.0, 1.0))), 0.655, 0.06, 0.042), BLACK, MY_BIKE)
    pods(stamp, 0.44, 0.69)
    dash = [(-0.12, 0.615), (0.12, 0.615), (0.105, 0.715), (-0.1, 0.715)]
    stamp.part(dash, (20, 20, 22), MY_BIKE, gloss=0.8)
    lcd(stamp, 0.0, 0.668, 0.09, 0.033, ICE)
    for sign in (-1, 1):
        if rng.random() < 0.6:
            stamp.glow(oval(sign * 0.06, 0.612, 0.011, 0.009), (255, 190, 20), halo=0.012)
    stamp.spots(rng, 20, np.array(((-0.4, 0.7), (0.4, 0.95))), (170, 175, 185))
    return _cockpit(stamp, move, [], 0.6, 0.7, digits=(-0.05, 0.685, 0.035), rgb=(20, 40, 70))


def _sport(stamp: Stamp, rng: np.random.Generator, tank: Rgb, move: Array) -> Cockpit:
    top = float(rng.uniform(0.43, 0.5))
    half = np.array(
        [(0.0, top), (0.08, top + 0.015), (0.15, top + 0.06), (0.21, 0.62), (0.15, 0.7)]
    )
    screen = np.concatenate((half, (half * (-1, 1))[::-1]))
    stamp.part(screen, (34, 36, 40), MY_BIKE, see_through=True, gloss=0.5, round_px=0.01)
    mirrors = []
    for sign in (-1, 1):
        pod = np.array(
            [
                (0.2, 0.615),
                (0.31, 0.575),
                (0.4, 0.53),
                (0.5, 0.56),
                (0.49, 0.6),
                (0.4, 0.635),
                (0.28, 0.65),
            ]
        )
        stamp.part(pod * (sign, 1), BLACK, MY_BIKE, gloss=0.9)
        if rng.random() < 0.55:
            mirrors.append(
                np.array([(0.37, 0.56), (0.45, 0.55), (0.48, 0.585), (0.39, 0.615)]) * (sign, 1)
            )
        wing = np.array(
            [(0.13, 0.68), (0.25, 0.62), (0.29, 0.7), (0.36, 0.84), (0.3, 0.95), (0.16, 0.9)]
        )
        stamp.part(wing * (sign, 1), tank if rng.random() < 0.3 else BLACK, MY_BIKE, gloss=0.9)
    stamp.part([(-0.2, 0.7), (0.2, 0.7), (0.27, 1.3), (-0.27, 1.3)], (22, 22, 25), MY_BIKE)
    handlebar(stamp, [(0.12, 0.84), (0.25, 0.85), (0.36, 0.87), (0.46, 0.89)], 0.036)
    pods(stamp, 0.37, 0.87)
    for sign in (-1, 1):
        stamp.part(oval(sign * 0.13, 0.83, 0.042, 0.038), STEEL, MY_BIKE, gloss=1)
        stamp.part(oval(sign * 0.13, 0.83, 0.024, 0.022), (130, 30, 30), MY_BIKE, gloss=1)
    stamp.part([(-0.13, 0.68), (0.13, 0.68), (0.16, 0.78), (-0.16, 0.78)], BLACK, MY_BIKE)
    bright = rng.random() < 0.5
    if bright:
        stamp.part(box(0, 0.725, 0.08, 0.04), (150, 160, 175), MY_BIKE, gloss=0.3)
    else:
        stamp.part(oval(-0.05, 0.725, 0.042, 0.04), (14, 14, 15), MY_BIKE, gloss=0.3)
        lcd(stamp, 0.05, 0.725, 0.04, 0.03, (120, 170, 235))
    if rng.random() < 0.5:
        stamp.part(box(0.0, 0.62, 0.035, 0.03), (60, 60, 64), MY_BIKE, gloss=0.4)
    stamp.part(box(0, 0.83, 0.06, 0.06), (60, 62, 66), MY_BIKE, gloss=0.8)
    fuel_tank(stamp, rng, tank, 0.95, 0.25)
    stamp.spots(rng, 30, np.array(((-0.24, 0.66), (0.24, 0.9))), (190, 195, 210))
    return _cockpit(
        stamp, move, mirrors, 0.5, 0.9, digits=(0.02, 0.735, 0.024), rgb=(235, 245, 255)
    )


def _commuter(stamp: Stamp, rng: np.random.Generator, tank: Rgb, move: Array) -> Cockpit:
    stamp.part([(-0.3, 0.88), (0.3, 0.88), (0.4, 1.3), (-0.4, 1.3)], (24, 24, 26), MY_BIKE)
    fuel_tank(stamp, rng, tank, 1.0, 0.3)
    handlebar(stamp, [(0.1, 0.87), (0.2, 0.86), (0.35, 0.84), (0.5, 0.85), (0.56, 0.86)], 0.042)
    pods(stamp, 0.42, 0.84)
    stamp.part(box(0.37, 0.79, 0.07, 0.045), BLACK, MY_BIKE, gloss=0.8)
    mirrors: list[Array] = []
    if rng.random() < 0.5:
        for sign in (-1, 1):
            stamp.tube(
                [(sign * 0.4, 0.84), (sign * 0.44, 0.72), (sign * 0.5, 0.62)], 0.016, BLACK, MY_BIKE
            )
            stamp.part(
                oval(sign * 0.53, 0.585, 0.1, 0.06, turn=sign * 0.2), BLACK, MY_BIKE, gloss=0.9
            )
            mirrors.append(oval(sign * 0.53, 0.587, 0.085, 0.048, turn=sign * 0.2))
    visor = [(-0.16, 0.745), (0.17, 0.715), (0.2, 0.75), (0.14, 0.8), (-0.12, 0.82)]
    stamp.part(visor, BLACK, MY_BIKE, gloss=0.9)
    lcd(stamp, 0.08, 0.77, 0.055, 0.026, ICE)
    x = float(rng.uniform(-0.16, -0.06))
    phone = [(x - 0.11, 0.83), (x + 0.1, 0.815), (x + 0.11, 0.925), (x - 0.1, 0.945)]
    stamp.part(phone, (12, 12, 13), MY_BIKE, gloss=0.5, round_px=0.008)
    middle = np.array(phone).mean(0)
    face = middle + (np.array(phone) - middle) * 0.9
    night = rng.random() < 0.6
    stamp.glow(face, (34, 38, 74) if night else (150, 158, 150), halo=0.02)
    route = middle + (np.array(phone) - middle) * (0.2, 0.85) + (0.02, 0)
    stamp.glow(route, (60, 110, 235))
    stamp.glow(oval(middle[0] + 0.02, middle[1] + 0.03, 0.012, 0.01), (240, 240, 255))
    stamp.spots(rng, 20, np.array(((-0.4, 0.8), (0.4, 1.0))), (170, 175, 185))
    return _cockpit(stamp, move, mirrors, 0.62, 0.87, digits=(0.05, 0.785, 0.03), rgb=(20, 40, 70))


def _cockpit(
    stamp: Stamp,
    move: Array,
    mirrors: list[Array],
    grip_x: float,
    grip_y: float,
    *,
    dial: tuple[float, float, float] | None = None,
    digits: tuple[float, float, float] | None = None,
    rgb: Rgb = ORANGE,
) -> Cockpit:
    place = None
    if digits is not None:
        left, base = stamp.pixels(np.array((digits[:2],)))[0] - stamp.corner
        place = (float(left), float(base), digits[2] * stamp.unit)
    return Cockpit(
        sprite=stamp.finish(),
        dial=dial,
        digits=place,
        digit_rgb=rgb,
        mirrors=tuple(stamp.pixels(glass) - stamp.corner for glass in mirrors),
        grips=((-grip_x, grip_y), (grip_x, grip_y)),
        move=move,
    )
