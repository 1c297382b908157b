"""What this build of FFmpeg can read and write on this machine."""

from fractions import Fraction
from typing import Any

import av
import av.error
from av.codec.codec import UnknownCodecError
from av.codec.context import CodecContext
from av.video.codeccontext import VideoCodecContext

from losszero_rt.video.encoders import CODEC_NAMES

_DECODERS = ("h264", "hevc", "vp9", "av1", "mpeg4", "mjpeg", "prores")
# Hardware encoders refuse pictures much smaller than this.
_TRIAL_SIZE = 256


def codec_facts() -> dict[str, Any]:
    """Return versions, decoders, and for every encoder whether it really opens."""
    encoders = {name: _trial(name) for name in CODEC_NAMES if name != "auto"}
    return {
        "PyAV": av.__version__,
        "FFmpeg": av.ffmpeg_version_info,
        "encoders": encoders,
        "decoders": [name for name in _DECODERS if name in av.codecs_available],
    }


def _trial(encoder: str) -> str:
    try:
        context = CodecContext.create(encoder, "w")
        assert isinstance(context, VideoCodecContext), "the names are those of video encoders"
        context.width = context.height = _TRIAL_SIZE
        context.pix_fmt = "yuv420p"
        context.time_base = Fraction(1, 30)
        context.open()
    except (UnknownCodecError, ValueError):
        return "not in this build"
    except av.error.FFmpegError:
        return "does not open on this machine"
    return "opens"
