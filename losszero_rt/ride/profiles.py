"""Outlines of vehicles, in metres: what traffic and the painter of vehicles both need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from losszero_rt.ride.spec import Rgb

Kind = Literal["sedan", "hatch", "suv", "van", "truck", "bus", "bike", "person"]

# Profiles from the rear bumper over the roof to the front bumper: (metres ahead, metres up).
PROFILES: dict[Kind, tuple[tuple[float, float], ...]] = {
    "sedan": (
        (0.0, 0.32),
        (0.0, 0.82),
        (0.12, 0.98),
        (0.6, 1.02),
        (1.15, 1.4),
        (2.3, 1.44),
        (3.1, 1.0),
        (4.2, 0.84),
        (4.45, 0.62),
        (4.45, 0.3),
    ),
    "hatch": (
        (0.0, 0.34),
        (0.0, 0.86),
        (0.08, 0.98),
        (0.14, 1.02),
        (0.5, 1.44),
        (2.2, 1.5),
        (3.0, 1.02),
        (3.8, 0.86),
        (4.0, 0.66),
        (4.0, 0.3),
    ),
    "suv": (
        (0.0, 0.42),
        (0.0, 0.98),
        (0.06, 1.1),
        (0.12, 1.14),
        (0.4, 1.66),
        (2.7, 1.72),
        (3.4, 1.16),
        (4.4, 1.02),
        (4.65, 0.78),
        (4.65, 0.4),
    ),
    "van": (
        (0.0, 0.42),
        (0.0, 0.9),
        (0.02, 1.15),
        (0.03, 1.25),
        (0.1, 2.1),
        (4.0, 2.25),
        (4.7, 1.3),
        (5.2, 1.1),
        (5.3, 0.8),
        (5.3, 0.4),
    ),
    "truck": (
        (0.0, 0.75),
        (0.0, 1.0),
        (0.0, 1.2),
        (0.0, 1.25),
        (0.02, 3.3),
        (6.6, 3.3),
        (6.8, 2.4),
        (7.0, 1.6),
        (7.1, 0.9),
        (7.1, 0.5),
    ),
    "bus": (
        (0.0, 0.4),
        (0.0, 0.9),
        (0.02, 1.3),
        (0.04, 1.5),
        (0.15, 3.0),
        (10.8, 3.05),
        (10.95, 1.5),
        (11.0, 1.3),
        (11.0, 0.9),
        (11.0, 0.4),
    ),
}
HALF_WIDTHS: dict[Kind, float] = {
    "sedan": 0.9,
    "hatch": 0.86,
    "suv": 0.95,
    "van": 1.0,
    "truck": 1.22,
    "bus": 1.25,
}
RED_LAMP: Rgb = (255, 36, 26)
WHITE_LAMP: Rgb = (255, 246, 226)


@dataclass(frozen=True, kw_only=True)
class Vehicle:
    """One moveable thing at one moment.

    Attributes:
        kind: What it is.
        u_m, near_m: Its middle across the road, and the distance of its nearest end.
        away: Whether we see its back.
        brake: Whether its brake lights shine.
        lamps: Whether its lights are on.
        look: A number that chooses colour and details.
        dark: Whether a person wears dark clothes only.
    """

    kind: Kind
    u_m: float
    near_m: float
    away: bool
    brake: bool
    lamps: bool
    look: int
    dark: bool = False


def length_m(kind: Kind) -> float:
    """Return a vehicle's length."""
    return PROFILES[kind][-1][0] if kind in PROFILES else 0.3


def half_width_m(kind: Kind, up: float) -> float:
    """Return half a vehicle's width at this height: cabins are narrower than bodies."""
    half, belt = HALF_WIDTHS[kind], 1.02
    if kind in ("truck", "bus"):
        return half
    if up <= belt:
        return half * (0.94 if up < 0.5 else 1.0)
    taper = 0.06 if kind == "van" else 0.22
    return half * (1 - taper * min(1.0, (up - belt) / (PROFILES[kind][5][1] - belt)))
