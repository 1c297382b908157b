"""Objects on the picture: outline, corners of the box, name and score, at the right pixels."""

import numpy as np
import pytest

from losszero_rt.classmap import NIGHT_RIDE
from losszero_rt.frame import Planes
from losszero_rt.objects import Objects
from losszero_rt.overlay import ObjectOutlines
from losszero_rt.overlay.objects import _CASING
from losszero_rt.preprocess import rgb_to_yuv, yuv_to_rgb

SIZE = (360, 640)
RIDER, MOVEABLE = NIGHT_RIDE.id_of("rider"), NIGHT_RIDE.id_of("moveable")
# A square that fills its box but for its corners: x0, y0, x1, y1.
BOX = (200, 120, 360, 280)


def grey(size: tuple[int, int] = SIZE, *, step: int = 2) -> Planes:
    small = (size[0] // step, size[1] // step)
    u, v = (np.full(small, 128, np.uint8) for _ in range(2))
    return Planes(y=np.full(size, 120, np.uint8), u=u, v=v)


def objects(
    *boxes: tuple[int, int, int, int],
    class_ids: tuple[int, ...] | None = None,
    masks_at: tuple[int, int] = SIZE,
) -> Objects:
    """Objects whose masks are the diamonds in their boxes."""
    masks = np.zeros((len(boxes), *masks_at), bool)
    ys, xs = np.mgrid[: masks_at[0], : masks_at[1]]
    ys, xs = (ys + 0.5) * SIZE[0] / masks_at[0], (xs + 0.5) * SIZE[1] / masks_at[1]
    for mask_HW, (x0, y0, x1, y1) in zip(masks, boxes, strict=True):
        across = abs(xs - (x0 + x1) / 2) / (x1 - x0) + abs(ys - (y0 + y1) / 2) / (y1 - y0)
        mask_HW[...] = across < 0.5
    return Objects(
        class_ids=np.array(class_ids or [MOVEABLE] * len(boxes), np.uint8),
        scores=np.linspace(0.9, 0.5, len(boxes)).astype(np.float32),
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        masks=masks,
    )


def drawn(found: Objects, *, step: int = 2, **choices: object) -> Planes:
    canvas = grey(step=step)
    chroma = "420" if step == 2 else "444"
    outlines = ObjectOutlines(NIGHT_RIDE, size=SIZE, chroma=chroma, **choices)  # type: ignore[arg-type]
    outlines.draw(canvas, objects=found)
    return canvas


def changed(canvas: Planes) -> np.ndarray:
    return np.asarray(canvas.y != 120)


def colour_at(canvas: Planes, x: int, y: int) -> np.ndarray:
    step = canvas.size[1] // canvas.u.shape[1]
    yuv = np.array([canvas.y[y, x], canvas.u[y // step, x // step], canvas.v[y // step, x // step]])
    return np.asarray(yuv_to_rgb("bt601", False) @ np.array([*yuv, 1.0]))


@pytest.mark.parametrize("step", [1, 2])
@pytest.mark.parametrize("masks_at", [SIZE, (180, 320), (90, 160)])
def test_outline_runs_along_the_border_of_the_mask_in_the_colour_of_its_class(
    step: int, masks_at: tuple[int, int]
) -> None:
    canvas = drawn(objects(BOX, masks_at=masks_at), step=step)
    x0, _, _, y1 = BOX
    # Half-way along the four sides of the diamond.
    for x, y in ((240, 160), (320, 160), (240, 240), (320, 240)):
        part = changed(canvas)[y - 5 : y + 6, x - 5 : x + 6]
        assert part.any(), f"no line at {x}, {y}"
    assert not changed(canvas)[190:210, 230:330].any(), "the inside is left alone"
    assert not changed(canvas)[:, : x0 - 4].any()
    assert not changed(canvas)[y1 + 4 :].any()
    _, u, v = rgb_to_yuv("bt601", False) @ np.array([*NIGHT_RIDE.colours[MOVEABLE], 1.0])
    near = (slice(155 // step, 166 // step), slice(235 // step, 246 // step))
    assert np.hypot(canvas.u[near] - u, canvas.v[near] - v).min() < 20, "the colour of the class"


def test_outline_has_a_dark_casing_for_bright_ground() -> None:
    canvas = drawn(objects(BOX))
    casing = (rgb_to_yuv("bt601", False) @ np.array([*_CASING, 1.0]))[0]
    assert canvas.y[200, 196:212].min() < casing + 30


def test_corners_of_the_box_are_marked_and_its_sides_are_not() -> None:
    canvas = drawn(objects(BOX))
    x0, y0, x1, y1 = BOX
    for x, y in ((x0, y1), (x1, y0), (x1, y1)):
        assert changed(canvas)[y - 2 : y + 3, x - 2 : x + 3].any(), f"corner {x}, {y}"
    assert not changed(canvas)[y0 + 40 : y0 + 60, x1 - 1 : x1 + 4].any()


def test_name_stands_above_the_box_and_is_legible() -> None:
    canvas = drawn(objects(BOX))
    x0, y0, _, _ = BOX
    tag = canvas.y[y0 - 16 : y0 - 1, x0 : x0 + 60]
    assert (tag < 60).mean() > 0.3, "a dark ground"
    assert (tag > 190).sum() > 20, "light letters"
    bar = colour_at(canvas, x0 + 1, y0 - 8)
    assert np.abs(bar - NIGHT_RIDE.colours[MOVEABLE]).max() < 40


def test_name_at_the_top_of_the_picture_stands_inside_the_box() -> None:
    canvas = drawn(objects((200, 2, 360, 162)))
    assert (canvas.y[4:16, 200:260] < 60).mean() > 0.3


def test_names_do_not_cover_each_other_nor_what_is_kept_free() -> None:
    near = (BOX, (204, 122, 364, 282), (206, 124, 366, 284), (208, 126, 368, 286))
    alone = drawn(objects(BOX))
    both = drawn(objects(*near))
    x0, y0, _, _ = BOX
    tag = (slice(y0 - 16, y0 - 2), slice(x0, x0 + 60))
    np.testing.assert_array_equal(both.y[tag], alone.y[tag])
    free = drawn(objects(BOX), keep_free=[(0, 0, y0, SIZE[1])])
    assert not changed(free)[: y0 - 3].any()
    assert (free.y[y0 + 4 : y0 + 14, x0 + 8 : x0 + 60] < 60).mean() > 0.3, "inside instead"


def test_only_classes_that_are_shown_are_drawn() -> None:
    found = objects(BOX, (420, 120, 500, 200), class_ids=(MOVEABLE, RIDER))
    canvas = drawn(found, classes=[RIDER])
    assert not changed(canvas)[:, :400].any()
    assert changed(canvas)[:, 420:500].any()


def test_no_objects_leave_the_picture_to_the_bit() -> None:
    canvas = drawn(objects())
    for plane, level in ((canvas.y, 120), (canvas.u, 128), (canvas.v, 128)):
        assert (plane == level).all()


def test_on_a_canvas_twice_as_wide_the_right_half_is_drawn_on() -> None:
    wide, plain = grey((SIZE[0], 2 * SIZE[1])), drawn(objects(BOX))
    ObjectOutlines(NIGHT_RIDE, size=SIZE).draw(wide, objects=objects(BOX))
    np.testing.assert_array_equal(wide.y[:, SIZE[1] :], plain.y)
    np.testing.assert_array_equal(wide.u[:, SIZE[1] // 2 :], plain.u)
    assert (wide.y[:, : SIZE[1]] == 120).all()


def test_rows_may_be_strided() -> None:
    roomy = grey((SIZE[0], SIZE[1] + 64))
    y, u, v = roomy.y[:, :-64], roomy.u[:, :-32], roomy.v[:, :-32]
    ObjectOutlines(NIGHT_RIDE, size=SIZE).draw(Planes(y=y, u=u, v=v), objects=objects(BOX))
    np.testing.assert_array_equal(y, drawn(objects(BOX)).y)
    assert (roomy.y[:, -64:] == 120).all()


def test_the_more_certain_object_lies_on_top() -> None:
    first = objects(BOX, (210, 130, 350, 270), class_ids=(RIDER, MOVEABLE))
    alone = drawn(objects(BOX, class_ids=(RIDER,)))
    both = drawn(first)
    x, y = 240, 160
    line = changed(alone)[y - 6 : y + 6, x - 6 : x + 6]
    assert (
        both.y[y - 6 : y + 6, x - 6 : x + 6][line] == alone.y[y - 6 : y + 6, x - 6 : x + 6][line]
    ).mean() > 0.9
