"""Light and texture of everything that is not painted as a thing: road, verge and sky.

Shape letters: H W full picture, h w its quarter (GLOW_STEP), C colour.
"""

from __future__ import annotations

import cv2
import numpy as np

from losszero_rt.ride.camera import Lens, View
from losszero_rt.ride.light import Lighting
from losszero_rt.ride.painter import GLOW_STEP, Sheet
from losszero_rt.ride.setting import RideSetting
from losszero_rt.ride.spec import Array, rng_for

TILE_M = 24.0
CELL_M = 0.05
SKY_BASE = 128
SKY_U_M = -1e4
"""u of the sky: outside of the asphalt's tile."""
UNIT = 100.0
"""A light of 1 as a byte; bytes end at 2.55."""


class Ground:
    """Shades a sheet whose flat colours have been painted."""

    def __init__(self, lens: Lens, setting: RideSetting, lighting: Lighting) -> None:
        """Prepare the rays of the quarter-size picture and the asphalt."""
        self._lens = lens
        self._rays_hwC = lens.rays(GLOW_STEP)
        self._lighting = lighting
        self._wet = setting.road.wet
        self._low = np.array(setting.light.sky_low, np.float32) / SKY_BASE
        self._high = np.array(setting.light.sky_high, np.float32) / SKY_BASE
        self._tile = asphalt(setting)
        rng = rng_for(setting.seed, 29)
        cloud: Array = rng.normal(0, 1, (9, 14)).astype(np.float32)
        size_wh = (self._rays_hwC.shape[1], self._rays_hwC.shape[0])
        cloud = cv2.resize(cloud, size_wh, interpolation=cv2.INTER_CUBIC)[..., None]
        self._cloud_hwC = 1 + np.float32(rng.uniform(0, 0.09)) * cloud

    def shade(self, sheet: Sheet, view: View) -> None:
        """Multiply the painted colours by light and texture, in place."""
        height, width = sheet.labels.shape
        light_hwC, dist_hw, u_hw = self._light(view, sheet.streaks)
        light = cv2.resize(
            cv2.convertScaleAbs(light_hwC, alpha=UNIT),
            None,
            fx=GLOW_STEP,
            fy=GLOW_STEP,
            interpolation=cv2.INTER_LINEAR,
        )[:height, :width]
        cv2.multiply(sheet.pixels, light, dst=sheet.pixels, scale=1 / UNIT)
        self._texture(sheet, view, dist_hw, u_hw)

    def _light(self, view: View, streaks_hwC: Array) -> tuple[Array, Array, Array]:
        """Return light (h, w, 3), distance (h, w) and u (h, w), metres; the sky is at FAR_M."""
        world = self._rays_hwC.reshape(-1, 3) @ view.rotation.astype(np.float32)
        world = world.reshape(self._rays_hwC.shape)
        ahead = np.maximum(world[..., 2], 0.05)
        x, y = world[..., 0] / ahead, world[..., 1] / ahead
        low = float(view.course.sight[-1])
        up = np.clip((low - y) * 1.4, 0, 1)[..., None]
        light = (self._low + (self._high - self._low) * np.sqrt(up)) * self._cloud_hwC
        d, u = np.full_like(y, view.course.dist[-1]), np.full_like(y, SKY_U_M)
        below = y >= low
        rows = np.flatnonzero(below.any(1))
        if len(rows):
            part = np.s_[rows[0] :]
            d[part], u[part] = _trace(view, x[part] * view.side, y[part], low)
            ground = self._on_ground(view, x[part] * view.side, d[part], u[part])
            ground += cv2.GaussianBlur(streaks_hwC[part], (0, 0), 1.8, sigmaY=6.0)
            light[part] = np.where(below[part][..., None], ground, light[part])
            u[~below] = SKY_U_M
        return light, d, u

    def _on_ground(self, view: View, slope: Array, d: Array, u: Array) -> Array:
        lighting = self._lighting
        # Only the phase matters; float32 would not carry a long ride's kilometres.
        phase = np.float32(view.course.start_m % max(lighting.spacing_m, 1.0))
        lamp = lighting.lamps(d + phase, u)[..., None] * lighting.lamp
        beam = lighting.beam(slope, d)[..., None] * lighting.head
        out: Array = lamp + beam
        out += lighting.ambient
        return out

    def _texture(self, sheet: Sheet, view: View, dist_hw: Array, u_hw: Array) -> None:
        height, width = sheet.labels.shape
        near = np.flatnonzero((dist_hw < 60).any(1))
        first = int(near[0]) if len(near) else len(dist_hw)
        start = view.course.start_m % TILE_M
        rows = np.minimum(dist_hw[first:], np.float32(TILE_M)) + np.float32(start)
        cols = u_hw[first:] + np.float32(self._tile.shape[1] * CELL_M / 2)
        size = (u_hw.shape[1] * GLOW_STEP, len(rows) * GLOW_STEP)
        scale = np.float32(1 / CELL_M)
        map_y = cv2.resize(rows * scale, size)
        map_x = cv2.resize(cols * scale, size)
        grain = cv2.remap(
            self._tile,
            map_x,
            map_y,
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=(128,),
        )
        top = first * GLOW_STEP
        part = sheet.pixels[top:height]
        grain_C = cv2.cvtColor(grain[: height - top, :width], cv2.COLOR_GRAY2RGB)
        if part.size:
            cv2.multiply(part, grain_C, dst=part, scale=1 / 128)


