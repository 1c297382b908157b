"""What a ride is asked for (`RideSpec`) and what it gives (`RideFrame`)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
"""A numpy array whose dtype is told by the docstring that mentions it."""

Rgb = tuple[float, float, float]
"""A colour or a light: red, green, blue; 0 to 255 for paint, free scale for light."""

Viewpoint = Literal["motorcycle", "car"]
Walkers = Literal["few", "many"]

UNDRIVABLE: Final = 0
ROAD: Final = 1
LANE_MARK: Final = 2
MY_BIKE: Final = 3
RIDER: Final = 4
MOVEABLE: Final = 5

MIN_SIDE_PX: Final = 16


@dataclass(frozen=True, kw_only=True)
class RideSpec:
    """One ride to be drawn; two equal specs give identical bytes.

    Attributes:
        size: (height, width) in pixels, each at least 16.
        seed: Chooses everything that is left open: place, weather, bike, traffic, camera; >= 0.
        rate: Declared frames per second; the grid on which variable-rate times lie as well.
        vfr: Whether presentation times are irregular, as of a camera that lengthens its exposure.
        duration_s: Length of the ride in seconds, > 0.
        viewpoint: Seat of the camera; "car" shows neither bike nor rider.
        walkers: "many" adds people on foot, most of them in dark clothes, to an otherwise equal
            ride; there are none on highways and in tunnels.
    """

    size: tuple[int, int] = (720, 1280)
    seed: int = 0
    rate: Fraction = Fraction(30)
    vfr: bool = False
    duration_s: float = 20.0
    viewpoint: Viewpoint = "motorcycle"
    walkers: Walkers = "few"

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn.

        Raises:
            ValueError: On a size, seed, rate, duration or viewpoint out of range.
        """
        height, width = self.size
        if min(height, width) < MIN_SIDE_PX:
            raise ValueError(
                f"ride size is (height, width) = {self.size}; each side must be at least "
                f"{MIN_SIDE_PX} pixels; try {(max(height, 144), max(width, 256))}."
            )
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}; it must be 0 or more; try {-self.seed}.")
        if self.rate <= 0:
            raise ValueError(f"rate is {self.rate}; it must be above 0; try Fraction(30).")
        if not self.duration_s > 0:
            raise ValueError(f"duration_s is {self.duration_s}; it must be above 0; try 20.0.")
        if self.viewpoint not in ("motorcycle", "car"):
            raise ValueError(
                f"viewpoint is {self.viewpoint!r}; it must be 'motorcycle' or 'car'; "
                "leave it out for 'motorcycle'."
            )
        if self.walkers not in ("few", "many"):
            raise ValueError(
                f"walkers is {self.walkers!r}; it must be 'few' or 'many'; leave it out for 'few'."
            )


@dataclass(frozen=True, kw_only=True, eq=False)
class RideFrame:
    """One drawn picture with the truth about it.

    Attributes:
        index: Position in the ride, from 0.
        time_s: Presentation time in seconds from the start of the ride.
        pixels_HWC: RGB, uint8, (height, width, 3).
        labels_HW: Class ids 0 to 5, uint8, (height, width): undrivable, road, lane mark,
            my bike, rider, moveable.
    """

    index: int
    time_s: float
    pixels_HWC: NDArray[np.uint8]
    labels_HW: NDArray[np.uint8]

    def __repr__(self) -> str:
        """Show shapes, not data."""
        height, width = self.labels_HW.shape
        return f"RideFrame(index={self.index}, time_s={self.time_s:.4f}, size=({height}, {width}))"


def presentation_times(spec: RideSpec) -> list[Fraction]:
    """Return the strictly increasing times, in seconds, at which the frames are shown.

    A camera at night lengthens its exposure, and now and then skips a frame altogether: so the
    gaps of a variable-rate ride lie between 1 and 1.6 grid steps, and about one in 14 is doubled.
    """
    step = 1 / spec.rate
    num_even = max(1, round(Fraction(spec.duration_s) / step))
    if not spec.vfr:
        return [index * step for index in range(num_even)]
    rng = np.random.default_rng((spec.seed, 77))
    times, now = [Fraction(0)], Fraction(0)
    while True:
        slow = 0.3 + 0.3 * np.sin(len(times) / 23.0)
        gap = Fraction(round(90 * (1 + slow * rng.random())), 90)
        now += step * gap * (2 if rng.random() < 1 / 14 or len(times) % 37 == 5 else 1)
        if now >= num_even * step:
            return times
        times.append(now)


def rng_for(seed: int, *keys: int) -> np.random.Generator:
    """Return a generator that depends on the seed and on these keys only (negative ones too)."""
    return np.random.default_rng((seed, *(key & 0xFFFFFFFF for key in keys)))


def as_rgb(values: Array) -> Rgb:
    """Return the three values as a plain tuple, which is all that OpenCV takes as a colour."""
    red, green, blue = (float(value) for value in values)
    return red, green, blue
