"""Text as smooth glyphs of any size, drawn once a character and set from then on."""

import math

import cv2
import numpy as np

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_FINER = 4  # glyphs are drawn so many times larger, then averaged down: even strokes at any size
_STROKE = 0.11  # of the height of a capital
_ASCENT, _DESCENT = 1.3, 0.55  # of the height of a capital; the room of a line around its base
# OpenCV 5 brings a Unicode font; before it, one "?" would be drawn for every byte of a character.
_ASCII_ONLY = int(cv2.__version__.split(".")[0]) < 5


class Lettering:
    """Sets lines of text in one size.

    Args:
        cap_px: Height of a capital letter, pixels.

    Attributes:
        line_px: Height of a line with its ascenders and descenders, pixels.
        middle_px: Row half-way up a capital letter.
    """

    def __init__(self, cap_px: int) -> None:
        self.line_px = math.ceil(cap_px * (_ASCENT + _DESCENT))
        self.middle_px = round(cap_px * (_ASCENT - 0.5))
        self._base = round(cap_px * _ASCENT * _FINER)
        self._thickness = max(2, round(cap_px * _FINER * _STROKE))
        self._scale = cap_px * _FINER / _cap_height(self._thickness)
        self._space = self._width("HH")
        self._glyphs: dict[str, np.ndarray] = {}

    def _width(self, text: str) -> int:
        return int(cv2.getTextSize(text, _FONT, self._scale, self._thickness)[0][0])

    def advance_px(self, character: str) -> int:
        """Return how far a character moves the next one."""
        # Measured between two others, for the ends of a text are measured differently.
        return round((self._width(f"H{character}H") - self._space) / _FINER)

    def glyph(self, character: str) -> np.ndarray:
        """Return one character as coverage, uint8 (line_px, advance_px), 0..255."""
        if character not in self._glyphs:
            self._glyphs[character] = self._draw(character)
        return self._glyphs[character]

    def _draw(self, character: str) -> np.ndarray:
        width = max(1, self.advance_px(character))
        large = np.zeros((self.line_px * _FINER, width * _FINER), np.uint8)
        origin = (0, self._base)
        cv2.putText(large, character, origin, _FONT, self._scale, 255, self._thickness, cv2.LINE_AA)
        return cv2.resize(large, (width, self.line_px), interpolation=cv2.INTER_AREA)

    def width_px(self, text: str) -> int:
        """Return the width of a line of text."""
        return sum(self.glyph(c).shape[1] for c in _drawable(text))

    def line(self, text: str) -> np.ndarray:
        """Return a line of text as coverage, uint8 (line_px, width), 0..255."""
        glyphs = [self.glyph(c) for c in _drawable(text)]
        return np.hstack(glyphs) if glyphs else np.zeros((self.line_px, 0), np.uint8)

    def fitting(self, text: str, *, width_px: int) -> str:
        """Return the text, cut short with dots where it would be wider than ``width_px``."""
        if self.width_px(text) <= width_px:
            return text
        while text and self.width_px(f"{text}...") > width_px:
            text = text[:-1]
        return f"{text}..." if text else ""


def _drawable(text: str) -> str:
    return text.encode("ascii", "replace").decode() if _ASCII_ONLY else text


def _cap_height(thickness: int) -> float:
    """Height of a capital letter at font scale 1, read off a drawn one."""
    scale = 8
    canvas = np.zeros((64 * scale, 64 * scale), np.uint8)
    cv2.putText(canvas, "H", (0, 48 * scale), _FONT, scale, 255, thickness)
    return float(cv2.boundingRect(canvas)[3] - min(thickness, 3)) / scale