def _trace(view: View, slope: Array, fall: Array, low: float) -> tuple[Array, Array]:
    """Return distance and u, metres, where rays meet the ground.

    Args:
        view: The camera on its course.
        slope: Tangents of the rays towards u, float32.
        fall: Tangents of the rays downwards, float32, of the same shape.
        low: Tangent of the horizon.
    """
    course, high = view.course, 4.0
    # Squared steps: close to the horizon a small step of the ray is a long way on the road.
    grid = low + np.linspace(0, 1, 4096) ** 2 * (high - low)
    dist = np.interp(grid, course.sight[::-1], course.dist[::-1]).astype(np.float32)
    # Behind a crest many distances share one line of sight; the sky is beyond all of them.
    dist[0] = course.dist[-1]
    shift = np.interp(dist, course.dist, view.side * course.shift).astype(np.float32)
    index = (np.sqrt(np.clip((fall - low) / (high - low), 0, 1)) * 4095).astype(np.int32)
    d = dist[index]
    return d, slope * d - shift[index] + np.float32(view.pose.u_m)


def asphalt(setting: RideSetting) -> Array:
    """Return the asphalt's brightness, uint8, 128 as is, rows along the road (twice TILE_M)."""
    rng = rng_for(setting.seed, 4)
    melt = int(2.0 / CELL_M)
    rows, cols = int(TILE_M / CELL_M) + melt, int(40.0 / CELL_M)
    tile: Array = rng.normal(0, 1, (rows, cols)).astype(np.float32)
    streak = 1 + 14 * setting.camera.blur * setting.speed_mps / 20
    tile = cv2.GaussianBlur(tile, (0, 0), 0.7, sigmaY=streak, borderType=cv2.BORDER_REFLECT)
    tile = tile * np.float32(rng.uniform(4, 10) / max(float(tile.std()), 1e-3))
    for size, power in ((0.5, 3.0), (2.5, 5.0)):
        small = rng.normal(0, 1, (int(TILE_M / size), int(40 / size))).astype(np.float32)
        tile = tile + power * cv2.resize(small, (cols, rows), interpolation=cv2.INTER_CUBIC)
    across = (np.arange(cols) * CELL_M - 20.0) - setting.road.median_m / 2
    phase = np.mod(across, setting.road.lane_m) / setting.road.lane_m
    tile = tile + (rng.uniform(-10, 10) * np.cos(4 * np.pi * phase)).astype(np.float32)
    _repairs(tile, rng)
    # The end must meet the start: what would follow the end melts into the first two metres.
    fade = np.linspace(0, 1, melt, dtype=np.float32)[:, None]
    tile[:melt] = tile[:melt] * fade + tile[-melt:] * (1 - fade)
    tile = np.clip(tile[:-melt] + 128, 20, 250).astype(np.uint8)
    return np.concatenate((tile, tile, tile[: int(1 / CELL_M)]))


def _repairs(tile: Array, rng: np.random.Generator) -> None:
    rows, cols = tile.shape
    for _ in range(int(rng.integers(0, 6))):
        row, col = int(rng.integers(0, rows)), int(rng.integers(cols // 5, cols * 4 // 5))
        box = tile[row : row + int(rng.integers(20, 120)), col : col + int(rng.integers(15, 60))]
        box += float(rng.uniform(-34, 12))
    for _ in range(int(rng.integers(0, 8))):
        start = rng.uniform((0, cols // 5), (rows, cols * 4 // 5))
        steps = rng.normal((6, 0), (5, 4), (40, 2)).cumsum(0) + start
        line = np.round(steps[:, ::-1]).astype(np.int32)
        cv2.polylines(tile, [line], False, (-45.0,), int(rng.integers(1, 3)))
    for _ in range(int(rng.integers(0, 3))):
        centre = (int(rng.integers(cols // 4, cols * 3 // 4)), int(rng.integers(20, rows - 20)))
        cv2.circle(tile, centre, 7, (float(rng.uniform(-40, 20)),), -1)
