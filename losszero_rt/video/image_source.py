"""One image file as a source of one frame."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import av.error
import cv2
import numpy as np

from losszero_rt.errors import InputError, clean_text
from losszero_rt.frame import Frame, Planes, StreamItem, VideoInfo
from losszero_rt.timings import now_s
from losszero_rt.video.completeness import Reach
from losszero_rt.video.opening_file import check_regular
from losszero_rt.video.source_options import SourceOptions

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")

_FORMATS = "image2,jpeg_pipe,png_pipe,apng,bmp_pipe,webp_pipe,webp,tiff_pipe"
_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM", b"II*\0", b"MM\0*")
_TIME_BASE = Fraction(1, 25)
_JPEG_SCAN, _JPEG_END = b"\xff\xda", b"\xff\xd9"
_PNG_END = b"IEND"


class StillSource:
    """Reads one image: a single frame, 4:4:4, full range, BT.601, of the image's own size.

    EXIF orientation is honoured. CMYK, 16-bit, grey and transparent images become 8-bit colour.

    Args:
        path: The image; taken literally.
        options: How to read it; only ``max_pixels`` matters.

    Attributes:
        path: The image.
        info: Its facts.
        warnings: Lines a person should see after the run.
        incomplete: Why the image is not whole, or None.
        reach: How far reading got: to the one picture, whole or not.

    Raises:
        InputError: The image cannot be read or is too large.
    """

    def __init__(self, path: Path, *, options: SourceOptions | None = None) -> None:
        self.path = path
        self.warnings: list[str] = []
        self.incomplete: str | None = None
        self.reach = Reach()
        check_regular(path)
        codec, pix_fmt = _check_header(path, max_pixels=(options or SourceOptions()).max_pixels)
        start_s = now_s()
        data = path.read_bytes()
        planes = _decode(data, path)
        if _is_cut(data):
            self.incomplete = "the image is cut off"
            self.warnings.append(self.incomplete)
        done_s = now_s()
        self.info = VideoInfo(
            name=clean_text(path.name),
            size=planes.size,
            coded_size=planes.size,
            rate_declared=None,
            time_base=_TIME_BASE,
            codec=codec,
            pix_fmt=pix_fmt,
            num_frames_declared=1,
            start_pts=0,
            full_range=True,
        )
        self._frame = Frame(
            index=0,
            pts=0,
            time_base=_TIME_BASE,
            duration=1,
            planes=planes,
            decoded_at_s=done_s,
            decode_ms=(done_s - start_s) * 1e3,
            suspect=self.incomplete is not None,
        )

    def __iter__(self) -> Iterator[StreamItem]:
        yield self._frame

    @property
    def audio_streams(self) -> tuple[()]:
        """An image has none."""
        return ()

    @property
    def origin_pts(self) -> int:
        """An image starts at zero."""
        return 0

    def close(self) -> None:
        """Nothing stays open."""


def is_image(path: Path) -> bool:
    """Tell a still image by its first bytes; the suffix decides where they say nothing."""
    if not path.is_file():  # opening a pipe would wait for its other end
        return path.suffix.lower() in IMAGE_SUFFIXES
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError:
        return path.suffix.lower() in IMAGE_SUFFIXES
    webp = head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    return webp or head.startswith(_SIGNATURES) or path.suffix.lower() in IMAGE_SUFFIXES


def _check_header(path: Path, *, max_pixels: int) -> tuple[str, str]:
    """Return codec and pixel format; refuse a picture before memory for it is asked for."""
    options = {
        "format_whitelist": _FORMATS,
        "protocol_whitelist": "file",
        "pattern_type": "none",
        "max_pixels": str(max_pixels),
    }
    try:
        with av.open(f"file:{path.absolute()}", "r", options=options) as container:
            context = container.streams.video[0].codec_context
            width, height = context.width, context.height
            facts = context.name, context.pix_fmt or "unknown"
    except (av.error.FFmpegError, OSError, ValueError, IndexError) as error:
        raise InputError(
            f"{path} is not an image", accepted=", ".join(s[1:] for s in IMAGE_SUFFIXES)
        ) from error
    # The library leaves the size empty where it exceeds the limit that it was given.
    if not 0 < width * height <= max_pixels:
        raise InputError(
            f"{path} is larger than allowed or damaged",
            accepted=f"at most {max_pixels} pixels",
            remedy="--max-pixels raises the limit",
        )
    return facts


def _decode(data: bytes, path: Path) -> Planes:
    try:
        pixels_HWC = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        pixels_HWC = None
    if pixels_HWC is None:
        raise InputError(f"{path} cannot be decoded", remedy="is the file damaged?")
    y, v, u = cv2.split(cv2.cvtColor(pixels_HWC, cv2.COLOR_BGR2YCrCb))
    return Planes(y=y, u=u, v=v, matrix="bt601", full_range=True)


def _is_cut(data: bytes) -> bool:
    """Find a JPEG or PNG without its end: decoders fill the rest with grey and are silent."""
    if data.startswith(_SIGNATURES[0]):
        return data.rfind(_JPEG_END) < data.rfind(_JPEG_SCAN)
    return data.startswith(_SIGNATURES[1]) and _PNG_END not in data[-64:]
