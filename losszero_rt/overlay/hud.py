"""The HUD: one line of text on a translucent strip along the top or the bottom of the picture."""

from typing import Literal

import numpy as np

from losszero_rt.errors import clean_text
from losszero_rt.frame import Matrix, Planes
from losszero_rt.overlay.legend import GROUND, GROUND_OPACITY, TEXT, cap_height_px, even
from losszero_rt.overlay.lettering import Lettering
from losszero_rt.overlay.stamp import Ink, Stamp
from losszero_rt.overlay.tones import Chroma, YuvKind

Edge = Literal["top", "bottom"]

_MAX_HEIGHT = 0.15  # of the frame; a higher strip is left out
_MIN_CAPS = 16  # a strip narrower than so many capitals could say nothing


class Hud:
    """A strip for canvases of one size; the text is set anew only when it changes.

    Args:
        size: (height, width) of the canvas.
        matrix: YUV matrix of the canvas.
        full_range: Whether the canvas's values span 0..255.
        chroma: Layout of the canvas.
        edge: Edge of the picture along which the strip lies.

    Attributes:
        fits: False for canvases so small that the strip would cover too much: then nothing is
            drawn.
    """

    def __init__(
        self,
        size: tuple[int, int],
        *,
        matrix: Matrix = "bt601",
        full_range: bool = False,
        chroma: Chroma = "420",
        edge: Edge = "bottom",
    ) -> None:
        cap = cap_height_px(size[0])
        self._lettering = Lettering(cap)
        self._pad, self._strip_px = cap, even(self._lettering.line_px + 0.6 * cap)
        self._width = size[1] // 2 * 2
        self.fits = self._strip_px <= size[0] * _MAX_HEIGHT and size[1] >= _MIN_CAPS * cap
        self._top = 0 if edge == "top" else (size[0] - self._strip_px) // 2 * 2
        kind = YuvKind(matrix=matrix, full_range=full_range, chroma=chroma)
        self._ink = Ink(TEXT, ground=GROUND, opacity=GROUND_OPACITY, kind=kind)
        self._line: str | None = None
        self._strip: Stamp | None = None

    @property
    def area(self) -> tuple[int, int, int, int]:
        """Top, left, bottom, right of what is covered, pixels; nothing where it does not fit."""
        if not self.fits:
            return 0, 0, 0, 0
        return self._top, 0, self._top + self._strip_px, self._width

    def draw(self, canvas: Planes, *, line: str) -> None:
        """Lay the HUD on a canvas, in place.

        Args:
            canvas: Planes of the promised size; rows may be strided.
            line: What to say; cut short with dots where it is too long for the picture.
        """
        if not self.fits:
            return
        if self._strip is None or line != self._line:
            self._line, self._strip = line, self._set(line)
        self._strip.lay_on(canvas, top=self._top, left=0)

    def _set(self, line: str) -> Stamp:
        room = self._width - 2 * self._pad
        text = self._lettering.line(self._lettering.fitting(clean_text(line), width_px=room))
        strip = np.zeros((self._strip_px, self._width), np.uint8)
        # Even above and below the capitals, whatever room the letters leave for descenders.
        top = self._strip_px // 2 - self._lettering.middle_px
        strip[top : top + text.shape[0], self._pad : self._pad + text.shape[1]] = text
        return self._ink.stamp(strip)
