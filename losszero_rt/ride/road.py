"""Where the road goes and where the rider is on it; closed forms, so any time can be asked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from losszero_rt.ride.setting import RideSetting
from losszero_rt.ride.spec import Array, rng_for

FAR_M = 260.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Wave:
    """A sum of sines with its first and second derivative: smooth for ever, known everywhere."""

    amplitude: Array
    pulse: Array
    phase: Array

    def value(self, at: Array | float) -> Array:
        """Return the value at one or many places, float64."""
        angle = np.asarray(at)[..., None] * self.pulse + self.phase
        out: Array = (self.amplitude * np.sin(angle)).sum(-1)
        return out

    def slope(self, at: float) -> float:
        """Return the first derivative at one place."""
        return float((self.amplitude * self.pulse * np.cos(at * self.pulse + self.phase)).sum())

    def bend(self, at: float) -> float:
        """Return the second derivative at one place."""
        return float(-(self.amplitude * self.pulse**2 * np.sin(at * self.pulse + self.phase)).sum())


def draw_wave(
    rng: np.random.Generator, *, lengths: tuple[float, ...], peaks: tuple[float, ...]
) -> Wave:
    """Draw a wave whose parts have about these wavelengths and amplitudes."""
    length = np.array(lengths) * rng.uniform(0.75, 1.3, len(lengths))
    return Wave(
        amplitude=np.array(peaks) * rng.uniform(0.4, 1.0, len(peaks)),
        pulse=2 * np.pi / length,
        phase=rng.uniform(0, 2 * np.pi, len(lengths)),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Course:
    """The road ahead as the camera sees it at one moment.

    Attributes:
        start_m: Distance travelled, in metres; a thing at s lies s - start_m ahead.
        dist: Samples of the distance ahead, metres, rising, float64 (N,).
        shift: Sideways place of the road's middle at these distances, metres.
        rise: Height of the visible road there; ground behind a crest is lifted to the sight line,
            so that nothing that stands on it can be seen through the hill.
        sight: Slope of the line of sight to it, down positive, never rising with distance.
        bend: Curvature at the rider, 1/m, right positive.
        grade: Slope at the rider, up positive.
        speed_mps: Speed.
    """

    start_m: float
    dist: Array
    shift: Array
    rise: Array
    sight: Array
    bend: float
    grade: float
    speed_mps: float


class Journey:
    """The centre line and the rider's way along it."""

    def __init__(self, setting: RideSetting) -> None:
        """Draw the bends, hills and changes of speed of this setting."""
        rng = rng_for(setting.seed, 2)
        curve, hill = setting.road.curve, setting.road.hill
        self._bends = draw_wave(
            rng, lengths=(900, 420, 230), peaks=(60 * curve, 17 * curve, 3.5 * curve)
        )
        self._hills = draw_wave(
            rng, lengths=(700, 260, 130), peaks=(9 * hill, 1.9 * hill, 0.35 * hill)
        )
        self._pace = draw_wave(rng, lengths=(23.0, 9.0), peaks=(9.0, 2.0))
        self._speed_mps = setting.speed_mps
        self._origin_m = float(rng.uniform(0, 5000))
        self._dist = np.concatenate(([0.0], np.geomspace(0.3, FAR_M, 95)))

    def place_m(self, time_s: float) -> float:
        """Return the distance travelled at this time, in metres."""
        sway = float(self._pace.value(time_s)) * min(1.0, self._speed_mps / 20)
        return self._origin_m + self._speed_mps * time_s + sway

    def course(self, time_s: float, *, eye_m: float) -> Course:
        """Return the road ahead at this time, for an eye at this height in metres."""
        at = self.place_m(time_s)
        dist = self._dist
        shift = self._bends.value(at + dist) - self._bends.value(at) - self._bends.slope(at) * dist
        rise = self._hills.value(at + dist) - self._hills.value(at) - self._hills.slope(at) * dist
        safe = np.maximum(dist, 1e-3)
        sight = np.minimum.accumulate((eye_m - rise) / safe)
        ahead = self.place_m(time_s + 0.05)
        return Course(
            start_m=at,
            dist=dist,
            shift=shift,
            rise=eye_m - sight * safe,
            sight=sight,
            bend=self._bends.bend(at + 12.0),
            grade=self._hills.slope(at),
            speed_mps=(ahead - at) / 0.05,
        )
