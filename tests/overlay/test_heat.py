"""Heat maps: the scale that does not flicker, the colours, the planes, the legend."""

from typing import Any

import numpy as np
import pytest

from losszero_rt.errors import UsageError
from losszero_rt.frame import Planes
from losszero_rt.overlay import HEAT_VIEWS, HeatBlender, HeatLegend
from losszero_rt.overlay.heat import HeatScale, heat_colours
from losszero_rt.overlay.tones import Chroma, YuvKind
from losszero_rt.preprocess import rgb_to_yuv

SIZE = (180, 320)
CAM_SIZE = (24, 42)


def noisy(size: tuple[int, int] = SIZE, *, chroma: Chroma = "420", seed: int = 0) -> Planes:
    rng = np.random.default_rng(seed)
    small = YuvKind(chroma=chroma).chroma_size(size)
    y = rng.integers(16, 236, size, np.uint8)
    u, v = (rng.integers(16, 241, small, np.uint8) for _ in range(2))
    return Planes(y=y, u=u, v=v)


def blank(size: tuple[int, int] = SIZE, *, chroma: Chroma = "420") -> Planes:
    small = YuvKind(chroma=chroma).chroma_size(size)
    y, u, v = (np.zeros(side, np.uint8) for side in (size, small, small))
    return Planes(y=y, u=u, v=v)


def cam_of(value: float = 4.0, *, rows: slice = slice(None), columns: slice) -> np.ndarray:
    cam = np.zeros(CAM_SIZE, np.float32)
    cam[rows, columns] = value
    return cam


