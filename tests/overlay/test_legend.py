"""The legend: panel, colours, live shares."""

import itertools
from typing import Any

import numpy as np
import pytest

from losszero_rt.classmap import NIGHT_RIDE, ClassMap
from losszero_rt.frame import Planes
from losszero_rt.overlay import Legend
from losszero_rt.overlay.legend import count_text, percent_text
from losszero_rt.preprocess import yuv_to_rgb

SIZE = (720, 1280)


def grey(size: tuple[int, int] = SIZE, *, luma: int = 120, step: int = 2) -> Planes:
    small = (size[0] // step, size[1] // step)
    u, v = np.full(small, 90, np.uint8), np.full(small, 160, np.uint8)
    return Planes(y=np.full(size, luma, np.uint8), u=u, v=v)


def shares_of(**percent: int) -> np.ndarray:
    shares = np.zeros(6)
    for name, value in percent.items():
        shares[NIGHT_RIDE.id_of(name)] = value / 100
    return shares


def drawn(shares: np.ndarray, *, size: tuple[int, int] = SIZE, **choices: Any) -> Planes:
    canvas = grey(size)
    Legend(NIGHT_RIDE, size=size, **choices).draw(canvas, shares=shares)
    return canvas


def changed_box(canvas: Planes, *, before: Planes) -> tuple[slice, slice]:
    rows = np.flatnonzero((canvas.y != before.y).any(axis=1))
    columns = np.flatnonzero((canvas.y != before.y).any(axis=0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "  0"), (0.004, " <1"), (0.0051, "  1"), (0.254, " 25"), (0.996, "100"), (1.0, "100")],
)
def test_percent_text(share: float, text: str) -> None:
    assert percent_text(share) == text


