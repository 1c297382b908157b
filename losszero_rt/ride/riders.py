"""Motorbikes with their riders, and people on foot."""

from __future__ import annotations

import numpy as np

from losszero_rt.ride.light import lit
from losszero_rt.ride.painter import Thing
from losszero_rt.ride.profiles import RED_LAMP, WHITE_LAMP, Vehicle
from losszero_rt.ride.shapes import disc, facing
from losszero_rt.ride.spec import MOVEABLE, Array, Rgb, as_rgb


def add_plate(thing: Thing, u: float, h: float, d: float, light: Array) -> None:
    """Add a number plate, which throws light back and so looks brighter than the body."""
    box = [(-0.25, h - 0.06), (0.25, h - 0.06), (0.25, h + 0.06), (-0.25, h + 0.06)]
    thing.patch(facing(box, u, d), lit((235, 232, 210), light * 1.2 + 0.08), MOVEABLE)


def add_bike(thing: Thing, vehicle: Vehicle, light: Array) -> None:
    """Add a motorbike with its rider, upright, facing the camera or away from it."""
    u, d = vehicle.u_m, vehicle.near_m
    look = np.random.default_rng(vehicle.look)
    jacket: Rgb = as_rgb(look.uniform(20, 120, 3))
    dark = lit((26, 26, 28), light)
    thing.patch(disc(u, 0.3, d, 0.3, squeeze=0.22), (8, 8, 9), MOVEABLE)
    body = [(-0.16, 0.35), (0.16, 0.35), (0.22, 0.8), (0.13, 0.95), (-0.13, 0.95), (-0.22, 0.8)]
    thing.patch(facing(body, u, d), dark, MOVEABLE, hides=True)
    legs = [(-0.34, 0.35), (-0.2, 0.3), (-0.14, 0.85), (0.14, 0.85), (0.2, 0.3), (0.34, 0.35)]
    legs += [(0.3, 0.9), (0.1, 1.0), (-0.1, 1.0), (-0.3, 0.9)]
    thing.patch(facing(legs, u, d + 0.1), lit((34, 36, 46), light), MOVEABLE)
    torso = [(-0.2, 0.85), (0.2, 0.85), (0.27, 1.2), (0.24, 1.42), (0.1, 1.5)]
    torso += [(-0.1, 1.5), (-0.24, 1.42), (-0.27, 1.2)]
    thing.patch(facing(torso, u, d + 0.1), lit(jacket, light), MOVEABLE, hides=True)
    for sign in (-1, 1):
        arm = [(sign * 0.22, 1.42), (sign * 0.36, 1.15), (sign * 0.4, 0.98), (sign * 0.3, 1.0)]
        arm += [(sign * 0.26, 1.14), (sign * 0.18, 1.24)]
        thing.patch(facing(arm, u, d + 0.2), lit(jacket, light, gain=0.75), MOVEABLE)
    shell: Rgb = (30, 30, 32) if vehicle.look % 2 else (190, 190, 192)
    thing.patch(disc(u, 1.66, d + 0.2, 0.155), lit(shell, light), MOVEABLE)
    if vehicle.away:
        power = 2.4 if vehicle.brake else 1.1
        thing.light((u, 0.76, d), 0.07, RED_LAMP, strength=power, label=MOVEABLE, streak=power)
        add_plate(thing, u, 0.52, d, light * 0.6)
    else:
        thing.light((u, 0.95, d), 0.09, WHITE_LAMP, strength=4.0, label=MOVEABLE, streak=2.0)


def add_person(thing: Thing, vehicle: Vehicle, light: Array) -> None:
    """Add a walker."""
    u, d = vehicle.u_m, vehicle.near_m
    look = np.random.default_rng(vehicle.look)
    coat: Rgb = as_rgb(look.uniform(15, 150, 3) * (0.2 if vehicle.dark else 1.0))
    trousers: Rgb = (13, 14, 18) if vehicle.dark else (30, 32, 40)
    step = 0.16 * float(np.sin(vehicle.near_m * 2.6 + vehicle.look))
    for sign in (-1, 1):
        foot = sign * (0.09 + step)
        leg = [
            (foot - 0.06, 0.0),
            (foot + 0.07, 0.0),
            (sign * 0.09 + 0.08, 0.85),
            (sign * 0.09 - 0.08, 0.85),
        ]
        thing.patch(facing(leg, u, d), lit(trousers, light), MOVEABLE)
    torso = [
        (-0.2, 0.8),
        (0.2, 0.8),
        (0.25, 1.1),
        (0.24, 1.4),
        (0.09, 1.5),
        (-0.09, 1.5),
        (-0.24, 1.4),
        (-0.25, 1.1),
    ]
    thing.patch(facing(torso, u, d), lit(coat, light), MOVEABLE)
    thing.patch(disc(u, 1.62, d, 0.12, squeeze=0.85), lit((120, 88, 70), light), MOVEABLE)