RIGHT = slice(CAM_SIZE[1] // 2, None)


class TestScale:
    def test_the_loudest_of_late_is_full_heat(self) -> None:
        scale = HeatScale()
        assert scale.steps(cam_of(6.0, columns=RIGHT)).max() == 255
        assert scale.peak == 6

    def test_a_louder_frame_is_never_cut_off(self) -> None:
        scale = HeatScale()
        scale.steps(cam_of(2.0, columns=RIGHT))
        ramp = np.linspace(0, 9, 42, dtype=np.float32)[None].repeat(24, 0)
        steps = scale.steps(ramp)
        assert len(np.unique(steps[0])) == 42

    def test_equal_frames_give_equal_heat_however_the_peak_jumps_between_them(self) -> None:
        scale, still = HeatScale(), cam_of(3.0, columns=RIGHT)
        scale.steps(cam_of(6.0, columns=RIGHT))
        levels = [int(scale.steps(still).max()) for _ in range(30)]
        differences = np.diff(levels)
        assert (differences >= 0).all(), "heat comes back slowly, and never jumps"
        assert differences.max() <= 3

    def test_the_scale_halves_in_two_seconds(self) -> None:
        scale = HeatScale()
        scale.steps(cam_of(8.0, columns=RIGHT))
        for _ in range(60):
            scale.steps(np.zeros(CAM_SIZE, np.float32))
        assert scale.peak == pytest.approx(4, rel=1e-6)

    def test_traces_of_an_absent_class_stay_dark(self) -> None:
        scale = HeatScale()
        for _ in range(500):
            steps = scale.steps(cam_of(0.05, columns=RIGHT))
        assert steps.max() < 16

    def test_strided_maps_are_taken(self) -> None:
        wide = np.random.default_rng(1).random((24, 84), np.float32)
        part = wide[2:20, 8:60]
        np.testing.assert_array_equal(HeatScale().steps(part), HeatScale().steps(part.copy()))


def test_lightness_of_the_colours_rises_all_the_way() -> None:
    luma = heat_colours() @ np.array([0.2126, 0.7152, 0.0722])
    assert luma[0] < 5
    assert luma[-1] > 220
    assert (np.diff(luma) > -1.5).all()
    assert (luma[32:] - luma[:-32] > 5).all()


@pytest.mark.parametrize("chroma", ["420", "444"])
@pytest.mark.parametrize("view", HEAT_VIEWS)
def test_silence_leaves_the_picture_to_the_bit(view: Any, chroma: Chroma) -> None:
    blender = HeatBlender(size=SIZE, view=view, chroma=chroma)
    frame, canvas = noisy(chroma=chroma), blank(blender.output_size, chroma=chroma)
    blender.draw(frame, cam=np.zeros(CAM_SIZE, np.float32), canvas=canvas)
    if view == "cam":
        assert canvas.y.max() <= 18, "black"
        return
    for source, target in ((frame.y, canvas.y), (frame.u, canvas.u), (frame.v, canvas.v)):
        for part in np.split(target, 2, axis=1) if view == "side" else [target]:
            np.testing.assert_array_equal(part, source)


def test_heat_covers_its_side_and_the_other_stays_to_the_bit() -> None:
    frame, canvas = noisy(), blank()
    HeatBlender(size=SIZE).draw(frame, cam=cam_of(columns=RIGHT), canvas=canvas)
    left = slice(0, SIZE[1] // 2 - 24)
    np.testing.assert_array_equal(canvas.y[:, left], frame.y[:, left])
    hottest = rgb_to_yuv("bt601", False) @ np.array([*heat_colours()[255], 1])
    inside = canvas.y[40:-40, -100:-40].astype(int)
    assert (
        np.abs(inside - hottest[0]).mean() < np.abs(frame.y[40:-40, -100:-40] - hottest[0]).mean()
    )


def test_the_view_alone_is_the_colour_scale() -> None:
    canvas = blank()
    HeatBlender(size=SIZE, view="cam").draw(noisy(), cam=cam_of(columns=RIGHT), canvas=canvas)
    for step, place in ((0, (90, 40)), (255, (90, 280))):
        expected = rgb_to_yuv("bt601", False) @ np.array([*heat_colours()[step], 1])
        y, x = place
        found = (canvas.y[y, x], canvas.u[y // 2, x // 2], canvas.v[y // 2, x // 2])
        np.testing.assert_allclose(found, expected, atol=1)


def test_the_canvas_may_be_the_frame_itself() -> None:
    frame, twin, canvas = noisy(), noisy(), blank()
    cam = cam_of(columns=RIGHT)
    HeatBlender(size=SIZE).draw(frame, cam=cam, canvas=frame)
    HeatBlender(size=SIZE).draw(twin, cam=cam, canvas=canvas)
    np.testing.assert_array_equal(frame.y, canvas.y)


def test_maps_may_change_their_size() -> None:
    blender, canvas = HeatBlender(size=SIZE, view="cam"), blank()
    for size in ((24, 42), (12, 30), (180, 320), (400, 700)):
        blender.draw(noisy(), cam=np.full(size, 3, np.float32), canvas=canvas)
        assert canvas.y.std() < 1


def test_alpha_0_shows_no_heat() -> None:
    frame, canvas = noisy(), blank()
    HeatBlender(size=SIZE, alpha=0).draw(frame, cam=cam_of(columns=RIGHT), canvas=canvas)
    np.testing.assert_array_equal(canvas.y, frame.y)


@pytest.mark.parametrize("choice", [{"alpha": 1.5}, {"view": "mask"}])
def test_choices_are_checked(choice: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        HeatBlender(size=SIZE, **choice)


def test_planes_of_another_size_are_refused() -> None:
    with pytest.raises(UsageError, match="canvas"):
        HeatBlender(size=SIZE).draw(
            noisy(), cam=cam_of(columns=RIGHT), canvas=blank((SIZE[0], SIZE[1] * 2))
        )


class TestLegend:
    def test_panel_shows_the_scale_from_cold_to_hot(self) -> None:
        size = (720, 1280)
        canvas = blank(size)
        canvas.y[...] = 120
        HeatLegend("lane mark", size=size).draw(canvas)
        changed = np.argwhere(canvas.y != 120)
        (top, left), (bottom, right) = changed.min(0), changed.max(0)
        assert bottom - top < size[0] / 6
        assert right - left < size[1] / 3
        bar = canvas.y[top + (bottom - top) * 7 // 10]
        assert bar.max() > 200, "the hot end is bright"

    def test_it_stands_on_the_right_where_the_left_is_the_picture(self) -> None:
        size = (720, 2560)
        canvas = blank(size)
        HeatLegend("lane mark", size=size, corner="top-right").draw(canvas)
        assert not canvas.y[:, : size[1] // 2].any()
        assert canvas.y.any()

    def test_it_is_left_out_of_tiny_pictures(self) -> None:
        legend, canvas = HeatLegend("lane mark", size=(48, 64)), blank((48, 64))
        legend.draw(canvas)
        assert not legend.fits
        assert not canvas.y.any()
