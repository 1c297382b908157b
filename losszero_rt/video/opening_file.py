"""Opening a media file safely, and saying in one line why one cannot be opened.

Only plain containers are let in: a playlist or concatenation script that calls itself ``.mp4``
would make libav open other files or addresses, so those formats are not on the list.
"""

import math
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import av
import av.error
import av.logging
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from losszero_rt.errors import InputError
from losszero_rt.video.nvdec import Decoding, accelerator, check_accelerated, no_codec, no_decoder

PLAIN_CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,live_flv,asf,ogg,mxf,nut,"
    "dv,gif,apng,ivf,h264,hevc,vvc,obu,av1,m4v,mjpeg,mpjpeg,h263,h261,vc1,rm,wtv,gxf,swf,nsv,"
    "yuv4mpegpipe"
)
# Texts in a file need not be UTF-8; from version 19 on PyAV does not mind by itself.
_TOLERANT: dict[str, Any] = (
    {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}
)
# What libav can count at most: any picture.
MOST_PIXELS = 2**31 - 1
_ACCEPTED = "a video file such as mp4, mov, mkv, webm, avi or ts"


@dataclass(frozen=True, kw_only=True)
class OpenFile:
    """An open container and the streams that will be read.

    Streams die with their container: whoever holds this closes it and drops the streams.

    Attributes:
        container: The open container.
        video: The video stream that was chosen.
        audio: Its audio streams.
        notes: Lines a person should see about streams left out.
    """

    container: InputContainer
    video: VideoStream
    audio: tuple[AudioStream, ...]
    notes: tuple[str, ...]


def open_file(
    path: Path,
    *,
    stream: int | None,
    max_pixels: int,
    decode: Decoding = "cpu",
    gpu: int = 0,
) -> OpenFile:
    """Open a video file and choose its streams.

    Args:
        path: File to open; taken literally, never as a pattern, an address or an option.
        stream: Index of the video stream to read; None for the best one.
        max_pixels: Largest picture that is let in, pixels.
        decode: What is to decode it.
        gpu: Number of the GPU, where that decodes.

    Raises:
        InputError: The file cannot be read, or is no video, or holds too large a picture, or a GPU
            was asked for that cannot decode it.
    """
    check_regular(path)
    container = _open_container(path, max_pixels=max_pixels, decode=decode, gpu=gpu)
    try:
        video, notes = _choose_video(container, path, stream=stream)
        _check_decoder(container, video, path)
        if decode == "nvdec":
            check_accelerated(video, path)
            notes = (*notes, f"decoded by the GPU {gpu} (NVDEC)")
        _check_pixels(video, path, max_pixels=max_pixels)
        return OpenFile(
            container=container,
            video=video,
            audio=tuple(container.streams.audio),
            notes=(*notes, *_left_out(container)),
        )
    except BaseException:
        container.close()
        raise


def check_regular(path: Path) -> None:
    """Refuse what is no regular file with something in it.

    Raises:
        InputError: It is missing, empty, a directory, a pipe or a device, or may not be read.
    """
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    if stat.S_ISDIR(mode):
        raise InputError(f"{path} is a directory", accepted=_ACCEPTED)
    if not stat.S_ISREG(mode):
        raise InputError(f"{path} is not a regular file", accepted=_ACCEPTED)
    if path.stat().st_size == 0:
        raise InputError(f"{path} is empty, not a video", accepted=_ACCEPTED)


def _open_container(path: Path, *, max_pixels: int, decode: Decoding, gpu: int) -> InputContainer:
    options = {
        "format_whitelist": PLAIN_CONTAINERS,
        "protocol_whitelist": "file",
        "max_pixels": str(roomy_limit(max_pixels)),
    }
    try:
        container: InputContainer = av.open(
            f"file:{path.absolute()}",
            "r",
            options=options,
            hwaccel=accelerator(decode, gpu=gpu),
            **_TOLERANT,
        )
        return container
    # How a container without a single stream for the GPU is refused.
    except RuntimeError as error:
        raise no_codec(path, _codecs_of(path, max_pixels=max_pixels)) from error
    except (av.error.FFmpegError, OSError, ValueError) as error:
        if decode == "nvdec" and _opens_without(path, max_pixels=max_pixels):
            raise no_decoder(path, gpu=gpu, error=error) from error
        raise _why_refused(path, error) from error


def _opens_without(path: Path, *, max_pixels: int) -> bool:
    """Say whether a file opens for the processor, so that what failed was the GPU."""
    try:
        _open_container(path, max_pixels=max_pixels, decode="cpu", gpu=0).close()
    except InputError:
        return False
    return True


def _codecs_of(path: Path, *, max_pixels: int) -> str:
    """Return the names of the video codecs of a file."""
    with _open_container(path, max_pixels=max_pixels, decode="cpu", gpu=0) as container:
        names = [stream.codec_context.name for stream in container.streams.video]
    return ", ".join(dict.fromkeys(names)) or "what is in it"


