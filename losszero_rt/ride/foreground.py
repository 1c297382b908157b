"""What is fixed to the camera: the bike with the rider's arms, or a car's bonnet."""

from __future__ import annotations

import cv2
import numpy as np

from losszero_rt.ride.bike import draw_bike
from losszero_rt.ride.camera import View
from losszero_rt.ride.light import Lighting
from losszero_rt.ride.painter import Sheet
from losszero_rt.ride.rider import draw_arms
from losszero_rt.ride.road import draw_wave
from losszero_rt.ride.setting import RideSetting
from losszero_rt.ride.spec import UNDRIVABLE, Array, Rgb, as_rgb, rng_for
from losszero_rt.ride.sprite import NOTHING, Sprite


class Mount:
    """The bike and the arms, drawn over the finished world."""

    def __init__(self, size: tuple[int, int], setting: RideSetting, lighting: Lighting) -> None:
        """Draw the sprites once."""
        lamp = lighting.lamp + lighting.ambient + 0.05
        tint = lamp / float(lamp.max()) * 200
        sheen: Rgb = (float(tint[0]), float(tint[1]), float(tint[2]))
        self._size = size
        self._lighting = lighting
        self._setting = setting
        self._cockpit = draw_bike(size, setting, sheen)
        self._arms = draw_arms(
            size, setting, sheen, move=self._cockpit.move, grips=self._cockpit.grips
        )
        rng = rng_for(setting.seed, 27)
        self._sway = draw_wave(rng, lengths=(2.7, 0.4, 0.09), peaks=(0.004, 0.0022, 0.0016))
        self._rise = draw_wave(rng, lengths=(3.9, 0.36, 0.07), peaks=(0.005, 0.0028, 0.002))
        self._off = draw_wave(rng, lengths=(19.0, 7.0), peaks=(1.0, 0.5))
        self._unit = max(size[1] / 16 * 9, size[0] * 0.45)

    def draw(self, sheet: Sheet, view: View, time_s: float) -> None:
        """Draw bike and arms on the sheet, in place, with labels alike."""
        course, jolt = view.course, self._setting.camera.shake
        at = np.array((course.start_m % max(self._lighting.spacing_m, 1.0),), np.float32)
        lamp = float(self._lighting.lamps(at, np.array((view.pose.u_m,), np.float32))[0])
        ambient = float(self._lighting.ambient.mean())
        level = ambient + 0.75 * lamp * float(self._lighting.lamp.mean())
        steer = float(np.clip(course.bend * 3.0, -0.09, 0.09))
        dx = jolt * float(self._sway.value(time_s)) * self._unit
        dy = jolt * float(self._rise.value(time_s)) * self._unit
        lively = self._dials(course.speed_mps, time_s)
        self._stick(sheet, lively, steer, dx, dy, level, mirrors=True)
        for index, arm in enumerate(self._arms):
            away = float(self._off.value(time_s + 40.0 * index))
            fall = max(0.0, away - 1.2) * 1.6 * self._unit if index == 0 else 0.0
            self._stick(sheet, arm, steer, dx, dy + fall, level, mirrors=False)

    def _dials(self, speed_mps: float, time_s: float) -> Sprite:
        cockpit, sprite = self._cockpit, self._cockpit.sprite
        emit = sprite.emit.copy()
        kmh = max(0, round(speed_mps * 3.6))
        ox, oy = sprite.origin
        if cockpit.dial is not None:
            x, y, radius = cockpit.dial
            angle = np.pi * (0.75 + 1.5 * min(kmh / 180, 1.0)) + 0.01 * np.sin(31 * time_s)
            tip = (int(x - ox + radius * np.cos(angle)), int(y - oy + radius * np.sin(angle)))
            thick = max(1, int(radius * 0.1))
            cv2.line(emit, (int(x - ox), int(y - oy)), tip, (255, 90, 40), thick, cv2.LINE_AA)
        if cockpit.digits is not None:
            x, y, high = cockpit.digits
            scale = high / 22
            place = (int(x - ox), int(y - oy))
            thick = max(1, round(high / 9))
            cv2.putText(
                emit, str(kmh), place, cv2.FONT_HERSHEY_SIMPLEX, scale, cockpit.digit_rgb, thick
            )
        return Sprite(
            origin=sprite.origin,
            base=sprite.base,
            sheen=sprite.sheen,
            emit=emit,
            labels=sprite.labels,
            glass=sprite.glass,
        )

    def _stick(
        self,
        sheet: Sheet,
        sprite: Sprite,
        steer: float,
        dx: float,
        dy: float,
        level: float,
        *,
        mirrors: bool,
    ) -> None:
        height, width = self._size
        lit = cv2.addWeighted(
            sprite.base, min(level * 1.15, 1.6), sprite.sheen, min(level * 1.5 + 0.04, 1.3), 0
        )
        cv2.add(lit, sprite.emit, dst=lit)
        if mirrors:
            self._reflect(lit, sheet.pixels, sprite.origin)
        cos, sin = np.cos(steer), np.sin(steer)
        px, py = width / 2, height - 0.25 * self._unit
        ox, oy = sprite.origin[0] - px, sprite.origin[1] - py
        move = np.array(
            ((cos, -sin, cos * ox - sin * oy + px + dx), (sin, cos, sin * ox + cos * oy + py + dy))
        )
        top = int(np.clip(sprite.origin[1] + dy - abs(sin) * width / 2 - 2, 0, height))
        left = int(np.clip(sprite.origin[0] + dx - abs(sin) * height - 2, 0, width))
        right = sprite.origin[0] + sprite.labels.shape[1] + dx + abs(sin) * height + 2
        right = int(np.clip(right, 0, width))
        if top >= height or left >= right:
            return
        move[:, 2] -= (left, top)
        size_wh = (right - left, height - top)
        paint = cv2.warpAffine(lit, move, size_wh, flags=cv2.INTER_LINEAR)
        labels = cv2.warpAffine(
            sprite.labels, move, size_wh, flags=cv2.INTER_NEAREST, borderValue=(NOTHING,)
        )
        mask = np.not_equal(labels, NOTHING).view(np.uint8)
        box = np.s_[top:height, left:right]
        pixels = sheet.pixels[box]
        if sprite.glass.any():
            glass = cv2.warpAffine(sprite.glass, move, size_wh, flags=cv2.INTER_NEAREST)
            through = cv2.addWeighted(pixels, 0.72, paint, 0.9, 0)
            cv2.copyTo(through, glass, paint)
        cv2.copyTo(paint, mask, pixels)
        cv2.copyTo(labels, mask, sheet.labels[box])

    def _reflect(self, lit: Array, world: Array, origin: tuple[int, int]) -> None:
        height, width = self._size
        for index, glass in enumerate(self._cockpit.mirrors):
            corners = np.round(glass - origin).astype(np.int32)
            x, y, w, h = cv2.boundingRect(corners)
            x1, y1 = min(x + w, lit.shape[1]), min(y + h, lit.shape[0])
            if x < 0 or y < 0 or x >= x1 or y >= y1:
                continue
            first = width // 3 if index else 0
            horizon = int(height * self._setting.camera.horizon)
            part = world[
                max(0, horizon - height // 8) : horizon + height // 5,
                first : first + width * 2 // 3,
            ]
            view = cv2.resize(part, (w, h), interpolation=cv2.INTER_AREA)[:, ::-1]
            mask = np.zeros((h, w), np.uint8)
            cv2.fillPoly(mask, [corners - (x, y)], (255,))
            mask = mask[: y1 - y, : x1 - x]
            cv2.copyTo(np.ascontiguousarray(view[: y1 - y, : x1 - x]), mask, lit[y:y1, x:x1])


class Bonnet:
    """The dark lower edge of a car's view, labelled undrivable; some cameras see none."""

    def __init__(self, size: tuple[int, int], setting: RideSetting) -> None:
        """Draw its outline once."""
        height, width = size
        rng = rng_for(setting.seed, 28)
        self._shown = rng.random() < 0.75
        high = float(rng.uniform(0.04, 0.2)) * height
        sag = float(rng.uniform(0.1, 0.7)) * high
        x = np.linspace(-0.05, 1.05, 60)
        curve = height - high + sag * np.abs(2 * x - 1) ** float(rng.uniform(1.5, 4))
        line = np.stack((x * width, curve), -1)
        corners = np.array(((1.1 * width, height * 1.2), (-0.1 * width, height * 1.2)))
        self._outline = np.concatenate((line, corners))
        self._paint = rng.uniform(4, 60, 3) * np.array((1.0, 1.0, 1.05))
        self._rise = draw_wave(rng, lengths=(2.0, 0.3), peaks=(0.003, 0.002))
        self._gain = setting.camera.shake * height

    def draw(self, sheet: Sheet, view: View, time_s: float) -> None:
        """Draw the bonnet on the sheet, in place."""
        if not self._shown:
            return
        shift = (0.0, self._gain * float(self._rise.value(time_s)))
        corners = np.round((self._outline + shift) * 8).astype(np.int32)
        dark: Rgb = as_rgb(np.array([float(c) * 0.5 for c in self._paint]))
        cv2.fillPoly(sheet.pixels, [corners], dark, cv2.LINE_8, 3)
        cv2.fillPoly(sheet.labels, [corners], (UNDRIVABLE,), cv2.LINE_8, 3)
        edge = tuple(float(c) for c in self._paint)
        cv2.polylines(sheet.pixels, [corners[:60]], False, edge, 2, cv2.LINE_8, 3)
