"""Corners of simple shapes in road coordinates (u, h, d), metres."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from losszero_rt.ride.camera import NEAR_M
from losszero_rt.ride.spec import Array

START_M = NEAR_M + 0.01


def strip(left_u: float, right_u: float, near: float, far: float, *, num: int = 2) -> Array:
    """Return a band (2 * num, 3) on the ground between two u and two distances."""
    # Even steps of 1/d are even steps of the picture.
    near, far = max(near, START_M), max(far, START_M + 0.01)
    if num == 2:
        return np.array(
            ((left_u, 0, near), (left_u, 0, far), (right_u, 0, far), (right_u, 0, near)), np.float64
        )
    dist = 1 / (1 / near + np.arange(num) * ((1 / far - 1 / near) / (num - 1)))
    out = np.zeros((2 * num, 3))
    out[:num, 0], out[num:, 0] = left_u, right_u
    out[:num, 2], out[num:, 2] = dist, dist[::-1]
    return out


def field(left_u: float, right_u: float, near: float, far: float, *, num: int) -> Array:
    """Return a wide band (2 * num + 44, 3) on the ground.

    Seen through a fisheye its near and far ends are curves, so they have corners too, closest
    together near the camera.
    """
    band = strip(left_u, right_u, near, far, num=num)
    across = np.sinh(np.linspace(np.arcsinh(left_u), np.arcsinh(right_u), 24))[1:-1]
    ends = np.zeros((2, 22, 3))
    ends[0, :, 0], ends[0, :, 2] = across, band[num, 2]
    ends[1, :, 0], ends[1, :, 2] = across[::-1], band[0, 2]
    return np.concatenate((band[:num], ends[0], band[num:], ends[1]))


def wall(u: float, low: float, high: float, near: float, far: float, *, num: int = 2) -> Array:
    """Return a wall (2 * num, 3) that stands along the road between two distances."""
    out = strip(low, high, near, far, num=num)
    out[:, 1] = out[:, 0]
    out[:, 0] = u
    return out


def pole(u: float, low: float, high: float, d: float, half: float) -> Array:
    """Return an upright bar (4, 3) of this half width that faces the camera."""
    return np.array(
        ((u - half, low, d), (u + half, low, d), (u + half, high, d), (u - half, high, d))
    )


def disc(
    u: float, h: float, d: float, radius: float, *, num: int = 12, squeeze: float = 1
) -> Array:
    """Return a disc (num, 3) that faces the camera; squeeze makes it narrower."""
    return facing(_circle(num) * (squeeze * radius, radius) + (0, h), u, d)


@lru_cache(maxsize=16)
def _circle(num: int) -> Array:
    angle = np.linspace(0, 2 * np.pi, num, endpoint=False)
    return np.stack((np.cos(angle), np.sin(angle)), -1)


def facing(flat: Array | list[tuple[float, float]], u: float, d: float) -> Array:
    """Return a flat figure (n, 2) of (u, h) as corners (n, 3) at this place and distance."""
    points = np.asarray(flat, np.float64)
    out = np.full((len(points), 3), d, np.float64)
    out[:, :2] = points
    out[:, 0] += u
    return out
