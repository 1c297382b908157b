"""Parts of the bike and rider: drawn once with rounded shading, warped and lit for every frame."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from losszero_rt.ride.spec import Array, Rgb

PAD = 0.14
"""Margin around the picture, as a part of the unit, that movement may bring into sight."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Sprite:
    """Layers of one movable piece, cropped; uint8.

    Attributes:
        origin: (x, y) in pixels of the layers' corner, in picture coordinates.
        base: Paint in a light of 1, (h, w, 3).
        sheen: Highlights under a street lamp, (h, w, 3).
        emit: What shines by itself, (h, w, 3).
        labels: Class ids, (h, w); `NOTHING` where the piece is not.
        glass: 255 where the piece is see-through, (h, w).
    """

    origin: tuple[int, int]
    base: Array
    sheen: Array
    emit: Array
    labels: Array
    glass: Array


NOTHING = 255


class Stamp:
    """Draw a sprite part by part, later parts on top.

    Places are in units: x from the picture's middle, y from 1 - its height above the lower edge;
    the unit is the height of a 16:9 picture of this width.
    """

    def __init__(self, size: tuple[int, int], move: Array, sheen: Rgb) -> None:
        """Make empty layers.

        Args:
            size: (height, width) of the picture, pixels.
            move: (2, 3) affine map applied to all places, in units.
            sheen: Colour of the highlights.
        """
        height, width = size
        self.unit = max(width / 16 * 9, height * 0.45)
        self._move = move
        self._sheen = np.array(sheen, np.float32)
        self._pad = int(PAD * self.unit) + 2
        shape = (height + 2 * self._pad, width + 2 * self._pad)
        self._zero = np.array((width / 2 + self._pad, height + self._pad - self.unit))
        self._base = np.zeros((*shape, 3), np.float32)
        self._shine = np.zeros((*shape, 3), np.float32)
        self._emit = np.zeros((*shape, 3), np.float32)
        self.corner = np.array((self._pad, self._pad), np.float64)
        self._labels = np.full(shape, NOTHING, np.uint8)
        self._glass = np.zeros(shape, np.uint8)

    def pixels(self, places: Array) -> Array:
        """Map places (n, 2) in units to layer pixels (n, 2), float64."""
        moved = places @ self._move[:, :2].T + self._move[:, 2]
        out: Array = moved * self.unit + self._zero
        return out

    def part(
        self,
        places: Array | list[tuple[float, float]],
        rgb: Rgb,
        label: int,
        *,
        round_px: float = 0.02,
        gloss: float = 0.5,
        see_through: bool = False,
    ) -> None:
        """Fill a polygon and shades it as a body whose edges are rounded over `round_px` units."""
        corners = np.round(self.pixels(np.asarray(places, np.float64))).astype(np.int32)
        height, width = self._labels.shape
        x, y, w, h = cv2.boundingRect(corners)
        x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + w, width), min(y + h, height)
        if x0 >= x1 or y0 >= y1:
            return
        # A frame of one pixel, so that the rounding begins at the body's own edge.
        mask = np.zeros((h + 2, w + 2), np.uint8)
        cv2.fillPoly(mask, [corners - (x - 1, y - 1)], (255,))
        shade, glint = _rounded(mask, max(round_px * self.unit, 1.0))
        crop = np.s_[y0 - y + 1 : y1 - y + 1, x0 - x + 1 : x1 - x + 1]
        inside = mask[crop] > 0
        box = np.s_[y0:y1, x0:x1]
        paint = np.array(rgb, np.float32) * shade[crop][..., None]
        self._base[box][inside] = paint[inside]
        self._shine[box][inside] = (self._sheen * (gloss * glint[crop])[..., None])[inside]
        self._emit[box][inside] = 0
        self._labels[box][inside] = label
        self._glass[box][inside] = 255 if see_through else 0

    def tube(
        self,
        places: Array | list[tuple[float, float]],
        width: float,
        rgb: Rgb,
        label: int,
        *,
        gloss: float = 0.7,
    ) -> None:
        """Draw a bent pipe of this width, in units, along a smoothed line."""
        line = smooth(np.asarray(places, np.float64))
        ahead = np.gradient(line, axis=0)
        ahead /= np.linalg.norm(ahead, axis=1, keepdims=True) + 1e-9
        across = ahead[:, ::-1] * (-0.5 * width, 0.5 * width)
        outline = np.concatenate((line + across, (line - across)[::-1]))
        self.part(outline, rgb, label, round_px=width * 0.5, gloss=gloss)

    def glow(self, places: Array | list[tuple[float, float]], rgb: Rgb, *, halo: float = 0) -> None:
        """Light up a polygon; with a halo of this radius in units upon what is near."""
        corners = np.round(self.pixels(np.asarray(places, np.float64))).astype(np.int32)
        if halo > 0:
            scratch = np.zeros_like(self._emit)
            cv2.fillPoly(scratch, [corners], rgb)
            self._emit += 0.6 * cv2.GaussianBlur(scratch, (0, 0), halo * self.unit)
        cv2.fillPoly(self._emit, [corners], rgb)

    def spots(self, rng: np.random.Generator, num: int, area: Array, rgb: Rgb) -> None:
        """Scatter small reflections of lights over the box area ((x0, y0), (x1, y1)), in units."""
        places = self.pixels(rng.uniform(area[0], area[1], (num, 2)))
        for place in places:
            gain = float(rng.uniform(0.2, 1.0))
            colour = tuple(gain * channel for channel in rgb)
            centre = (int(place[0]), int(place[1]))
            axes = (
                max(1, int(self.unit * rng.uniform(0.001, 0.0045))),
                max(1, int(self.unit * 0.0016)),
            )
            cv2.ellipse(self._shine, centre, axes, float(rng.uniform(-40, 40)), 0, 360, colour, -1)

    def finish(self) -> Sprite:
        """Return the drawn layers, cropped to what was drawn."""
        rows = np.flatnonzero((self._labels != NOTHING).any(1))
        cols = np.flatnonzero((self._labels != NOTHING).any(0))
        y0, y1 = (int(rows[0]), int(rows[-1]) + 1) if len(rows) else (0, 1)
        x0, x1 = (int(cols[0]), int(cols[-1]) + 1) if len(cols) else (0, 1)
        box = np.s_[y0:y1, x0:x1]
        soft = self.unit * 0.0012

        def layer(values: Array) -> Array:
            out = cv2.GaussianBlur(values, (0, 0), max(soft, 0.3))[box]
            return np.clip(out, 0, 255).astype(np.uint8)

        return Sprite(
            origin=(x0 - self._pad, y0 - self._pad),
            base=layer(self._base),
            sheen=layer(self._shine),
            emit=layer(self._emit),
            labels=self._labels[box].copy(),
            glass=self._glass[box].copy(),
        )


