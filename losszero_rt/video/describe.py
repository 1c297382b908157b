"""Facts of an open file, copied into values that outlive it."""

from fractions import Fraction
from pathlib import Path

from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from losszero_rt.errors import clean_text
from losszero_rt.frame import VideoInfo
from losszero_rt.video.completeness import Completeness
from losszero_rt.video.opening_file import OpenFile
from losszero_rt.video.orientation import Orientation
from losszero_rt.video.picture import PictureMaker

_MIN_RATE, _MAX_RATE = Fraction(1, 60), 480


def rate_of(video: VideoStream) -> Fraction | None:
    """Return the declared rate, frames a second; None where no camera could have it.

    Streams without times are read as if they had 25 frames a second; there the codec knows better.
    """
    coded = video.codec_context.framerate if video.start_time is None else None
    return _first_possible(coded, video.average_rate, video.base_rate)


def live_rate_of(video: VideoStream) -> Fraction | None:
    """Return the declared rate of a live stream, frames a second; None when it declares none.

    What libav finds out by itself comes from the first few packets, and is often twice the rate.
    """
    return _first_possible(video.average_rate, video.codec_context.framerate)


def _first_possible(*rates: Fraction | None) -> Fraction | None:
    possible = (Fraction(r) for r in rates if r and _MIN_RATE <= r <= _MAX_RATE)
    return next(possible, None)


def describe(
    path: Path,
    *,
    file: OpenFile,
    first: VideoFrame,
    first_pts: int,
    maker: PictureMaker,
    orientation: Orientation | None,
    completeness: Completeness,
) -> VideoInfo:
    """Put together the facts of a source from its container and its first picture.

    Args:
        path: The file.
        file: Its open container.
        first: The first picture.
        first_pts: Time of the first frame that is handed out.
        maker: What makes the planes.
        orientation: How the picture is set upright; None when its angle cannot be undone.
        completeness: What the container declares.
    """
    video, turned = file.video, orientation or Orientation()
    sar = Fraction(video.sample_aspect_ratio or 1)
    return VideoInfo(
        name=clean_text(path.name),
        size=maker.size,
        coded_size=(first.height, first.width),
        rate_declared=rate_of(video),
        time_base=Fraction(video.time_base or Fraction(1, 1000)),
        codec=video.codec_context.name,
        pix_fmt=first.format.name,
        num_frames_declared=completeness.num_declared,
        duration_s_declared=completeness.duration_s,
        start_pts=first_pts,
        matrix=maker.colour.matrix,
        full_range=maker.colour.full_range,
        primaries=maker.colour.primaries,
        transfer=maker.colour.transfer,
        sar=1 / sar if turned.transposed else sar,
        rotation=turned.degrees,
        num_audio=len(file.audio),
        notes=(*file.notes, *picture_notes(first, maker, orientation)),
    )


def picture_notes(
    first: VideoFrame, maker: PictureMaker, orientation: Orientation | None
) -> tuple[str, ...]:
    """Return lines about what was done to the pictures.

    Args:
        first: The first picture.
        maker: What makes the planes.
        orientation: How the picture is set upright; None when its angle cannot be undone.
    """
    notes = []
    if orientation is None:
        notes.append("its rotation is no multiple of 90 degrees and was left as it is")
    elif orientation.degrees:
        notes.append(f"turned upright by {orientation.degrees} degrees")
    if orientation and orientation.mirrored:
        notes.append("mirror image undone")
    if maker.size != maker.upright_size:
        (height, width), (even_h, even_w) = maker.upright_size, maker.size
        notes.append(f"{width}x{height} padded to {even_w}x{even_h}: H.264 needs even sizes")
    if maker.colour.hdr:
        notes.append(f"HDR ({maker.colour.hdr}) tone mapped to 8-bit BT.709")
    if first.interlaced_frame:
        notes.append("the video is interlaced: moving edges show combs")
    return tuple(notes)
