"""Everything that is fixed for one ride: place, road, light, camera, drawn from the seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from losszero_rt.ride.spec import Rgb, rng_for

Place = Literal["suburb", "town", "highway", "rural", "tunnel"]
BikeModel = Literal["classic", "naked", "sport", "commuter"]


@dataclass(frozen=True, kw_only=True)
class RoadSetting:
    """The road's cross-section, in metres; u is 0 on the line between the two directions.

    Attributes:
        side: +1 where one drives on the right, -1 on the left.
        num_own, num_other: Lanes of our direction, and of the other one (0: one-way).
        ego_lane: Index of our lane, 0 next to the middle.
        lane_m, median_m, shoulder_m, sidewalk_m: Widths; a median of 0 is a painted line.
        curve, hill: Strength of bends and of slopes, 0 to 1.
        yellow_middle: Whether the middle line is yellow.
        wear: How worn the paint is, 0 (new) to 1.
        wet: How wet the asphalt is, 0 to 1.
    """

    side: int
    num_own: int
    num_other: int
    ego_lane: int
    lane_m: float
    median_m: float
    shoulder_m: float
    sidewalk_m: float
    curve: float
    hill: float
    yellow_middle: bool
    wear: float
    wet: float

    @property
    def own_edge_m(self) -> float:
        """U of our side's edge of the asphalt."""
        return self.median_m / 2 + self.num_own * self.lane_m + self.shoulder_m

    @property
    def other_edge_m(self) -> float:
        """U of the far side's edge of the asphalt, at most 0."""
        return -(self.median_m / 2 + self.num_other * self.lane_m + self.shoulder_m)

    def lane_u(self, lane: int) -> float:
        """Return u of the middle of a lane; -1, -2, ... are those of the other direction."""
        if lane >= 0:
            return self.median_m / 2 + (lane + 0.5) * self.lane_m
        return -(self.median_m / 2 + (-lane - 0.5) * self.lane_m)


@dataclass(frozen=True, kw_only=True)
class LightSetting:
    """The lights of a ride; light of 1 shows paint as it is.

    Attributes:
        dusk: 0 (night) to 1 (blue hour with a bright sky).
        ambient: Light that is everywhere.
        lamp: Light under a street lamp; `lamp_spacing_m` apart, 0 where there are none.
        lamp_height_m: Height of the lamps.
        lamp_pairs: Whether lamps stand on both sides.
        headlight: Light of our own headlight at its brightest spot.
        sky_low, sky_high: Colour of the sky at the horizon and overhead, 0 to 255.
    """

    dusk: float
    ambient: Rgb
    lamp: Rgb
    lamp_spacing_m: float
    lamp_height_m: float
    lamp_pairs: bool
    headlight: Rgb
    sky_low: Rgb
    sky_high: Rgb


@dataclass(frozen=True, kw_only=True)
class CameraSetting:
    """How the camera is built and mounted.

    Attributes:
        fov_deg: Horizontal field of view.
        bend: Fisheye strength, 0.05 (almost straight lines) to 0.9.
        height_m: Height above the road.
        horizon: Row of the horizon as a part of the height, on flat road.
        shake: Strength of vibration, 0 to 1.
        exposure: Gain on everything but the lamps themselves, which stay white.
        gamma: Exponent of the tone curve.
        cast: Gain of red, green and blue.
        noise: Standard deviation of the noise in dark tones, 0 to 255.
        blur: Length of motion blur, 0 to 1.
        glare: Strength of bloom, 0.4 to 1.6.
    """

    fov_deg: float
    bend: float
    height_m: float
    horizon: float
    shake: float
    exposure: float
    gamma: float
    cast: Rgb
    noise: float
    blur: float
    glare: float


@dataclass(frozen=True, kw_only=True)
class RideSetting:
    """One ride's fixed choices.

    Attributes:
        seed: The seed they were drawn from.
        place: Kind of surroundings.
        road, light, camera: Their settings.
        bike: Model of our motorcycle.
        speed_mps: Mean speed.
        traffic: Density of traffic, 0 to 1.
        city: Density of houses, signs and lit windows, 0 to 1.
    """

    seed: int
    place: Place
    road: RoadSetting
    light: LightSetting
    camera: CameraSetting
    bike: BikeModel
    speed_mps: float
    traffic: float
    city: float


PLACES: tuple[Place, ...] = ("suburb", "town", "highway", "rural", "tunnel")
BIKES: tuple[BikeModel, ...] = ("classic", "naked", "sport", "commuter")
LAMP_COLOURS: tuple[Rgb, ...] = (
    (1.0, 0.72, 0.36),
    (1.0, 0.82, 0.58),
    (1.0, 0.93, 0.78),
    (0.86, 0.95, 1.0),
)