def _why_refused(path: Path, error: Exception) -> InputError:
    if isinstance(error, PermissionError):
        return InputError(f"{path}: permission denied")
    return _refusal(path)


def _refusal(path: Path) -> InputError:
    boxes = set(_top_level_boxes(path))
    if "ftyp" in boxes and "moov" not in boxes:
        return InputError(
            f"{path}: the recording was not finalised (its index, the moov box, is missing)",
            remedy="untrunc can rebuild it from a good recording of the same camera",
        )
    return InputError(f"{path} is not a video", accepted=_ACCEPTED)


def _top_level_boxes(path: Path) -> Iterator[str]:
    """Yield the names of the outermost boxes of an ISO media file, as far as they make sense."""
    end = path.stat().st_size
    with path.open("rb") as file:
        at = 0
        while at + 8 <= end:
            file.seek(at)
            header = file.read(16)
            size = int.from_bytes(header[:4], "big")
            if size == 1 and len(header) == 16:
                size = int.from_bytes(header[8:], "big")
            yield header[4:8].decode("latin-1")
            if size < 8:
                return
            at += size


def _choose_video(
    container: InputContainer, path: Path, *, stream: int | None
) -> tuple[VideoStream, tuple[str, ...]]:
    """Pick the wanted stream, or the best one as libav judges it; cover art is no video."""
    covers = Disposition.attached_pic | Disposition.timed_thumbnails
    candidates = [s for s in container.streams.video if not s.disposition & covers]
    if not candidates:
        raise InputError(f"{path}: no video stream", accepted=_ACCEPTED)
    indices = ", ".join(str(s.index) for s in candidates)
    if stream is not None:
        for candidate in candidates:
            if candidate.index == stream:
                return candidate, ()
        raise InputError(f"{path}: stream {stream} is no video", accepted=f"--stream {indices}")
    best = container.streams.best("video")
    chosen = next((s for s in candidates if best is not None and s.index == best.index), None)
    chosen = chosen or candidates[0]
    if len(candidates) == 1:
        return chosen, ()
    return chosen, (f"reading video stream {chosen.index} of {indices}",)


def _check_decoder(container: InputContainer, video: VideoStream, path: Path) -> None:
    # The annotation promises a context; a stream without a decoder has none.
    if getattr(video, "codec_context", None) is not None:
        return
    raise InputError(
        f"{path}: no decoder for its video ({_codec_in_words(container, video.index)})",
        remedy="convert it to H.264 first",
    )


def _codec_in_words(container: InputContainer, index: int) -> str:
    """Name a codec for which there is no decoder: only libav's own description knows it."""
    level = av.logging.get_level()
    av.logging.set_level(av.logging.INFO)
    try:
        # Missing in the stubs.
        description: str = cast(Any, container).dumps_format()
    finally:
        av.logging.set_level(level)
    for line in description.splitlines():
        if f"#0:{index}" in line and "Video:" in line:
            return line.split("Video:", 1)[1].split(",")[0].strip()
    return "unknown codec"


def roomy_limit(max_pixels: int) -> int:
    """Return what to allow libav, so that nothing is refused that is within the limit.

    It counts pictures with the padding of their rows and blocks; :func:`open_file` does not.
    """
    return min(MOST_PIXELS, max_pixels + 512 * math.isqrt(max_pixels) + 2**14)


def _check_pixels(video: VideoStream, path: Path, *, max_pixels: int) -> None:
    width, height = video.codec_context.width, video.codec_context.height
    if width * height == 0:
        width, height = _declared_wh(path, index=video.index)
    if width * height > max_pixels:
        raise InputError(
            f"{path} has {width}x{height} pixels",
            accepted=f"at most {max_pixels} pixels",
            remedy=f"--max-pixels {width * height} lets it in",
        )


def _declared_wh(path: Path, *, index: int) -> tuple[int, int]:
    """Return the size of a stream that has none, as many decoders leave it when it is too large.

    Nothing is decoded, so nothing of that size is allocated either.
    """
    options = {
        "format_whitelist": PLAIN_CONTAINERS,
        "protocol_whitelist": "file",
        "max_pixels": str(MOST_PIXELS),
        "skip_frame": "all",
    }
    try:
        with av.open(f"file:{path.absolute()}", "r", options=options, **_TOLERANT) as container:
            context = container.streams[index].codec_context
            return getattr(context, "width", 0), getattr(context, "height", 0)
    except (av.error.FFmpegError, OSError, ValueError):
        return 0, 0


def _left_out(container: InputContainer) -> Iterator[str]:
    subtitles, data = len(container.streams.subtitles), len(container.streams.data)
    if subtitles:
        yield f"subtitles left out: {subtitles} track{'s'[: subtitles > 1]}"
    if data:
        yield f"data left out: {data} track{'s'[: data > 1]}"
