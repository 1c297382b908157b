"""Which encoder makes the output, and with which settings."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, get_args

from av.codec.codec import Codec, UnknownCodecError
from av.container import OutputContainer
from av.video.stream import VideoStream

from losszero_rt.cores import num_cores
from losszero_rt.errors import OutputError, UsageError
from losszero_rt.frame import VideoInfo
from losszero_rt.video.colour import FULL, LIMITED, MATRIX_CODES

CodecName = Literal["auto", "libx264", "h264_nvenc", "libvpx-vp9"]
CODEC_NAMES: tuple[CodecName, ...] = get_args(CodecName)
Preset = Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow"]
PRESETS: tuple[Preset, ...] = get_args(Preset)

# Measured on 1080p night rides: with its deblocking switched back on, ultrafast makes the same
# size and PSNR as superfast for half of the processor time.
DEFAULT_PRESET: Preset = "ultrafast"
_MAX_H264_QUALITY = 51
_FALLBACK_RATE = Fraction(30)
# NVENC has seven presets, p1 the fastest.
_NVENC_PRESETS = {name: f"p{min(7, i + 1)}" for i, name in enumerate(PRESETS)}
_NVIDIA_DEVICES = ("/dev/nvidia0", "/dev/dxg")


@dataclass(frozen=True, kw_only=True)
class EncodeOptions:
    """How to encode the output.

    Attributes:
        codec: Encoder; ``auto`` takes NVENC where a GPU opens it, else libx264, and VP9 in webm.
        crf: Constant quality, 0 (lossless) to 51 (worst); VP9 counts to 63.
        preset: Speed against size.
        threads: Encoder threads; 0 for half of the cores, as the network needs them too.
        gop: Frames from key frame to key frame at most; the sink asks for one a second besides.
        settings: What else the pictures depend on, as plain values. They are written into the
            file, and a run that goes on with it must have the same.
    """

    codec: CodecName = "auto"
    crf: int = 23
    preset: Preset = DEFAULT_PRESET
    threads: int = 0
    gop: int = 30
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.codec not in CODEC_NAMES:
            raise UsageError(f"unknown codec {self.codec}", accepted=", ".join(CODEC_NAMES))
        if self.preset not in PRESETS:
            raise UsageError(f"unknown preset {self.preset}", accepted=", ".join(PRESETS))
        if not 0 <= self.crf <= 63:
            raise UsageError(f"crf {self.crf}", accepted="0 (lossless) to 51, or to 63 in webm")
        if self.gop < 1 or self.threads < 0:
            raise UsageError(
                f"gop {self.gop}, threads {self.threads}", accepted="gop >= 1, threads >= 0"
            )


def candidates(options: EncodeOptions, *, container: str) -> tuple[str, ...]:
    """Return the encoders to try, best first; a named encoder is the only one.

    Raises:
        UsageError: The named encoder does not go into that container, or has no such quality.
        OutputError: The named encoder is not part of this build.
    """
    if options.codec != "auto":
        _check_named(options.codec, container=container)
        names: tuple[str, ...] = (options.codec,)
    elif container == "webm":
        names = ("libvpx-vp9",)
    else:
        gpu = any(Path(device).exists() for device in _NVIDIA_DEVICES)
        names = ("h264_nvenc", "libx264") if gpu else ("libx264",)
    if options.crf > _MAX_H264_QUALITY and names != ("libvpx-vp9",):
        raise UsageError(
            f"crf {options.crf} for H.264",
            accepted=f"0 (lossless) to {_MAX_H264_QUALITY}",
            remedy="only VP9 counts to 63: name the output .webm",
        )
    return names


def _check_named(codec: str, *, container: str) -> None:
    if (codec == "libvpx-vp9") != (container == "webm") and container != "matroska":
        fitting = "libvpx-vp9" if container == "webm" else "libx264, h264_nvenc"
        raise UsageError(f"{codec} does not go into {container}", accepted=fitting)
    try:
        Codec(codec, "w")
    except UnknownCodecError as error:
        raise OutputError(f"this build of PyAV has no encoder {codec}") from error


def cannot_open(codec: str, *, options: EncodeOptions) -> OutputError:
    """Return the error of an encoder that does not open, with a remedy that was not tried yet."""
    if options.codec == "auto":
        remedy = "losszero-rt doctor lists those that open"
    else:
        remedy = "--codec auto takes one that does"
    came = f"the encoder {codec} does not open on this machine"
    return OutputError(came, remedy=remedy)


def add_video(
    container: OutputContainer,
    *,
    codec: str,
    info: VideoInfo,
    size: tuple[int, int],
    options: EncodeOptions,
) -> VideoStream:
    """Add the video stream to an output.

    Args:
        container: Output that has not started yet.
        codec: Encoder, one of :func:`candidates`.
        info: Facts of the source: time base, rate, colour and sample aspect are carried over.
        size: (height, width) of the output.
        options: Settings.
    """
    stream = container.add_stream(
        codec,
        rate=info.rate_declared or _FALLBACK_RATE,
        options=dict(_settings(codec, options)),
        width=size[1],
        height=size[0],
        pix_fmt="yuv420p",
        time_base=info.time_base,
    )
    assert isinstance(stream, VideoStream), "only video encoders are candidates"
    context = stream.codec_context
    context.gop_size = options.gop
    context.thread_count = options.threads or max(1, num_cores() // 2)
    context.sample_aspect_ratio = info.sar
    context.colorspace = MATRIX_CODES[info.matrix]
    context.color_range = FULL if info.full_range else LIMITED
    context.color_primaries = info.primaries
    context.color_trc = info.transfer
    stream.time_base = info.time_base
    return stream


def _settings(codec: str, options: EncodeOptions) -> Iterator[tuple[str, str]]:
    if codec == "libx264":
        # No look-ahead and no B-frames: a packet leaves with the picture that made it.
        yield from (("preset", options.preset), ("tune", "zerolatency"), ("bf", "0"))
        yield from (("crf", str(options.crf)), ("x264-params", "no-deblock=0"))
        yield ("forced-idr", "1")
    elif codec == "h264_nvenc":
        yield from (("preset", _NVENC_PRESETS[options.preset]), ("bf", "0"), ("delay", "0"))
        yield ("forced-idr", "1")
        # To it a quality of 0 is one of its own choice, and lossless a tuning.
        lossless = (("tune", "lossless"),)
        yield from (("rc", "vbr"), ("cq", str(options.crf))) if options.crf else lossless
    else:
        yield from (("crf", str(options.crf)), ("b", "0"), ("row-mt", "1"))
        yield from (("deadline", "realtime"), ("cpu-used", "8"), ("lag-in-frames", "0"))
