from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from losszero_rt.frame import Matrix, Planes
from losszero_rt.preprocess import yuv_to_rgb
from tests.media import read_clip, read_index, write_clip

RED = (199, 40, 61)
LOSSLESS = {"preset": "ultrafast", "qp": "0"}


def to_rgb(planes: Planes) -> np.ndarray:
    """Return the mean colour, in the colours that the planes claim."""
    means = np.array([[[planes.y.mean(), planes.u.mean(), planes.v.mean()]]], np.float32)
    return np.asarray(cv2.transform(means, yuv_to_rgb(planes.matrix, planes.full_range))[0, 0])


def write_red(
    path: Path,
    *,
    size: tuple[int, int],
    pix_fmt: str,
    matrix: int,
    full: bool,
    tagged: bool,
    codec: str = "libx264",
) -> Path:
    """Write five frames of one colour, made by swscale with the given matrix and range."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=30, width=size[1], height=size[0])
        assert isinstance(stream, VideoStream)
        stream.pix_fmt = pix_fmt
        if codec == "libx264":
            stream.options = dict(LOSSLESS)
        if tagged:
            stream.codec_context.colorspace = matrix
            stream.codec_context.color_range = 2 if full else 1
        pixels = np.broadcast_to(np.array(RED, np.uint8), (*size, 3))
        for number in range(5):
            picture = VideoFrame.from_ndarray(np.ascontiguousarray(pixels), "rgb24").reformat(
                format=pix_fmt,
                src_color_range=2,
                dst_colorspace={1: 1, 6: 5, 9: 9}[matrix],
                dst_color_range=2 if full else 1,
            )
            picture.pts, picture.time_base = number, Fraction(1, 30)
            output.mux(stream.encode(picture))
        output.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("full", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize(
    ("code", "matrix"), [(1, "bt709"), (6, "bt601"), (9, "bt2020")], ids=["709", "601", "2020"]
)
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "nv12"])
def test_tagged_colour_comes_out_as_it_went_in(
    tmp_path: Path, pix_fmt: str, code: int, matrix: Matrix, full: bool
) -> None:
    path = write_red(
        tmp_path / "a.mp4", size=(48, 96), pix_fmt=pix_fmt, matrix=code, full=full, tagged=True
    )
    source, frames, _ = read_clip(path)
    assert source.info.matrix == matrix
    assert source.info.full_range is full
    assert to_rgb(frames[2].planes) == pytest.approx(RED, abs=2.5)


@pytest.mark.parametrize(
    ("size", "code", "matrix"), [((720, 64), 1, "bt709"), ((718, 64), 6, "bt601")]
)
def test_untagged_colour_follows_the_height(
    tmp_path: Path, size: tuple[int, int], code: int, matrix: Matrix
) -> None:
    path = write_red(
        tmp_path / "a.mp4", size=size, pix_fmt="yuv420p", matrix=code, full=False, tagged=False
    )
    source, frames, _ = read_clip(path)
    assert source.info.matrix == matrix
    assert not source.info.full_range
    assert to_rgb(frames[2].planes) == pytest.approx(RED, abs=2.5)


def test_motion_jpeg_is_full_range(tmp_path: Path) -> None:
    path = tmp_path / "a.avi"
    write_red(
        path, size=(48, 96), pix_fmt="yuvj420p", matrix=6, full=True, tagged=False, codec="mjpeg"
    )
    source, frames, _ = read_clip(path)
    assert source.info.full_range
    assert to_rgb(frames[2].planes) == pytest.approx(RED, abs=4)


@pytest.mark.parametrize(
    ("pix_fmt", "codec"),
    [
        ("gray", "libx264"),
        ("yuv422p", "libx264"),
        ("yuv444p", "libx264"),
        ("yuvj420p", "libx264"),
        ("nv12", "libx264"),
        ("yuv420p10le", "libx265"),
        ("yuva420p", "ffv1"),
        ("bgr0", "ffv1"),
        ("gray16le", "ffv1"),
        ("yuv411p", "ffv1"),
    ],
)
def test_every_pixel_format_is_readable(tmp_path: Path, pix_fmt: str, codec: str) -> None:
    path = write_clip(tmp_path / "a.mkv", pix_fmt=pix_fmt, codec=codec, num_frames=8, options={})
    _, frames, _ = read_clip(path)
    assert [read_index(frame.planes) for frame in frames] == list(range(8))
    assert frames[0].planes.u.shape == (48, 96)


def test_rgb_becomes_limited_range(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=30, width=96, height=48, pix_fmt="bgr0")
        pixels = np.broadcast_to(np.array(RED, np.uint8), (48, 96, 3))
        picture = VideoFrame.from_ndarray(np.ascontiguousarray(pixels), "rgb24")
        output.mux(stream.encode(picture) + stream.encode(None))
    source, frames, _ = read_clip(path)
    assert not source.info.full_range
    assert to_rgb(frames[0].planes) == pytest.approx(RED, abs=2.5)


@pytest.mark.slow
@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
def test_hdr_is_tone_mapped_and_said(tmp_path: Path, transfer: int, name: str) -> None:
    colour = {"color_trc": transfer, "color_primaries": 9, "colorspace": 9, "color_range": 1}
    ramp = np.broadcast_to(np.linspace(16, 235, 192).astype(np.uint8), (96, 192))
    path = write_clip(
        tmp_path / "hdr.mp4",
        codec="libx265",
        options={"x265-params": "log-level=none", "crf": "4"},
        pix_fmt="yuv420p10le",
        num_frames=3,
        colour=colour,
        draw=lambda _: np.ascontiguousarray(ramp),
    )
    source, frames, _ = read_clip(path)
    assert source.info.matrix == "bt709"
    assert source.info.notes == (f"HDR ({name}) tone mapped to 8-bit BT.709",)
    row = frames[1].planes.y[48].astype(int)
    assert (np.diff(row) >= -2).all(), "brighter stays brighter"
    # Diffuse white of PQ (203 nits) is code 0.58: untreated it would be a washed-out grey.
    if name == "PQ":
        assert row[int(0.58 * 192)] > 150
    assert row[0] < 25


def test_odd_sizes_keep_the_whole_picture(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "odd.mkv", size=(95, 191), codec="ffv1", options={}, num_frames=3)
    source, frames, _ = read_clip(path)
    assert source.info.size == (96, 192)
    assert source.info.coded_size == source.info.shown_size == (95, 191)
    assert source.info.notes == ("191x95 padded to 192x96: H.264 needs even sizes",)
    planes = frames[2].planes
    assert planes.size == (96, 192)
    assert read_index(planes) == 2
    assert (planes.y[95] == planes.y[94]).all()
    assert (planes.y[:, 191] == planes.y[:, 190]).all()


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (16, 16), (1, 40), (3, 5)])
def test_tiny_pictures_work(tmp_path: Path, size: tuple[int, int]) -> None:
    path = write_clip(tmp_path / "tiny.mkv", size=size, codec="rawvideo", options={}, num_frames=2)
    source, frames, _ = read_clip(path)
    assert len(frames) == 2
    assert source.info.size == (size[0] + size[0] % 2, size[1] + size[1] % 2)
