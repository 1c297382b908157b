"""Inputs that torch makes of planes against those of the processor; torch runs on the CPU here."""

from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch
from av.video.reformatter import Colorspace

from benchmarks.options import find_data
from losszero_rt.engine.gpu_input import PlaneConverter, axis_table
from losszero_rt.frame import Frame, Matrix, Planes
from losszero_rt.pipeline.demo import write_ride
from losszero_rt.preprocess import InputSpec
from losszero_rt.ride import RideSpec
from losszero_rt.video import VideoSource

SPEC = InputSpec(size=(96, 160), mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
# Of OpenCV the same to the last bit; other builds of it may round a level elsewhere.
LEVELS_MAX, EQUAL_MIN = 1, 0.99


def by_torch(
    planes: Planes, *, spec: InputSpec, chroma_2hw: torch.Tensor | None = None
) -> np.ndarray:
    out_HWC = torch.full((*spec.size, 3), 77, dtype=torch.uint8)
    if chroma_2hw is None:
        chroma_2hw = torch.from_numpy(np.stack([planes.u, planes.v]))
    PlaneConverter(torch.device("cpu")).write(
        torch.from_numpy(planes.y.copy()),
        chroma_2hw,
        matrix=planes.matrix,
        full_range=planes.full_range,
        place=spec.place(planes.size),
        out_HWC=out_HWC,
    )
    return out_HWC.numpy()


def by_processor(planes: Planes, *, spec: InputSpec) -> np.ndarray:
    out_HWC = spec.new_input()
    spec.fill(planes, out_HWC)
    return out_HWC


def check_same(planes: Planes, *, spec: InputSpec = SPEC) -> None:
    found, wanted = by_torch(planes, spec=spec), by_processor(planes, spec=spec)
    difference = np.abs(found.astype(int) - wanted)
    assert difference.max() <= LEVELS_MAX, (planes, difference.max())
    assert (difference == 0).mean() >= EQUAL_MIN


def draw_planes(
    size: tuple[int, int],
    *,
    matrix: Matrix = "bt601",
    full_range: bool = False,
    chroma_444: bool = False,
) -> Planes:
    rng = np.random.default_rng(size)
    small = size if chroma_444 else ((size[0] + 1) // 2, (size[1] + 1) // 2)
    y, u, v = (rng.integers(0, 256, shape, np.uint8) for shape in (size, small, small))
    return Planes(y=y, u=u, v=v, matrix=matrix, full_range=full_range)


@pytest.mark.parametrize(
    "size",
    [(96, 160), (108, 192), (180, 320), (270, 480), (432, 768), (540, 960), (60, 100), (97, 161)],
)
@pytest.mark.parametrize("chroma_444", [False, True])
def test_every_size_is_brought_to_the_networks_alike(
    size: tuple[int, int], chroma_444: bool
) -> None:
    check_same(draw_planes(size, chroma_444=chroma_444))


@pytest.mark.parametrize("size", [(480, 480), (480, 270), (100, 400)])
def test_bars_are_black_and_in_the_same_place(size: tuple[int, int]) -> None:
    check_same(draw_planes(size))


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("matrix", ["bt601", "bt709", "bt2020"])
def test_every_matrix_and_range_is_understood_alike(matrix: Matrix, full_range: bool) -> None:
    check_same(draw_planes((180, 320), matrix=matrix, full_range=full_range))


def test_chroma_may_lie_interleaved_as_in_nv12() -> None:
    planes = draw_planes((270, 480))
    interleaved_hw2 = torch.from_numpy(np.stack([planes.u, planes.v], axis=-1))
    found = by_torch(planes, spec=SPEC, chroma_2hw=interleaved_hw2.permute(2, 0, 1))
    np.testing.assert_array_equal(found, by_torch(planes, spec=SPEC))


def check_frames(path: Path, *, spec: InputSpec, num: int) -> None:
    source = VideoSource(path)
    frames = list(islice((item.planes for item in source if isinstance(item, Frame)), num))
    for planes in frames:
        check_same(planes, spec=spec)
    source.close()
    assert len(frames) == num


def test_decoded_frames_of_a_ride_become_the_same_input(tmp_path: Path) -> None:
    path = tmp_path / "ride.mp4"
    write_ride(path, spec=RideSpec(size=(360, 640), seed=4, duration_s=0.2))
    check_frames(path, spec=SPEC, num=5)


def test_real_frames_become_the_same_input() -> None:
    data = find_data()
    clips = sorted((data / "clips").glob("*.mp4")) if data else []
    if not clips:
        pytest.skip("no clips: set LOSSZERO_DATA")
    spec = InputSpec(size=(384, 672), mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    for path in clips[:3]:
        check_frames(path, spec=spec, num=3)


def test_a_colour_that_is_understood_otherwise_would_be_seen() -> None:
    planes = draw_planes((180, 320), matrix="bt709")
    other = Planes(y=planes.y, u=planes.u, v=planes.v, matrix="bt601")
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(
            by_torch(other, spec=SPEC), by_processor(planes, spec=SPEC), atol=LEVELS_MAX
        )


@pytest.mark.parametrize(("source", "target"), [(100, 160), (320, 160), (161, 160), (7, 32)])
def test_tables_of_an_axis_are_what_opencv_does(source: int, target: int) -> None:
    row_1W = np.random.default_rng(1).integers(0, 256, (1, source), np.uint8)
    neighbours_2W, weights_2W = axis_table(source, target, stops=True)
    mixed = (row_1W[0][neighbours_2W].astype(int) * weights_2W).sum(0)
    assert (weights_2W.sum(0) == 2048).all()
    resized = cv2.resize(row_1W, (target, 1), interpolation=cv2.INTER_LINEAR)[0]
    assert np.abs(mixed / 2048 - resized).max() <= 1


def test_conversion_is_that_of_ffmpeg_within_rounding() -> None:
    planes = draw_planes(SPEC.size, matrix="bt709", chroma_444=True)
    # Colours that exist, or the two would differ in what becomes of those that do not.
    for plane in (planes.y, planes.u, planes.v):
        plane[...] = 110 + plane // 8
    stacked_3HW = np.stack([planes.y, planes.u, planes.v])
    picture = av.VideoFrame.from_ndarray(stacked_3HW, format="yuv444p")
    picture.colorspace, picture.color_range = Colorspace.ITU709, 1
    truth_HWC = picture.to_ndarray(format="rgb24", src_colorspace=Colorspace.ITU709)
    found_HWC = by_torch(planes, spec=SPEC)
    assert np.abs(found_HWC.astype(int) - truth_HWC).max() <= 2


def test_planes_of_a_decoder_reach_torch_without_a_copy_as_nv12() -> None:
    planes = draw_planes((180, 320))
    interleaved_hW = np.stack([planes.u, planes.v], axis=-1).reshape(90, 320)
    picture = av.VideoFrame.from_ndarray(np.concatenate([planes.y, interleaved_hW]), format="nv12")
    # A capsule: torch.from_dlpack(plane) names a stream, which PyAV refuses for a GPU's planes.
    luma_HW, chroma_hw2 = (
        torch.utils.dlpack.from_dlpack(plane.__dlpack__()) for plane in picture.planes
    )
    assert luma_HW.data_ptr() == picture.planes[0].buffer_ptr
    np.testing.assert_array_equal(luma_HW.numpy(), planes.y)
    found = by_torch(planes, spec=SPEC, chroma_2hw=chroma_hw2.permute(2, 0, 1))
    np.testing.assert_array_equal(found, by_torch(planes, spec=SPEC))
