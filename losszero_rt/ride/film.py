"""From a painted picture to one that a camera took at night: bloom, motion blur, tone, noise."""

from __future__ import annotations

import cv2
import numpy as np

from losszero_rt.ride.painter import GLOW_STEP
from losszero_rt.ride.setting import RideSetting
from losszero_rt.ride.spec import Array, rng_for

NOISE_MARGIN_PX = 64
SMEAR_STEP = 3


class Film:
    """The optics and the sensor of one ride; all methods change the pixels in place."""

    def __init__(self, size: tuple[int, int], setting: RideSetting) -> None:
        """Prepare noise, vignette and the weights of motion blur."""
        height, width = size
        rng = rng_for(setting.seed, 24)
        self._size = size
        self._setting = setting
        self._camera = setting.camera
        shape = (height + NOISE_MARGIN_PX, width + NOISE_MARGIN_PX, 3)
        grain: Array = rng.standard_normal(shape, np.float32)
        grain = cv2.GaussianBlur(grain, (0, 0), 0.8 * max(height / 720, 0.4))
        grain = grain * (self._camera.noise / float(grain.std()))
        self._plus = np.clip(grain, 0, 255).astype(np.uint8)
        self._minus = np.clip(-grain, 0, 255).astype(np.uint8)
        y, x = np.mgrid[:height, :width].astype(np.float32)
        far = np.hypot((x - width / 2) / width, (y - height * self._camera.horizon) / width)
        keep = np.clip(0.8 - 2.6 * self._camera.blur * (far - 0.06), 0.08, 0.8)
        self._keep = cv2.cvtColor(np.round(255 * keep).astype(np.uint8), cv2.COLOR_GRAY2RGB)
        self._lose = 255 - self._keep
        edge = np.hypot((x - width / 2) / width, (y - height / 2) / width)
        shade = np.clip(1.06 - float(rng.uniform(0.2, 0.9)) * edge**2, 0, 1)
        self._vignette = cv2.cvtColor((shade * 255).astype(np.uint8), cv2.COLOR_GRAY2RGB)
        self._flicker = rng.uniform(0, 6, 2)

    def bloom(self, pixels_HWC: Array, glow_hwC: Array) -> None:
        """Add the halo of the lights, given at a quarter of the size, float32."""
        height, width = self._size
        unit = height / 720
        tight = cv2.GaussianBlur(glow_hwC, (0, 0), max(1.6 * unit, 0.5))
        small = cv2.resize(glow_hwC, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
        wide = cv2.GaussianBlur(small, (0, 0), max(2.2 * unit, 0.5))
        vast = cv2.GaussianBlur(small, (0, 0), max(7.0 * unit, 0.8))
        veil = cv2.resize(wide * 1.2 + vast * 0.8, (glow_hwC.shape[1], glow_hwC.shape[0]))
        halo = cv2.convertScaleAbs(tight * 0.9 + veil, alpha=self._camera.glare)
        full = cv2.resize(halo, None, fx=GLOW_STEP, fy=GLOW_STEP)[:height, :width]
        cv2.add(pixels_HWC, full, dst=pixels_HWC)

    def smear(self, pixels_HWC: Array, *, pull: float) -> Array:
        """Return the picture blurred out of the vanishing point; pull is speed times exposure."""
        height, width = self._size
        step = 0.011 * pull * self._camera.blur + 0.0004
        small_wh = (-(-width // SMEAR_STEP), -(-height // SMEAR_STEP))
        small = cv2.resize(pixels_HWC, small_wh)
        rows, cols = small.shape[:2]
        cx, cy = cols / 2, rows * self._camera.horizon

        def zoomed(layer: Array, by: float) -> Array:
            move = np.array(((by, 0, cx * (1 - by)), (0, by, cy * (1 - by))))
            return cv2.warpAffine(layer, move, (cols, rows), borderMode=cv2.BORDER_REPLICATE)

        # Each pass doubles the number of exposures: 8 from three, all centred by the first zoom.
        soft = zoomed(small, 1 - 3.5 * step)
        for reach in (1, 2, 4):
            soft = cv2.addWeighted(soft, 0.5, zoomed(soft, 1 + reach * step), 0.5, 0)
        soft = cv2.resize(soft, (width, height))
        cv2.multiply(soft, self._lose, dst=soft, scale=1 / 255)
        sharp = cv2.multiply(pixels_HWC, self._keep, scale=1 / 255)
        out: Array = cv2.add(sharp, soft, dst=soft)
        return out

    def develop(self, pixels_HWC: Array, *, index: int, time_s: float) -> Array:
        """Apply vignette, exposure, tone, colour cast and noise; returns a new picture."""
        height, width = self._size
        cv2.multiply(pixels_HWC, self._vignette, dst=pixels_HWC, scale=1 / 255)
        drift = 1 + 0.05 * np.sin(0.9 * time_s + self._flicker[0])
        level = np.arange(256) / 255 * 1.12 * drift
        # Shoulder: bright tones are pressed together instead of cut off.
        tone = np.power(level, self._camera.gamma)
        tone = tone / (1 + tone**4) ** 0.25
        curve = np.stack([tone * cast for cast in self._camera.cast], -1)
        table = np.clip(curve * 255 + 2.0, 0, 255).astype(np.uint8)[None]
        out: Array = cv2.LUT(pixels_HWC, table)
        rng = rng_for(self._setting.seed, 25, index)
        y, x, v, u = (int(value) for value in rng.integers(0, NOISE_MARGIN_PX, 4))
        cv2.add(out, self._plus[y : y + height, x : x + width], dst=out)
        cv2.subtract(out, self._minus[v : v + height, u : u + width], dst=out)
        return out
