"""Collects polygons and lights in road coordinates, projects them at once, paints them in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from losszero_rt.ride.camera import View
from losszero_rt.ride.spec import Array, Rgb

SHIFT = 3
GLOW_STEP = 4


@dataclass(kw_only=True, eq=False, slots=True)
class Patch:
    """Polygons of one colour: corners (N, 3) in road coordinates, split into equal parts.

    Attributes:
        corners: (N, 3) float, (u, h, d) in metres.
        sides: Corners per polygon; N is a multiple of it.
        rgb: Colour 0 to 255, light included.
        label: Class id, or None to leave the labels alone.
        hides: Whether it is large enough to hide lights behind it.
    """

    corners: Array
    sides: int
    rgb: Rgb
    label: int | None
    hides: bool = False


@dataclass(kw_only=True, eq=False, slots=True)
class Light:
    """A shining disc: centre (u, h, d), radius in metres, colour 0 to 255, strength of its glow."""

    place: tuple[float, float, float]
    radius_m: float
    rgb: Rgb
    strength: float
    label: int | None
    streak: float


@dataclass(eq=False)
class Thing:
    """What is painted together, at one depth: patches and lights in painting order."""

    depth_m: float
    parts: list[Patch | Light] = field(default_factory=list)

    def patch(
        self,
        corners: Array | Sequence[tuple[float, float, float]],
        rgb: Rgb,
        label: int | None,
        *,
        sides: int = 0,
        hides: bool = False,
    ) -> None:
        """Add polygons with this many sides each; 0 makes all corners one polygon."""
        points = np.asarray(corners, np.float64)
        self.parts.append(
            Patch(corners=points, sides=sides or len(points), rgb=rgb, label=label, hides=hides)
        )

    def light(
        self,
        place: tuple[float, float, float],
        radius_m: float,
        rgb: Rgb,
        *,
        strength: float = 1.0,
        label: int | None = None,
        streak: float = 1.0,
    ) -> None:
        """Add a shining disc; streak is the strength of its reflection on the road."""
        self.parts.append(
            Light(
                place=place,
                radius_m=radius_m,
                rgb=rgb,
                strength=strength,
                label=label,
                streak=streak,
            )
        )


class Sheet:
    """The picture while it is painted: pixels, labels and the light that will bloom."""

    def __init__(self, size: tuple[int, int]) -> None:
        """Make empty layers for this (height, width)."""
        height, width = size
        quarter = (-(-height // GLOW_STEP), -(-width // GLOW_STEP))
        self.pixels = np.zeros((height, width, 3), np.uint8)
        self.labels = np.zeros((height, width), np.uint8)
        self.glow = np.zeros((*quarter, 3), np.float32)
        self.streaks = np.zeros((*quarter, 3), np.float32)

    def fill(self, polygons: list[Array], rgb: Rgb, label: int | None, *, hides: bool) -> None:
        """Fill int32 polygons (SHIFT fractional bits) on all layers alike."""
        rgb = (float(rgb[0]), float(rgb[1]), float(rgb[2]))
        cv2.fillPoly(self.pixels, polygons, rgb, cv2.LINE_8, SHIFT)
        if label is not None:
            cv2.fillPoly(self.labels, polygons, (label,), cv2.LINE_8, SHIFT)
        if hides:
            quarter = [polygon // GLOW_STEP for polygon in polygons]
            cv2.fillPoly(self.glow, quarter, (0, 0, 0), cv2.LINE_8, SHIFT)


class Painter:
    """Project the corners of all things in one go and paints them."""

    def __init__(self, sheet: Sheet, view: View) -> None:
        """Bind the sheet to paint on and the view to paint from."""
        self._sheet = sheet
        self._view = view

    def place(self, things: list[Thing]) -> list[tuple[Patch | Light, Array]]:
        """Return every part, far things first, with its picture points.

        Points are (n, 2), int32, in pixels with SHIFT fractional bits: colour and label get the
        very same ones, so their edges coincide.
        """
        parts = [part for thing in sorted(things, key=_farness) for part in thing.parts]
        if not parts:
            return []
        rows = [p.corners if isinstance(p, Patch) else np.array((p.place,)) for p in parts]
        points = self._view.project(np.concatenate(rows))
        corners = np.round(points * (1 << SHIFT)).astype(np.int32)
        placed, start = [], 0
        for part, row in zip(parts, rows, strict=True):
            placed.append((part, corners[start : start + len(row)]))
            start += len(row)
        return placed

    def paint(self, placed: list[tuple[Patch | Light, Array]]) -> None:
        """Paint patches and lights in the given order."""
        for part, corners in placed:
            if isinstance(part, Patch):
                polygons = list(corners.reshape(-1, part.sides, 2))
                self._sheet.fill(polygons, part.rgb, part.label, hides=part.hides)
            else:
                self._shine(part, corners[0].tolist())

    def streak(self, placed: list[tuple[Patch | Light, Array]], *, wet: float) -> None:
        """Draw each light's reflection on the road as a bar below it, before anything else."""
        lights = [(p, at[0].tolist()) for p, at in placed if isinstance(p, Light) and p.streak > 0]
        if not lights:
            return
        feet = self._view.project(np.array([(p.place[0], 0.0, p.place[2]) for p, _ in lights]))
        for (part, at), foot in zip(lights, feet.tolist(), strict=True):
            drop = (
                min(max(foot[1] - at[1] / (1 << SHIFT), 4.0), 400.0) * (0.5 + 0.6 * wet) / GLOW_STEP
            )
            radius = min(max(self._radius_px(part) / GLOW_STEP, 0.6), 9.0)
            power = part.streak * part.strength * (0.1 + 0.35 * wet)
            power *= min(1.0, part.place[2] / 8)
            centre = (int(foot[0] / GLOW_STEP), int(foot[1] / GLOW_STEP + 0.55 * drop))
            axes = (max(1, int(radius * 1.2)), max(1, int(0.5 * drop)))
            colour = tuple(float(channel) * power / 60 for channel in part.rgb)
            cv2.ellipse(self._sheet.streaks, centre, axes, 0, 0, 360, colour, -1)

    def _radius_px(self, light: Light) -> float:
        return light.radius_m * self._view.lens.focal_px / max(light.place[2], 0.5)

    def _shine(self, light: Light, corner: list[int]) -> None:
        height, width = self._sheet.labels.shape
        at = (corner[0] / (1 << SHIFT), corner[1] / (1 << SHIFT))
        if not (-300 < at[0] < width + 300 and -300 < at[1] < height + 300):
            return
        radius = min(self._radius_px(light), height * 0.08)
        centre = (int(at[0] * 16), int(at[1] * 16))
        cv2.circle(
            self._sheet.pixels,
            centre,
            int(max(radius, 0.7) * 16),
            tuple(map(float, light.rgb)),
            -1,
            8,
            4,
        )
        if light.label is not None and radius >= 1:
            cv2.circle(self._sheet.labels, centre, int(radius * 16), (light.label,), -1, 8, 4)
        # Far lamps are smaller than a glow pixel: their light is kept by making the disc dimmer.
        spread = max(radius / GLOW_STEP, 0.6)
        power = light.strength * min(1.0, (radius / GLOW_STEP / 0.6 + 0.25))
        colour = tuple(float(channel) * power for channel in light.rgb)
        spot = (int(at[0] * 16 / GLOW_STEP), int(at[1] * 16 / GLOW_STEP))
        cv2.circle(self._sheet.glow, spot, int(spread * 16), colour, -1, 8, 4)


def _farness(thing: Thing) -> float:
    return -thing.depth_m
