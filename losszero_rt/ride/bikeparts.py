"""Parts that several bikes share, added to a stamp; places in its units."""

from __future__ import annotations

import numpy as np

from losszero_rt.ride.spec import MY_BIKE, Array, Rgb
from losszero_rt.ride.sprite import Stamp, oval

BLACK: Rgb = (30, 30, 33)
STEEL: Rgb = (92, 94, 98)
ORANGE: Rgb = (255, 132, 28)
ICE: Rgb = (205, 232, 255)


def handlebar(stamp: Stamp, half: list[tuple[float, float]], width: float) -> None:
    """Add both halves of a handlebar, mirrored, with grips and levers."""
    for sign in (-1, 1):
        stamp.tube([(sign * x, y) for x, y in half], width, BLACK, MY_BIKE)
        x, y = half[-1]
        grip = [(sign * (x - 0.02), y), (sign * (x + 0.13), y + 0.03)]
        stamp.tube(grip, width * 1.35, (20, 20, 21), MY_BIKE, gloss=0.2)
        lever = [
            (sign * (x - 0.02), y - 0.035),
            (sign * (x + 0.06), y - 0.04),
            (sign * (x + 0.16), y - 0.01),
        ]
        stamp.tube(lever, 0.013, STEEL, MY_BIKE, gloss=0.8)


def pods(stamp: Stamp, x: float, y: float) -> None:
    """Add the switch housings beside the grips."""
    for sign in (-1, 1):
        stamp.part(box(sign * x, y, 0.05, 0.036), BLACK, MY_BIKE, gloss=0.6)
        stamp.part(box(sign * x, y + 0.01, 0.014, 0.01), (60, 60, 62), MY_BIKE, gloss=0.6)


def box(x: float, y: float, rx: float, ry: float) -> Array:
    """Return a rectangle (48, 2) with round corners, of these half sizes."""
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack(
        (x + rx * np.sign(cos) * np.abs(cos) ** 0.4, y + ry * np.sign(sin) * np.abs(sin) ** 0.4), -1
    )


def fuel_tank(stamp: Stamp, rng: np.random.Generator, rgb: Rgb, top: float, half: float) -> None:
    """Add the fuel tank with its cap, sometimes with stripes."""
    stamp.part(oval(0, top + 0.36, half, 0.36), rgb, MY_BIKE, gloss=1.1, round_px=0.09)
    if rng.random() < 0.4:
        for sign in (-1, 1):
            band = box(sign * half * 0.55, top + 0.25, half * 0.1, 0.17)
            stamp.part(band, (170, 168, 160), MY_BIKE, round_px=0.004)
    cap = (0.0, top + 0.12)
    stamp.part(oval(*cap, 0.075, 0.062), STEEL, MY_BIKE, gloss=1.1, round_px=0.015)
    stamp.part(oval(*cap, 0.052, 0.042), (20, 20, 24), MY_BIKE, gloss=1.1)


def ticks(stamp: Stamp, y: float) -> None:
    """Light up the scale of a round gauge."""
    for angle in np.linspace(0.75 * np.pi, 2.25 * np.pi, 15):
        out = np.array((np.cos(angle), np.sin(angle)))
        side = out[::-1] * (-1, 1) * 0.003
        near, far = out * 0.036 + (0, y), out * 0.05 + (0, y)
        stamp.glow(np.array((near - side, far - side, far + side, near + side)), ORANGE)
    stamp.glow(box(0, y + 0.035, 0.02, 0.007), ORANGE, halo=0.02)


def lcd(stamp: Stamp, x: float, y: float, rx: float, ry: float, rgb: Rgb) -> None:
    """Add a lit display with its small signs."""
    stamp.part(box(x, y, rx * 1.08, ry * 1.15), (16, 16, 18), MY_BIKE, gloss=0.3)
    stamp.glow(box(x, y, rx, ry), rgb, halo=0.03)
    dark: Rgb = (rgb[0] * 0.35, rgb[1] * 0.4, rgb[2] * 0.5)
    for step in range(7):
        bar = oval(
            x - rx * 0.8 + rx * 0.2 * step, y - ry * 0.66, rx * 0.07, ry * (0.1 + 0.02 * step)
        )
        stamp.glow(bar, dark)
    for dx, dy in ((0.72, -0.1), (0.72, 0.35), (-0.78, 0.3), (0.4, 0.6)):
        stamp.glow(box(x + dx * rx, y + dy * ry, rx * 0.12, ry * 0.14), dark)
