"""Premultiplied tones and how they are laid on a plane."""

import numpy as np
import pytest

from losszero_rt.overlay.tones import YuvKind, lay, to_tones


def test_empty_layer_keeps_every_value_to_the_bit() -> None:
    source = np.arange(256, dtype=np.uint8)[None]
    out = np.zeros_like(source)
    lay(np.full_like(source, 255), np.zeros_like(source), source=source, out=out)
    assert np.array_equal(out, source)


@pytest.mark.parametrize("weight", [0.1, 0.45, 0.75, 1.0])
def test_laying_a_colour_on_itself_changes_nothing_but_rounding(weight: float) -> None:
    values = np.arange(0, 256, 5)
    greys = np.repeat(values[:, None], 3, axis=1)
    kind = YuvKind(full_range=True)
    tones = to_tones(greys, weights=np.full(len(values), weight), kind=kind)
    source = values.astype(np.uint8)[None]
    out = np.zeros_like(source)
    lay(tones.keep[None], tones.y[None], source=source, out=out)
    assert np.abs(out[0].astype(int) - values).max() <= 1


def test_layer_may_be_laid_in_place_on_padded_rows() -> None:
    wide = np.full((4, 16), 200, np.uint8)
    part = wide[:, :8]
    lay(np.full((4, 8), 51, np.uint8), np.full((4, 8), 7, np.uint8), source=part, out=part)
    assert np.all(part == 47)
    assert np.all(wide[:, 8:] == 200)


@pytest.mark.parametrize(("full_range", "y"), [(False, (16, 235)), (True, (0, 255))])
def test_black_and_white_span_the_range(full_range: bool, y: tuple[int, int]) -> None:
    colours = np.array([(0, 0, 0), (255, 255, 255)])
    tones = to_tones(colours, weights=np.ones(2), kind=YuvKind(full_range=full_range))
    assert tuple(tones.y) == y
    assert set(tones.u) == set(tones.v) == {128}
    assert set(tones.keep) == {0}


def test_chroma_sizes_round_up() -> None:
    assert YuvKind(chroma="420").chroma_size((75, 101)) == (38, 51)
    assert YuvKind(chroma="444").chroma_size((75, 101)) == (75, 101)