def smooth(places: Array, *, num: int = 40) -> Array:
    """Return a line (num, 2) through the places, with its corners cut (quadratic B-spline)."""
    for _ in range(3):
        near, far = places[:-1] * 0.75 + places[1:] * 0.25, places[:-1] * 0.25 + places[1:] * 0.75
        cut = np.stack((near, far), 1).reshape(-1, 2)
        places = np.concatenate((places[:1], cut, places[-1:]))
    at = np.linspace(0, len(places) - 1, num)
    index = np.arange(len(places))
    return np.stack((np.interp(at, index, places[:, 0]), np.interp(at, index, places[:, 1])), -1)


def oval(x: float, y: float, rx: float, ry: float, *, turn: float = 0.0, num: int = 40) -> Array:
    """Return the corners (num, 2) of an ellipse turned by this angle in radians."""
    angle = np.linspace(0, 2 * np.pi, num, endpoint=False)
    flat = np.stack((rx * np.cos(angle), ry * np.sin(angle)), -1)
    cos, sin = np.cos(turn), np.sin(turn)
    out: Array = flat @ np.array(((cos, sin), (-sin, cos))) + (x, y)
    return out


def _rounded(mask: Array, radius_px: float) -> tuple[Array, Array]:
    """Return shade (about 0.3 to 1.2) and glint (0 to 1), float32, of a body with round edges."""
    depth = np.minimum(cv2.distanceTransform(mask, cv2.DIST_L2, 5) / radius_px, 1.0)
    bulge = np.sqrt(np.maximum(1 - (1 - depth) ** 2, 0)) * radius_px
    bulge = cv2.GaussianBlur(bulge, (0, 0), max(radius_px * 0.15, 0.5))
    down = cv2.Sobel(bulge, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
    right = cv2.Sobel(bulge, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
    length = np.sqrt(1 + down * down + right * right)
    up = down / length
    shade = 0.55 + 0.3 / length + 0.45 * up
    glint = np.clip(0.75 * up + 0.62 / length, 0, 1) ** 14
    return shade, glint
