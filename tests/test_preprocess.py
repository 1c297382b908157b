import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from losszero_rt.errors import ModelError
from losszero_rt.frame import Matrix, Planes
from losszero_rt.preprocess import InputSpec, reduce_to, rgb_to_yuv, yuv_to_rgb

SPEC = InputSpec(size=(384, 672), mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
sides = st.integers(2, 1200)


def flat(size: tuple[int, int], yuv: tuple[int, int, int], *, matrix: Matrix = "bt601") -> Planes:
    half = ((size[0] + 1) // 2, (size[1] + 1) // 2)
    shapes = (size, half, half)
    y, u, v = (np.full(shape, value, np.uint8) for shape, value in zip(shapes, yuv, strict=True))
    return Planes(y=y, u=u, v=v, matrix=matrix)


@pytest.mark.parametrize(
    ("yuv", "matrix", "rgb"),
    [
        ((16, 128, 128), "bt601", (0, 0, 0)),
        ((235, 128, 128), "bt709", (255, 255, 255)),
        # 100 % red, green and blue bars of BT.601 and BT.709.
        ((81, 90, 240), "bt601", (255, 0, 0)),
        ((145, 54, 34), "bt601", (0, 255, 0)),
        ((63, 102, 240), "bt709", (255, 0, 0)),
        ((32, 240, 118), "bt709", (0, 0, 255)),
    ],
)
def test_known_colours_convert(
    yuv: tuple[int, int, int], matrix: Matrix, rgb: tuple[int, int, int]
) -> None:
    out_HWC = SPEC.new_input()
    SPEC.fill(flat((1080, 1920), yuv, matrix=matrix), out_HWC)
    assert np.abs(out_HWC[200, 300].astype(int) - rgb).max() <= 2


@pytest.mark.parametrize("matrix", ["bt601", "bt709", "bt2020"])
@pytest.mark.parametrize("full_range", [True, False])
def test_conversions_are_inverse(matrix: Matrix, full_range: bool) -> None:
    there, back = rgb_to_yuv(matrix, full_range), yuv_to_rgb(matrix, full_range)
    product = back[:, :3] @ there[:, :3]
    np.testing.assert_allclose(product, np.eye(3), atol=1e-4)
    np.testing.assert_allclose(back[:, :3] @ there[:, 3] + back[:, 3], 0, atol=1e-2)


@given(height=sides, width=sides)
def test_picture_lies_inside_the_input_and_keeps_its_shape(height: int, width: int) -> None:
    place = SPEC.place((height, width))
    assert place.top >= 0
    assert place.top + place.height <= 384
    assert place.left >= 0
    assert place.left + place.width <= 672
    assert place.height == 384 or place.width == 672
    if min(place.height, place.width) > 40:
        shape = (place.width / place.height) / (width / height)
        assert 1 / 1.15 < shape < 1.15


def test_bars_are_black_even_over_an_older_picture() -> None:
    out_HWC = np.full((384, 672, 3), 77, np.uint8)
    place = SPEC.fill(flat((480, 480), (235, 128, 128)), out_HWC)
    assert (place.height, place.width, place.left) == (384, 384, 144)
    assert not out_HWC[:, :144].any()
    assert not out_HWC[:, 528:].any()
    assert out_HWC[:, 144:528].min() > 250


@pytest.mark.parametrize("stride", [1, 2, 4])
def test_crop_finds_the_picture_at_any_stride(stride: int) -> None:
    labels_HW = np.zeros((384 // stride, 672 // stride), np.uint8)
    labels_HW[:, 144 // stride : 528 // stride] = 1
    cropped_HW = SPEC.place((480, 480)).crop(labels_HW, input_size=(384, 672))
    assert cropped_HW.shape == (384 // stride, 384 // stride)
    assert cropped_HW.all()


def test_same_picture_from_planes_and_from_pixels() -> None:
    rng = np.random.default_rng(0)
    smooth = cv2.GaussianBlur(rng.integers(0, 256, (720, 1280, 3), np.uint8), (0, 0), 9)
    pixels_HWC = cv2.normalize(smooth, np.zeros_like(smooth), 0, 255, cv2.NORM_MINMAX)
    yuv_HWC = cv2.transform(pixels_HWC, rgb_to_yuv("bt709", False))
    y, u, v = cv2.split(yuv_HWC)
    planes = Planes(y=y, u=cv2.resize(u, (640, 360)), v=cv2.resize(v, (640, 360)), matrix="bt709")
    from_planes, from_pixels = SPEC.new_input(), SPEC.new_input()
    SPEC.fill(planes, from_planes)
    SPEC.fill_pixels(pixels_HWC, from_pixels)
    assert np.abs(from_planes.astype(int) - from_pixels).mean() < 2


def test_reduction_averages_before_it_samples() -> None:
    rows, columns = np.indices((1080, 1920))
    checks = ((rows + columns) % 2 * 255).astype(np.uint8)
    assert np.abs(reduce_to(checks, (672, 384)).astype(int) - 127).max() <= 2, "no moire"


@given(height=st.integers(1, 300), width=st.integers(1, 300))
def test_any_size_is_reduced_or_enlarged(height: int, width: int) -> None:
    assert reduce_to(np.zeros((height, width), np.uint8), (96, 64)).shape == (64, 96)


def test_impossible_specification_is_refused() -> None:
    with pytest.raises(ModelError, match="positive deviations"):
        InputSpec(size=(384, 672), mean=(0, 0, 0), std=(0, 1, 1))
