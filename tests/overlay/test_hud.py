"""The HUD: a strip with one line."""

import time

import numpy as np
import pytest

from losszero_rt.frame import Planes
from losszero_rt.overlay import Hud

SIZE = (720, 1280)


def grey(size: tuple[int, int] = SIZE, *, step: int = 2) -> Planes:
    small = (-(-size[0] // step), -(-size[1] // step))
    u, v = np.full(small, 90, np.uint8), np.full(small, 160, np.uint8)
    return Planes(y=np.full(size, 120, np.uint8), u=u, v=v)


def drawn(line: str, *, size: tuple[int, int] = SIZE) -> Planes:
    canvas = grey(size)
    Hud(size).draw(canvas, line=line)
    return canvas


def touched_rows(canvas: Planes) -> np.ndarray:
    return np.flatnonzero((canvas.y != 120).any(axis=1))


def test_strip_lies_along_the_bottom_over_the_full_width() -> None:
    canvas = drawn("36.4 fps")
    rows = touched_rows(canvas)
    assert rows[-1] == SIZE[0] - 1
    assert rows.size < SIZE[0] * 0.06
    assert np.all(canvas.y[rows, -1] < 80)
    assert np.all(canvas.u[: rows[0] // 2] == 90)


def test_strip_lies_along_the_top_on_demand() -> None:
    canvas = grey()
    Hud(SIZE, edge="top").draw(canvas, line="36.4 fps")
    assert touched_rows(canvas)[0] == 0
    assert np.all(canvas.y[60:] == 120)


def test_text_is_white_and_neutral_and_starts_at_the_left() -> None:
    strip = drawn("HHHH").y[touched_rows(drawn("HHHH"))[0] :]
    columns = np.flatnonzero((strip > 200).any(axis=0))
    assert strip.max() > 215
    assert columns[0] < 20
    assert columns[-1] < 100


def test_text_is_neutral_where_it_covers_whole_chroma_samples() -> None:
    size = (2160, 3840)
    canvas = drawn("HHHH", size=size)
    bright = canvas.y[::2, ::2] > 215
    assert np.count_nonzero(bright) > 50
    assert np.abs(canvas.u[bright].astype(int) - 128).mean() < 4


def test_lines_are_told_apart_and_the_same_line_is_the_same_picture() -> None:
    hud = Hud(SIZE)
    first, second, again = grey(), grey(), grey()
    hud.draw(first, line="dropped 0")
    hud.draw(second, line="dropped 8")
    hud.draw(again, line="dropped 0")
    assert not np.array_equal(first.y, second.y)
    assert np.array_equal(first.y, again.y)
    assert np.array_equal(first.u, again.u)


def test_line_that_stays_is_not_set_again(monkeypatch: pytest.MonkeyPatch) -> None:
    hud = Hud(SIZE)
    hud.draw(grey(), line="36.4 fps")
    monkeypatch.setattr(hud, "_set", None)
    hud.draw(grey(), line="36.4 fps")
    with pytest.raises(TypeError):
        hud.draw(grey(), line="36.5 fps")


def test_long_line_is_cut_short_inside_the_picture() -> None:
    canvas = drawn("W" * 500)
    strip = canvas.y[touched_rows(canvas)[0] :]
    assert np.all(strip[:, -8:] < 80)
    assert np.array_equal(canvas.y, drawn("W" * 400).y)


def test_empty_line_and_control_characters_are_drawn_without_fault() -> None:
    empty = drawn("")
    assert touched_rows(empty).size
    assert np.array_equal(drawn("\x1b[31m").y, empty.y)
    assert not np.array_equal(drawn("caf\u00e9 \u4e2d").y, empty.y)


@pytest.mark.parametrize("size", [(16, 16), (2, 2), (64, 640), (720, 64)])
def test_strip_is_left_out_where_it_does_not_fit(size: tuple[int, int]) -> None:
    assert not Hud(size).fits
    assert np.array_equal(drawn("36.4 fps", size=size).y, grey(size).y)


@pytest.mark.parametrize("size", [(361, 641), (360, 640), (2160, 3840)])
def test_any_size_is_drawn(size: tuple[int, int]) -> None:
    rows = touched_rows(drawn("36.4 fps", size=size))
    assert 0.02 < rows.size / size[0] < 0.08


def test_444_canvas_and_padded_rows_are_drawn_alike() -> None:
    canvas = grey(step=1)
    Hud(SIZE, chroma="444").draw(canvas, line="36.4 fps")
    assert np.array_equal(canvas.y, drawn("36.4 fps").y)
    wide = grey((SIZE[0], SIZE[1] + 64))
    padded = Planes(y=wide.y[:, :1280], u=wide.u[:, :640], v=wide.v[:, :640])
    Hud(SIZE).draw(padded, line="36.4 fps")
    assert np.array_equal(padded.y, canvas.y)
    assert np.all(wide.y[:, 1280:] == 120)


def test_full_range_text_is_brighter() -> None:
    canvas = grey()
    Hud(SIZE, full_range=True).draw(canvas, line="HHHH")
    assert canvas.y.max() > drawn("HHHH").y.max() + 8


def test_drawing_a_line_that_stays_costs_little() -> None:
    hud, canvas = Hud((1080, 1920)), grey((1080, 1920))
    hud.draw(canvas, line="36.4 fps")
    durations_s = []
    for _ in range(30):
        start_s = time.perf_counter()
        hud.draw(canvas, line="36.4 fps")
        durations_s.append(time.perf_counter() - start_s)
    assert min(durations_s) < 0.002
