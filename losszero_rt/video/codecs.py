"""Which codecs this build of FFmpeg brings, for ``losszero-rt doctor``."""

import av
from av.codec.codec import Codec, UnknownCodecError

ENCODERS = ("libx264", "h264_nvenc", "libvpx-vp9")
DECODERS = ("h264", "hevc", "av1", "vp9", "mpeg4", "mjpeg", "prores")


def codec_facts() -> dict[str, str]:
    """Return FFmpeg's version and the encoders and decoders of interest; never raises."""
    versions = ".".join(str(part) for part in av.library_versions.get("libavcodec", ()))
    return {
        "PyAV": f"{av.__version__}, libavcodec {versions}",
        "encoders": _present(ENCODERS, mode="w"),
        "decoders": _present(DECODERS, mode="r"),
    }


def _present(names: tuple[str, ...], *, mode: str) -> str:
    return ", ".join(name if _has(name, mode) else f"{name} (absent)" for name in names)


def _has(name: str, mode: str) -> bool:
    try:
        Codec(name, "w" if mode == "w" else "r")
    except UnknownCodecError:
        return False
    return True
