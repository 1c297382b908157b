"""The sample ride as files: a rendered video with an exact label file for every frame."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from losszero_rt.errors import OutputError
from losszero_rt.frame import Frame, Planes, VideoInfo
from losszero_rt.preprocess import reduce_to, rgb_to_yuv
from losszero_rt.ride import Ride, RideSpec
from losszero_rt.timings import now_s
from losszero_rt.video import EncodeOptions, VideoSink, check_output, check_writable

# Divides all usual frame rates and the milliseconds of variable ones.
TIME_BASE = Fraction(1, 90000)
# About the bit rate of a dash camera; with less loss the grain alone takes five times as much.
RIDE_ENCODING = EncodeOptions(crf=23, preset="veryfast")


@dataclass(frozen=True, kw_only=True)
class RideFiles:
    """What :func:`write_ride` wrote.

    Attributes:
        video: The clip.
        labels: Folder of 8-bit id PNG files, one a frame; None when not asked for.
        num_frames: Frames of the clip.
        fps: Frames rendered and encoded a second.
    """

    video: Path
    labels: Path | None
    num_frames: int
    fps: float


def write_ride(
    path: Path, *, spec: RideSpec, labels: Path | None = None, force: bool = False
) -> RideFiles:
    """Render a ride into a video file.

    Args:
        path: Video to write.
        spec: What to render.
        labels: Folder for the label files; made if its parent exists.
        force: Overwrite.

    Returns:
        What was written.

    Raises:
        UsageError: The suffix is no video's.
        OutputError: Files exist, or cannot be written.
    """
    check_output(path, sources=[], force=force)
    if labels is not None:
        _make_label_folder(labels, force=force)
    ride = Ride(spec)
    sink = VideoSink(path, info=_info(spec, ride), options=RIDE_ENCODING, force=force)
    start_s = now_s()
    try:
        for index, time_s in enumerate(ride.times()):
            drawn = ride.render(index)
            canvas = sink.canvas()
            to_planes(drawn.pixels_HWC, canvas)
            sink.write(canvas, frame=_frame(index, time_s, spec.rate, canvas))
            if labels is not None:
                _write_labels(labels / f"{index:06d}.png", drawn.labels_HW)
    except BaseException:
        sink.abort()
        raise
    sink.close()
    fps = ride.num_frames / max(1e-9, now_s() - start_s)
    return RideFiles(video=path, labels=labels, num_frames=ride.num_frames, fps=fps)


def _make_label_folder(labels: Path, *, force: bool) -> None:
    try:
        labels.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{labels} is no folder that can be written: {error.strerror}",
            accepted="a folder, or the name of a new one in an existing folder",
        ) from error
    check_writable(labels / "probe", force=True)
    if any(labels.glob("*.png")) and not force:
        raise OutputError(
            f"{labels} holds PNG files already",
            remedy="choose an empty folder, or add --force to overwrite",
        )


def _write_labels(path: Path, labels_HW: np.ndarray) -> None:
    _, png = cv2.imencode(".png", labels_HW)
    try:
        path.write_bytes(png.tobytes())
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error


def to_planes(pixels_HWC: np.ndarray, canvas: Planes) -> None:
    """Convert RGB pixels, uint8 (H, W, 3), into planes, one row or column larger if need be."""
    bottom = canvas.y.shape[0] - pixels_HWC.shape[0]
    right = canvas.y.shape[1] - pixels_HWC.shape[1]
    if bottom or right:
        pixels_HWC = cv2.copyMakeBorder(pixels_HWC, 0, bottom, 0, right, cv2.BORDER_REPLICATE)
    yuv_HWC = cv2.transform(pixels_HWC, rgb_to_yuv(canvas.matrix, canvas.full_range))
    y, u, v = cv2.split(yuv_HWC)
    canvas.y[...] = y
    chroma_wh = (canvas.u.shape[1], canvas.u.shape[0])
    canvas.u[...] = reduce_to(u, chroma_wh)
    canvas.v[...] = reduce_to(v, chroma_wh)


def _info(spec: RideSpec, ride: Ride) -> VideoInfo:
    height, width = spec.size
    return VideoInfo(
        name="sample ride",
        size=(height + height % 2, width + width % 2),
        coded_size=spec.size,
        rate_declared=spec.rate,
        time_base=TIME_BASE,
        codec="rendered",
        pix_fmt="yuv420p",
        num_frames_declared=ride.num_frames,
        matrix="bt709" if height >= 720 else "bt601",
    )


def _frame(index: int, time_s: Fraction | float, rate: Fraction, planes: Planes) -> Frame:
    return Frame(
        index=index,
        pts=round(time_s / TIME_BASE),
        time_base=TIME_BASE,
        duration=round(1 / rate / TIME_BASE),
        planes=planes,
        decoded_at_s=now_s(),
    )
