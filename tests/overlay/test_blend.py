"""The overlay on YUV planes: values, borders, views, strides."""

from typing import Any

import numpy as np
import pytest

from losszero_rt.classmap import NIGHT_RIDE, ClassMap
from losszero_rt.frame import Matrix, Planes
from losszero_rt.overlay import VIEWS, Blender, View
from losszero_rt.overlay.tones import Chroma

LUMA = {"bt601": (0.299, 0.587, 0.114), "bt709": (0.2126, 0.7152, 0.0722)}
ROAD, LANE, BIKE, RIDER, MOVEABLE = range(1, 6)


def noise_planes(
    size: tuple[int, int], *, chroma: Chroma = "420", seed: int = 0, **kind: Any
) -> Planes:
    height, width = size
    step = 2 if chroma == "420" else 1
    small = (-(-height // step), -(-width // step))
    rng = np.random.default_rng(seed)
    y, u, v = (rng.integers(0, 256, shape, np.uint8) for shape in (size, small, small))
    return Planes(y=y, u=u, v=v, **kind)


def strided_planes(size: tuple[int, int]) -> Planes:
    """Planes whose rows are padded, as decoders and encoders hand them out."""
    wide = noise_planes((size[0], size[1] + 64), seed=9)
    half = size[1] // 2
    return Planes(y=wide.y[:, : size[1]], u=wide.u[:, :half], v=wide.v[:, :half])


def arrays(planes: Planes) -> tuple[np.ndarray, ...]:
    return planes.y, planes.u, planes.v


def same(one: Planes, other: Planes) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(arrays(one), arrays(other), strict=True))


def yuv_of(rgb: tuple[int, int, int], *, matrix: Matrix, full_range: bool) -> np.ndarray:
    """Textbook conversion of one colour, written apart from the one under test."""
    k_r, k_g, k_b = LUMA[matrix]
    red, green, blue = (channel / 255 for channel in rgb)
    y = k_r * red + k_g * green + k_b * blue
    u, v = (blue - y) / (2 * (1 - k_b)), (red - y) / (2 * (1 - k_r))
    if full_range:
        return np.array([255 * y, 128 + 255 * u, 128 + 255 * v])
    return np.array([16 + 219 * y, 128 + 224 * u, 128 + 224 * v])


def drawn(planes: Planes, labels: np.ndarray, *, chroma: Chroma = "420", **choices: Any) -> Planes:
    blender = Blender(classmap=NIGHT_RIDE, size=planes.size, chroma=chroma, **choices)
    canvas = noise_planes(blender.output_size, chroma=chroma, seed=99)
    blender.draw(planes, labels=labels, canvas=canvas)
    return canvas


def square(class_id: int, *, size: tuple[int, int] = (48, 64)) -> np.ndarray:
    """A square of one class in the middle of the labels."""
    labels_HW = np.zeros(size, np.uint8)
    labels_HW[size[0] // 4 : -size[0] // 4, size[1] // 4 : -size[1] // 4] = class_id
    return labels_HW


def test_golden_pixel_in_the_middle_of_a_road() -> None:
    grey = Planes(
        y=np.full((96, 128), 100, np.uint8),
        u=np.full((48, 64), 128, np.uint8),
        v=np.full((48, 64), 128, np.uint8),
    )
    canvas = drawn(grey, square(ROAD), alpha=0.45)
    # (20, 130, 80) is (94.5, 122.3, 83.3) in limited BT.601; 45 % of it over 55 % of the grey.
    assert (canvas.y[48, 64], canvas.u[24, 32], canvas.v[24, 32]) == (98, 125, 108)
    assert (canvas.y[2, 2], canvas.u[1, 1], canvas.v[1, 1]) == (100, 128, 128)


@pytest.mark.parametrize("class_id", [ROAD, LANE, BIKE, RIDER, MOVEABLE])
@pytest.mark.parametrize("chroma", ["420", "444"])
@pytest.mark.parametrize(("matrix", "full_range"), [("bt601", False), ("bt709", True)])
def test_each_class_gets_its_own_colour(
    class_id: int, chroma: Chroma, matrix: Matrix, full_range: bool
) -> None:
    planes = noise_planes((96, 128), chroma=chroma)
    canvas = drawn(
        planes, square(class_id), chroma=chroma, matrix=matrix, full_range=full_range, alpha=0.4
    )
    colour = yuv_of(NIGHT_RIDE.colours[class_id], matrix=matrix, full_range=full_range)
    for source, target, part in zip(arrays(planes), arrays(canvas), colour, strict=True):
        height, width = source.shape
        middle = slice(3 * height // 8, -3 * height // 8), slice(3 * width // 8, -3 * width // 8)
        expected = source[middle] * 0.6 + part * 0.4
        assert np.abs(target[middle] - expected).max() <= 1.01


@pytest.mark.parametrize("size", [(96, 128), (1080, 1920), (90, 122), (75, 101)])
def test_what_has_no_class_stays_as_it_is_to_the_bit(size: tuple[int, int]) -> None:
    planes = noise_planes(size)
    assert same(drawn(planes, np.zeros((48, 64), np.uint8)), planes)
    canvas = drawn(planes, square(MOVEABLE))
    for source, target in zip(arrays(planes), arrays(canvas), strict=True):
        clear = source.shape[0] // 5
        assert np.array_equal(target[:clear], source[:clear])
        assert np.array_equal(target[-clear:], source[-clear:])
        assert not np.array_equal(target, source)


def test_source_is_left_alone() -> None:
    planes = noise_planes((96, 128))
    drawn(planes, square(ROAD))
    assert same(planes, noise_planes((96, 128)))


def test_ignored_and_hidden_ids_are_not_drawn() -> None:
    planes = noise_planes((96, 128))
    assert same(drawn(planes, square(255)), planes)
    assert same(drawn(planes, square(ROAD), classes=(MOVEABLE,)), planes)
    assert same(drawn(planes, square(ROAD), classes=()), planes)
    chosen = drawn(planes, square(ROAD), classes=(MOVEABLE, ROAD))
    assert same(chosen, drawn(planes, square(ROAD)))


def test_background_is_drawn_when_asked_for() -> None:
    black_is_red = ClassMap(names=("ground", "thing"), colours=((255, 0, 0), (0, 0, 255)))
    planes = noise_planes((96, 128))
    blender = Blender(classmap=black_is_red, size=(96, 128), classes=(0,), alpha=1.0)
    canvas = noise_planes((96, 128), seed=3)
    blender.draw(planes, labels=square(1), canvas=canvas)
    red = yuv_of((255, 0, 0), matrix="bt601", full_range=False)
    assert np.abs([canvas.y[4, 4], canvas.u[2, 2], canvas.v[2, 2]] - red).max() <= 0.51
    assert np.array_equal(canvas.y[40:56, 54:74], planes.y[40:56, 54:74])


def test_alpha_zero_shows_the_frame_alone() -> None:
    planes = noise_planes((96, 128))
    assert same(drawn(planes, square(ROAD), alpha=0.0), planes)


@pytest.mark.parametrize("labels_size", [(384, 672), (192, 336), (96, 168)])
def test_part_that_is_drawn_lies_where_the_whole_would_lie(labels_size: tuple[int, int]) -> None:
    planes = noise_planes((1080, 1920))
    some = np.zeros(labels_size, np.uint8)
    rows, columns = labels_size[0] // 2, labels_size[1] // 3
    some[rows : rows + 9, columns : columns + 31] = MOVEABLE
    corners = some.copy()
    corners[[0, 0, -1, -1], [0, -1, 0, -1]] = MOVEABLE
    part, everything = drawn(planes, some), drawn(planes, corners)
    for one, other in zip(arrays(part), arrays(everything), strict=True):
        inner = slice(one.shape[0] // 16, -one.shape[0] // 16)
        assert np.array_equal(one[inner], other[inner])


def border_error_px(canvas: Planes, *, slope: float) -> float:
    """How far the luma border of a black half-plane strays from a straight line, pixels."""
    columns = np.arange(canvas.size[1] // 6, 5 * canvas.size[1] // 6)
    dark = canvas.y[:, columns].astype(float) < 128
    tops = dark.argmax(axis=0).astype(float)
    values = canvas.y.astype(float)
    index = tops.astype(int)
    upper, lower = values[index - 1, columns], values[index, columns]
    crossings = tops - 1 + (upper - 128) / (upper - lower)
    wanted = crossings.mean() + slope * (columns - columns.mean())
    return float(np.abs(crossings - wanted).max())


@pytest.mark.parametrize("labels_size", [(384, 672), (192, 336), (96, 168)])
@pytest.mark.parametrize("slope", [0.15, 0.3, 0.6])
def test_slanted_border_has_no_stair_steps(labels_size: tuple[int, int], slope: float) -> None:
    size = (1080, 1920)
    rows, columns = np.mgrid[: labels_size[0], : labels_size[1]] + 0.5
    scale = size[0] / labels_size[0], size[1] / labels_size[1]
    below = rows * scale[0] - 540 > slope * (columns * scale[1] - 960)
    white = Planes(
        y=np.full(size, 255, np.uint8),
        u=np.full((540, 960), 128, np.uint8),
        v=np.full((540, 960), 128, np.uint8),
        full_range=True,
    )
    black = ClassMap(names=("ground", "thing"), colours=((9, 9, 9), (0, 0, 0)))
    blender = Blender(classmap=black, size=size, alpha=1.0, full_range=True)
    canvas = noise_planes(size)
    blender.draw(white, labels=below.astype(np.uint8), canvas=canvas)
    # Measured on the same lines: nearest labels stray by 0.6 to 0.8 of a label, labels that are
    # only enlarged bilinearly by 0.47 to 0.50.
    assert border_error_px(canvas, slope=slope) < 0.45 * scale[0]


def test_border_has_a_rim_of_the_same_hue_and_more_weight() -> None:
    grey = Planes(
        y=np.full((270, 480), 100, np.uint8),
        u=np.full((135, 240), 128, np.uint8),
        v=np.full((135, 240), 128, np.uint8),
    )
    canvas = drawn(grey, square(LANE, size=(96, 168)))
    across = canvas.y[135].astype(int)
    area = across[240]
    assert across.max() > area + 5
    assert across.argmax() in range(119, 128)


def test_canvas_and_frame_may_have_padded_rows() -> None:
    planes = noise_planes((96, 128))
    source, canvas = strided_planes((96, 128)), strided_planes((96, 128))
    for mine, plane in zip(arrays(source), arrays(planes), strict=True):
        mine[...] = plane
    for view in VIEWS[:2]:
        blender = Blender(classmap=NIGHT_RIDE, size=(96, 128), view=view)
        blender.draw(source, labels=square(BIKE), canvas=canvas)
        assert same(canvas, drawn(planes, square(BIKE), view=view))


def test_padding_of_the_canvas_is_left_alone() -> None:
    wide = noise_planes((96, 192), seed=5)
    before = [plane.copy() for plane in arrays(wide)]
    canvas = Planes(y=wide.y[:, :128], u=wide.u[:, :64], v=wide.v[:, :64])
    Blender(classmap=NIGHT_RIDE, size=(96, 128)).draw(
        noise_planes((96, 128)), labels=np.full((48, 64), ROAD, np.uint8), canvas=canvas
    )
    assert np.array_equal(wide.y[:, 128:], before[0][:, 128:])
    assert np.array_equal(wide.u[:, 64:], before[1][:, 64:])


def test_canvas_may_be_the_frame_itself() -> None:
    planes = noise_planes((96, 128))
    expected = drawn(planes, square(ROAD))
    Blender(classmap=NIGHT_RIDE, size=(96, 128)).draw(planes, labels=square(ROAD), canvas=planes)
    assert same(planes, expected)


@pytest.mark.parametrize("chroma", ["420", "444"])
def test_side_shows_the_frame_left_and_the_overlay_right(chroma: Chroma) -> None:
    planes = noise_planes((96, 128), chroma=chroma)
    both = drawn(planes, square(ROAD), view="side", chroma=chroma)
    overlay = drawn(planes, square(ROAD), chroma=chroma)
    assert both.size == (96, 256)
    for source, right, pair in zip(arrays(planes), arrays(overlay), arrays(both), strict=True):
        assert np.array_equal(pair[:, : source.shape[1]], source)
        assert np.array_equal(pair[:, source.shape[1] :], right)


def test_mask_shows_palette_colours_alone_on_black() -> None:
    mask = drawn(noise_planes((96, 128), seed=1), square(MOVEABLE), view="mask")
    assert same(mask, drawn(noise_planes((96, 128), seed=2), square(MOVEABLE), view="mask"))
    colour = yuv_of(NIGHT_RIDE.colours[MOVEABLE], matrix="bt601", full_range=False)
    assert np.abs([mask.y[48, 64], mask.u[24, 32], mask.v[24, 32]] - colour).max() <= 0.51
    assert (mask.y[2, 2], mask.u[1, 1], mask.v[1, 1]) == (16, 128, 128)
    hidden = drawn(noise_planes((96, 128)), square(ROAD), view="mask", classes=(BIKE,))
    assert set(np.unique(hidden.y)) == {16}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("size", [(16, 16), (2, 2), (16, 640)])
def test_tiny_frames_are_drawn(view: View, size: tuple[int, int]) -> None:
    canvas = drawn(noise_planes(size), np.full((384, 672), ROAD, np.uint8), view=view)
    alone = drawn(noise_planes(size), np.full((1, 1), ROAD, np.uint8), view=view)
    assert same(canvas, alone)


def test_labels_may_change_their_size_and_nothing_is_left_from_the_frame_before() -> None:
    planes, canvas = noise_planes((96, 128)), noise_planes((96, 128), seed=7)
    blender = Blender(classmap=NIGHT_RIDE, size=(96, 128))
    for labels in (
        np.full((48, 64), BIKE, np.uint8),
        np.full((12, 16), RIDER, np.uint8),
        square(ROAD),
        square(LANE, size=(12, 16)),
        square(ROAD, size=(300, 200)),
        np.zeros((48, 64), np.uint8),
    ):
        blender.draw(planes, labels=labels, canvas=canvas)
        assert same(canvas, drawn(planes, labels))
