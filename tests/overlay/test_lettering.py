"""Glyphs and lines of text."""

import cv2
import numpy as np
import pytest

from losszero_rt.overlay.lettering import Lettering


@pytest.mark.parametrize("cap_px", [8, 12, 18, 36])
def test_capitals_have_the_height_asked_for(cap_px: int) -> None:
    lettering = Lettering(cap_px)
    rows = np.flatnonzero((lettering.glyph("H") > 100).any(axis=1))
    assert abs(rows.size - cap_px) <= max(1, cap_px // 9)
    assert abs((rows[0] + rows[-1]) / 2 - lettering.middle_px) <= max(1, cap_px // 9)
    assert lettering.line("Hg").shape[0] == lettering.line_px


@pytest.mark.parametrize("cap_px", [8, 18])
def test_descenders_and_accents_fit_into_the_line(cap_px: int) -> None:
    line = Lettering(cap_px).line("gjpqy(fA")
    assert line[-1].max() < 80
    assert line[0].max() < 80


def test_width_is_that_of_the_line() -> None:
    lettering = Lettering(12)
    assert lettering.line("lane mark 12%").shape[1] == lettering.width_px("lane mark 12%")
    assert lettering.line("").shape == (lettering.line_px, 0)
    assert lettering.width_px("ii") < lettering.width_px("WW")


def test_all_printable_characters_leave_ink_but_space() -> None:
    lettering = Lettering(18)
    for code in range(33, 127):
        assert lettering.glyph(chr(code)).max() > 100, chr(code)
    assert not lettering.glyph(" ").any()
    assert lettering.advance_px(" ") > 2


def test_text_too_long_is_cut_with_dots() -> None:
    lettering = Lettering(12)
    assert lettering.fitting("road", width_px=500) == "road"
    short = lettering.fitting("road " * 20, width_px=100)
    assert short.endswith("...")
    assert lettering.width_px(short) <= 100
    assert lettering.fitting("road", width_px=1) == ""


def test_strokes_are_smooth() -> None:
    levels = np.unique(Lettering(12).line("S8oe"))
    assert levels.size > 20
    assert cv2.countNonZero(Lettering(12).line("S8oe")) > 0
