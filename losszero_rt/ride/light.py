"""How much light falls where: street lamps, our headlight, and what is everywhere."""

from __future__ import annotations

import math

import numpy as np

from losszero_rt.ride.camera import View
from losszero_rt.ride.setting import RideSetting
from losszero_rt.ride.spec import Array, Rgb, rng_for


class Lighting:
    """The light of one ride; arguments may be numbers or arrays of one shape."""

    def __init__(self, setting: RideSetting) -> None:
        """Take the lamps' places and colours from the setting."""
        light, road = setting.light, setting.road
        self.spacing_m = light.lamp_spacing_m
        self.height_m = light.lamp_height_m
        reach = 1.2
        own = min(road.own_edge_m + 0.8 - reach, 11.0)
        other = max(road.other_edge_m - 0.8 + reach, -11.0)
        self.lamp_us = (own, other) if light.lamp_pairs else (own,)
        if setting.place == "tunnel":
            self.height_m = 4.6
            self.spacing_m = light.lamp_spacing_m * 0.35
            self.lamp_us = (own - 0.6, other + 0.6)
        self.ambient = np.array(light.ambient, np.float32)
        self.lamp = np.array(light.lamp, np.float32)
        self.head = np.array(light.headlight, np.float32)
        self.offset_m = float(rng_for(setting.seed, 3).uniform(0, 60))

    def lamps(self, along: Array, across: Array) -> Array:
        """Return the lamps' light on the ground, 1 below a lamp.

        Args:
            along: Distance s along the road, metres.
            across: u, metres.
        """
        if self.spacing_m <= 0:
            return np.zeros_like(across)
        total = np.full_like(across, 0.04)
        h2 = np.float32(self.height_m**2)
        for index, place in enumerate(self.lamp_us):
            shift = self.offset_m + 0.5 * index * self.spacing_m
            gap = np.mod(along - shift + self.spacing_m / 2, self.spacing_m) - self.spacing_m / 2
            fall = h2 / (h2 + gap * gap * 1.2 + (across - place) ** 2)
            total += fall * fall
        return total

    def _lamp_at(self, along: float, across: float) -> float:
        """Compute `lamps` for one place, in plain numbers: arrays of one are slow."""
        total = 0.04
        if self.spacing_m <= 0:
            return 0.0
        for index, place in enumerate(self.lamp_us):
            shift = self.offset_m + 0.5 * index * self.spacing_m
            gap = (along - shift + self.spacing_m / 2) % self.spacing_m - self.spacing_m / 2
            fall = 1 / (1 + (gap * gap * 1.2 + (across - place) ** 2) / self.height_m**2)
            total += fall * fall
        return total

    @staticmethod
    def beam(slope: Array, ahead: Array) -> Array:
        """Return our headlight's light on the ground, 1 at its brightest.

        Args:
            slope: Sideways tangent of the ray from the bike, right positive.
            ahead: Distance in metres.
        """
        depth = np.log(np.maximum(ahead, 0.3) * np.float32(1 / 9.0))
        core = np.exp(-((slope * 3.2) ** 2) - depth * depth * 1.1)
        spill = 0.22 * np.exp(-((slope * 1.1) ** 2) - ahead * np.float32(1 / 14))
        out: Array = core + spill
        return out

    def on_thing(self, view: View, u: float, d: float, *, lift: float = 1.0) -> Array:
        """Return the light (3,) on a standing thing; lift scales our headlight's part."""
        lamp = self._lamp_at(view.course.start_m + d, u)
        slope, ahead = (u - view.pose.u_m) / max(d, 2.0), max(d, 4.0)
        depth = math.log(ahead / 9.0)
        head = math.exp(-((slope * 3.2) ** 2) - depth * depth * 1.1)
        head += 0.22 * math.exp(-((slope * 1.1) ** 2) - ahead / 14)
        head = lift * (head + 0.12 / (1 + (d / 25) ** 2))
        out: Array = self.ambient * 1.1 + self.lamp * (0.75 * lamp + 0.06) + self.head * head
        return out


def lit(albedo: Rgb, light: Array, *, gain: float = 1.0) -> Rgb:
    """Return paint of this albedo (0 to 255) under this light (3,), as a colour 0 to 255."""
    red, green, blue = light.tolist()
    return (
        min(255.0, albedo[0] * red * gain),
        min(255.0, albedo[1] * green * gain),
        min(255.0, albedo[2] * blue * gain),
    )
