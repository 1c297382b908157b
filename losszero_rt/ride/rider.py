"""The rider's arms: gloves, cuffs and sleeves as two sprites."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from losszero_rt.ride.setting import RideSetting
from losszero_rt.ride.spec import RIDER, Array, Rgb, as_rgb, rng_for
from losszero_rt.ride.sprite import Sprite, Stamp, oval, smooth

GLOVES: tuple[Rgb, ...] = (
    (28, 28, 30),
    (34, 34, 38),
    (150, 96, 34),
    (172, 118, 46),
    (158, 142, 30),
    (60, 62, 66),
    (90, 26, 26),
)
SLEEVES: tuple[Rgb, ...] = ((22, 23, 30), (26, 26, 28), (34, 40, 62), (52, 50, 46), (70, 20, 24))


PALM = (
    (-0.075, -0.02),
    (-0.04, -0.06),
    (0.05, -0.062),
    (0.12, -0.03),
    (0.13, 0.06),
    (0.06, 0.075),
    (-0.05, 0.06),
    (-0.09, 0.025),
    (-0.075, -0.02),
)


@dataclass(frozen=True, kw_only=True)
class Wear:
    """What the rider wears: colours 0 to 255, and the thickness of the arms, 1 as usual."""

    glove: Rgb
    sleeve: Rgb
    trim: Rgb
    thick: float


def draw_arms(
    size: tuple[int, int],
    setting: RideSetting,
    sheen: Rgb,
    *,
    move: Array,
    grips: tuple[tuple[float, float], tuple[float, float]],
) -> tuple[Sprite, Sprite]:
    """Draw the left and the right arm, hands on the grips (in units, moved like the bike)."""
    rng = rng_for(setting.seed, 22)
    glove = GLOVES[int(rng.integers(len(GLOVES)))]
    sleeve = SLEEVES[int(rng.integers(len(SLEEVES)))]
    trim = as_rgb(np.array(glove) * rng.uniform(0.5, 1.2) + rng.uniform(0, 25, 3))
    drop = float(rng.uniform(0.08, 0.3))
    wear = Wear(glove=glove, sleeve=sleeve, trim=trim, thick=float(rng.uniform(0.85, 1.2)))
    arms = []
    for sign, grip in ((-1, np.array(grips[0])), (1, np.array(grips[1]))):
        stamp = Stamp(size, move, sheen)
        wrist = grip + np.array((sign * 0.1, 0.035))
        elbow = grip + np.array((sign * 0.62, 0.05 + drop))
        _sleeve(stamp, rng_for(setting.seed, 23), wrist, elbow, wear)
        _hand(stamp, grip, sign, wear)
        arms.append(stamp.finish())
    return arms[0], arms[1]


def _sleeve(stamp: Stamp, rng: np.random.Generator, wrist: Array, elbow: Array, wear: Wear) -> None:
    """Add forearm, creases, cuff and strap."""
    along = (elbow - wrist) / np.linalg.norm(elbow - wrist)
    across = np.array((-along[1], along[0]))
    steps = np.linspace(0, 1, 14)[:, None]
    line = wrist + (elbow - wrist) * steps
    half = across * (0.062 + 0.1 * steps) * wear.thick
    fold = 1 + 0.07 * rng.uniform(-1, 1, (14, 2))
    outline = np.concatenate((line + half * fold[:, :1], (line - half * fold[:, 1:])[::-1]))
    stamp.part(smooth(outline, num=90), wear.sleeve, RIDER, gloss=0.12, round_px=0.09)
    shade = as_rgb(np.array(wear.sleeve) * 1.25)
    for step in (0.12, 0.2, 0.31, 0.45):
        middle = wrist + (elbow - wrist) * step
        side = across * (0.05 + 0.09 * step) * wear.thick
        crease = np.stack((middle - side, middle + along * 0.02, middle + side))
        stamp.tube(crease, 0.012, shade, RIDER, gloss=0.1)
    low, high = wrist - along * 0.03, wrist + along * 0.07
    near, far = across * 0.07, across * 0.085
    cuff = np.stack((low - near, high - far, high + far, low + near, low - near))
    stamp.part(smooth(cuff, num=50), wear.glove, RIDER, gloss=0.2, round_px=0.04)
    strap = np.stack((wrist - across * 0.074, wrist + across * 0.074))
    stamp.tube(strap, 0.024, wear.trim, RIDER, gloss=0.3)


def _hand(stamp: Stamp, grip: Array, sign: int, wear: Wear) -> None:
    """Add a hand whose fingers close around the grip; places are relative to it."""

    def at(*places: tuple[float, float]) -> Array:
        return grip + np.array(places) * (sign, 1)

    back = at(*PALM)
    stamp.part(smooth(back, num=60), wear.glove, RIDER, gloss=0.3, round_px=0.045)
    dark = as_rgb(np.array(wear.glove) * 0.72)
    for index in range(4):
        x, tip = -0.06 + 0.038 * index, -0.051 if index in (1, 2) else -0.045
        finger = at((x + 0.01, tip), (x - 0.012, 0.0), (x - 0.006, 0.05))
        stamp.tube(finger, 0.032, wear.glove, RIDER, gloss=0.3)
        stamp.tube(at((x + 0.024, -0.04), (x + 0.008, 0.045)), 0.006, dark, RIDER, gloss=0)
    x, y = at((0.045, -0.025))[0]
    stamp.part(oval(x, y, 0.042, 0.02, turn=sign * 0.2), wear.trim, RIDER, gloss=0.5)
    thumb = at((0.05, 0.05), (-0.02, 0.072), (-0.085, 0.055))
    stamp.tube(thumb, 0.036, wear.glove, RIDER, gloss=0.3)
