"""Decoding on an NVIDIA GPU, where it is asked for: never instead of what was asked, nor silently.

Pictures come back to the host, for the overlay is laid on planes there; what is won is time of the
processor. The decoder has a context of the GPU of its own, so that it does not matter whether torch
or the decoder comes first.
"""

from pathlib import Path
from typing import Literal, get_args

from av.codec.hwaccel import HWAccel
from av.video.stream import VideoStream

from losszero_rt.errors import InputError

Decoding = Literal["cpu", "nvdec"]
DECODINGS: tuple[Decoding, ...] = get_args(Decoding)
_REMEDY = "leave --decode nvdec away: the processor decodes it"


def accelerator(decode: Decoding, *, gpu: int) -> HWAccel | None:
    """Return what makes a container decode on a GPU; None for the processor."""
    if decode == "cpu":
        return None
    return HWAccel(
        "cuda",
        device=str(gpu),
        # Its default is to fall back without a word.
        allow_software_fallback=False,
        options={"primary_ctx": "0"},
        is_hw_owned=False,
    )


def no_decoder(path: Path, *, gpu: int, error: Exception) -> InputError:
    """Return the error of a machine whose GPU does not decode, or that has none."""
    return InputError(
        f"{path}: the GPU {gpu} cannot be opened for decoding ({error})",
        accepted="--decode nvdec on a machine with an NVIDIA GPU and its driver",
        remedy=_REMEDY,
    )


def check_accelerated(video: VideoStream, path: Path) -> None:
    """Refuse a stream that the GPU does not decode; libav would let the processor do it.

    Raises:
        InputError: If its decoder is no decoder of the GPU.
    """
    if not video.codec_context.is_hwaccel:
        raise no_codec(path, video.codec_context.name)


def no_codec(path: Path, codecs: str) -> InputError:
    """Return the error of a file of which the GPU decodes nothing.

    AV1 is among the codecs where libav was built with a decoder of its own for it, which comes
    before the GPU's.
    """
    return InputError(
        f"{path}: no GPU decodes {codecs}",
        accepted="--decode nvdec for H.264, HEVC, VP9 and other codecs that NVDEC knows",
        remedy=_REMEDY,
    )


def why_none_decoded(decode: Decoding) -> str:
    """Return what to try when no picture of a file could be decoded."""
    if decode == "nvdec":
        return f"the GPU may not know its profile or chroma: {_REMEDY}"
    return "is the file damaged?"