def test_panel_is_compact_and_the_rest_is_left_alone() -> None:
    canvas = drawn(shares_of(road=25))
    rows, columns = changed_box(canvas, before=grey())
    assert rows.stop - rows.start < SIZE[0] / 4
    assert columns.stop - columns.start < SIZE[1] / 4
    assert rows.start > 0
    assert columns.start > 0
    assert np.all(canvas.u[rows.stop // 2 + 1 :] == 90)


def test_panel_is_darker_and_text_is_light() -> None:
    canvas = drawn(shares_of(road=25))
    panel = canvas.y[changed_box(canvas, before=grey())]
    assert np.median(panel) < 70
    assert panel.max() > 210


@pytest.mark.parametrize("step", [1, 2])
def test_every_class_shown_has_its_swatch(step: int) -> None:
    canvas = grey(step=step)
    chroma: Any = "420" if step == 2 else "444"
    Legend(NIGHT_RIDE, size=SIZE, chroma=chroma).draw(canvas, shares=np.zeros(6))
    u, v = (plane.repeat(step, 0).repeat(step, 1).astype(float) for plane in (canvas.u, canvas.v))
    yuv = np.stack([canvas.y.astype(float), u, v, np.ones(SIZE)], axis=-1)
    pixels_HWC = yuv @ yuv_to_rgb("bt601", False).T
    rows_of = []
    for colour in NIGHT_RIDE.colours[1:]:
        close = np.abs(pixels_HWC[:200, :250] - np.array(colour)).max(axis=-1) < 6
        assert close.sum() > 60
        rows_of.append(np.flatnonzero(close.any(axis=1)))
    for above, below in itertools.pairwise(rows_of):
        assert above[-1] < below[0]


def test_classes_are_listed_on_demand() -> None:
    all_rows, _ = changed_box(drawn(np.zeros(6)), before=grey())
    two_rows, _ = changed_box(drawn(np.zeros(6), classes=(1, 5)), before=grey())
    assert two_rows.stop - two_rows.start < (all_rows.stop - all_rows.start) * 0.6


def test_shares_are_told_apart_and_changes_stay_in_their_row() -> None:
    zero, some = drawn(shares_of(rider=10)), drawn(shares_of(rider=19))
    rows, columns = changed_box(some, before=zero)
    row_px = rows.stop - rows.start
    assert row_px < 20
    assert columns.stop - columns.start < 40
    others = [drawn(shares_of(rider=value)).y.tobytes() for value in range(101)]
    assert len(set(others)) == 101


def test_digits_are_the_same_whatever_stood_there_before() -> None:
    legend = Legend(NIGHT_RIDE, size=SIZE)
    for value in (0, 100, 7, 100, 42):
        legend.draw(grey(), shares=shares_of(road=value, moveable=100 - value))
    canvas = grey()
    legend.draw(canvas, shares=shares_of(road=3, moveable=97))
    assert np.array_equal(canvas.y, drawn(shares_of(road=3, moveable=97)).y)
    assert np.array_equal(canvas.u, drawn(shares_of(road=3, moveable=97)).u)


def test_same_digit_looks_the_same_in_every_row() -> None:
    blank = drawn(shares_of())
    cuts = []
    for name in ("road", "moveable"):
        canvas = drawn(shares_of(**{name: 8}))
        cuts.append(canvas.y[changed_box(canvas, before=blank)])
    assert np.array_equal(cuts[0], cuts[1])


def test_panel_stands_in_the_other_corner() -> None:
    rows, columns = changed_box(drawn(np.zeros(6), corner="top-right"), before=grey())
    assert columns.start > SIZE[1] * 0.7
    assert SIZE[1] - 20 < columns.stop < SIZE[1]
    assert rows.start < 30


@pytest.mark.parametrize("size", [(360, 640), (720, 1280), (1080, 1920), (2160, 3840)])
def test_panel_grows_with_the_frame(size: tuple[int, int]) -> None:
    rows, _ = changed_box(drawn(np.zeros(6), size=size), before=grey(size))
    assert 0.15 < (rows.stop - rows.start) / size[0] < 0.3


@pytest.mark.parametrize("size", [(16, 16), (2, 2), (96, 128), (720, 64)])
def test_panel_is_left_out_where_it_does_not_fit(size: tuple[int, int]) -> None:
    assert not Legend(NIGHT_RIDE, size=size).fits
    assert np.array_equal(drawn(np.zeros(6), size=size).y, grey(size).y)


def test_strided_canvas_is_drawn_alike() -> None:
    wide = grey((SIZE[0], SIZE[1] + 64))
    canvas = Planes(y=wide.y[:, :1280], u=wide.u[:, :640], v=wide.v[:, :640])
    Legend(NIGHT_RIDE, size=SIZE).draw(canvas, shares=shares_of(road=50))
    assert np.array_equal(canvas.y, drawn(shares_of(road=50)).y)
    assert np.array_equal(canvas.v, drawn(shares_of(road=50)).v)
    assert np.all(wide.y[:, 1280:] == 120)


def test_long_names_make_a_wider_panel() -> None:
    names = ("ground", "a rather long name of a class")
    classmap = ClassMap(names=names, colours=((0, 0, 0), (255, 0, 0)))
    canvas = grey()
    Legend(classmap, size=SIZE).draw(canvas, shares=np.array([0.5, 0.5]))
    _, columns = changed_box(canvas, before=grey())
    _, usual = changed_box(drawn(np.zeros(6)), before=grey())
    assert columns.stop > usual.stop + 100


def test_no_class_to_list_draws_an_empty_panel_without_fault() -> None:
    canvas = grey()
    Legend(NIGHT_RIDE, size=SIZE, classes=()).draw(canvas, shares=np.zeros(6))
    assert canvas.size == SIZE


@pytest.mark.parametrize(("count", "text"), [(0, "   "), (3, "x3 "), (42, "x42"), (1000, "x99")])
def test_count_text(count: int, text: str) -> None:
    assert count_text(count) == text


def test_counts_stand_behind_the_shares_and_go_again() -> None:
    shares, counts = shares_of(road=25), np.zeros(6, np.int64)
    legend = Legend(NIGHT_RIDE, size=SIZE, counts=True)
    top, left, bottom, right = legend.area
    pictures = []
    for number in (0, 7, 12, 0):
        counts[NIGHT_RIDE.id_of("moveable")] = number
        canvas = grey()
        legend.draw(canvas, shares=shares, counts=counts)
        pictures.append(canvas.y[top:bottom, left:right].copy())
    none, seven, twelve, again = pictures
    np.testing.assert_array_equal(none, again)
    rows, columns = np.nonzero(seven != none)
    assert rows.min() > (bottom - top) * 0.6, "in the row of the last class"
    assert columns.min() > (right - left) * 0.7, "behind its share"
    assert (seven != twelve).any()


def test_area_is_what_is_drawn_on() -> None:
    canvas = drawn(shares_of(road=25))
    rows, columns = changed_box(canvas, before=grey())
    top, left, bottom, right = Legend(NIGHT_RIDE, size=SIZE).area
    assert (rows, columns) == (slice(top, bottom), slice(left, right))
    assert Legend(NIGHT_RIDE, size=(32, 48)).area == (0, 0, 0, 0)


@pytest.mark.parametrize("size", [(480, 270), (640, 360), (854, 480), (1280, 720), (1920, 1080)])
def test_picture_that_stands_upright_has_its_legend(size: tuple[int, int]) -> None:
    lying, canvas = Legend(NIGHT_RIDE, size=size[::-1]), grey(size)
    legend = Legend(NIGHT_RIDE, size=size)
    assert legend.fits
    assert lying.fits
    legend.draw(canvas, shares=shares_of(road=25))
    rows, columns = changed_box(canvas, before=grey(size))
    assert columns.stop - columns.start <= 0.55 * size[1]
    assert rows.stop - rows.start <= 0.25 * size[0]