def draw_setting(seed: int) -> RideSetting:
    """Draw all choices of the ride with this seed."""
    rng = rng_for(seed, 1)
    place = PLACES[int(rng.choice(len(PLACES), p=(0.36, 0.26, 0.18, 0.10, 0.10)))]
    dusk = 0.0
    if place != "tunnel" and rng.random() < 0.2:
        dusk = float(rng.uniform(0.35, 1.0))
    city = {"suburb": 0.5, "town": 0.95, "highway": 0.2, "rural": 0.08, "tunnel": 0.0}[place]
    camera = _draw_camera(place, dusk, rng)
    speed = {"suburb": 14.0, "town": 10.0, "highway": 25.0, "rural": 19.0, "tunnel": 17.0}[place]
    return RideSetting(
        seed=seed,
        place=place,
        road=_draw_road(place, rng),
        light=_draw_light(place, dusk, camera.exposure, rng),
        camera=camera,
        bike=BIKES[int(rng.choice(len(BIKES), p=(0.42, 0.22, 0.22, 0.14)))],
        speed_mps=speed * float(rng.uniform(0.75, 1.25)),
        traffic=float(rng.choice((0.15, 0.4, 0.7, 1.0), p=(0.25, 0.3, 0.25, 0.2))),
        city=city * float(rng.uniform(0.7, 1.2)),
    )


def _draw_road(place: Place, rng: np.random.Generator) -> RoadSetting:
    num_own = 1 if place == "rural" else int(rng.integers(1 if place != "highway" else 2, 4))
    divided = place == "highway" or (num_own > 1 and rng.random() < 0.4)
    one_way = place == "tunnel" or (place == "town" and rng.random() < 0.25)
    return RoadSetting(
        side=1 if rng.random() < 0.6 else -1,
        num_own=max(num_own, 2) if one_way else num_own,
        num_other=0 if one_way else (num_own if divided else int(rng.integers(1, num_own + 1))),
        ego_lane=int(rng.integers(0, num_own)),
        lane_m=float(rng.uniform(2.9, 3.7)),
        median_m=float(rng.uniform(1.0, 4.0)) if divided and not one_way else 0.0,
        shoulder_m=float(rng.uniform(0.3, 2.4 if place == "highway" else 0.9)),
        sidewalk_m=0.0 if place in ("highway", "rural", "tunnel") else float(rng.uniform(1.5, 4)),
        curve=float(rng.choice((0.15, 0.5, 1.0))) * (0.5 if place in ("town", "tunnel") else 1.0),
        hill=float(rng.choice((0.1, 0.5, 1.0))) * (0.4 if place in ("town", "tunnel") else 1.0),
        yellow_middle=bool(rng.random() < 0.4),
        wear=float(rng.uniform(0.0, 0.8)),
        wet=float(rng.uniform(0.4, 1.0)) if rng.random() < 0.3 else float(rng.uniform(0, 0.2)),
    )


def _draw_light(
    place: Place, dusk: float, exposure: float, rng: np.random.Generator
) -> LightSetting:
    lit = {"suburb": 0.6, "town": 1.2, "highway": 0.6, "rural": 0.15, "tunnel": 0.9}[place]
    level = exposure * 1.5 * lit * float(rng.uniform(0.45, 1.3))
    tint = LAMP_COLOURS[int(rng.integers(0, len(LAMP_COLOURS)))]
    own = exposure * float(rng.uniform(0.5, 1.3))
    own_tint: Rgb = (0.72, 0.86, 1.1) if rng.random() < 0.6 else (1.0, 0.86, 0.62)
    base = exposure * (0.025 + 0.09 * lit * float(rng.uniform(0.5, 1.2)))
    sky = np.array((5.0, 5.5, 8.0)) * float(
        rng.uniform(0.3, 1.2)
    ) * exposure + lit * exposure * 4 * np.array(tint)
    low = sky * (1.5 + 0.8 * lit) * (1 - dusk) + dusk * np.array((168.0, 186.0, 220.0))
    high = sky * (1 - dusk) + dusk * np.array((62.0, 100.0, 158.0))
    dim = np.array((0.24, 0.33, 0.46)) * dusk + base * np.array((0.9, 0.95, 1.05))
    return LightSetting(
        dusk=dusk,
        ambient=_rgb(dim),
        lamp=_rgb(np.array(tint) * level * (1 - 0.7 * dusk)),
        lamp_spacing_m=0.0
        if place == "rural" and rng.random() < 0.7
        else float(rng.uniform(18, 45)),
        lamp_height_m=float(rng.uniform(5.5, 9.5)),
        lamp_pairs=bool(rng.random() < 0.5),
        headlight=_rgb(np.array(own_tint) * own * (1 - 0.8 * dusk)),
        sky_low=_rgb(low),
        sky_high=_rgb(high),
    )


def _draw_camera(place: Place, dusk: float, rng: np.random.Generator) -> CameraSetting:
    dark = place != "tunnel" and dusk == 0 and rng.random() < 0.35
    return CameraSetting(
        fov_deg=float(rng.uniform(78, 118)),
        bend=float(rng.uniform(0.15, 0.85)),
        height_m=float(rng.uniform(1.15, 1.55)),
        horizon=float(rng.uniform(0.30, 0.46)),
        shake=float(rng.uniform(0.1, 1.0)),
        exposure=float(rng.uniform(0.22, 0.55)) if dark else float(rng.uniform(0.75, 1.3)),
        gamma=float(rng.uniform(0.82, 1.1)),
        cast=_rgb(np.array((1.0, 0.94, 1.0)) * rng.uniform(0.92, 1.08, 3)),
        noise=float(rng.uniform(1.0, 4.5)),
        blur=float(rng.uniform(0.15, 1.0)),
        glare=float(rng.uniform(0.6, 1.5)),
    )


def _rgb(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Rgb:
    red, green, blue = (float(value) for value in values)
    return red, green, blue
