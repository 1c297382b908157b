"""What a configuration asks of the engine, of the sources and of the encoder."""

from dataclasses import replace
from typing import Any, cast

from losszero_rt.engine import EngineOptions, Model
from losszero_rt.pipeline.config import RunConfig
from losszero_rt.pipeline.stream_config import StreamConfig
from losszero_rt.video import EncodeOptions, SourceOptions
from losszero_rt.video.encoders import CodecName, Preset

# Submissions that the engine is asked to have under way.
NUM_REQUESTS = 4


def engine_options(config: StreamConfig) -> EngineOptions:
    """Return what a configuration asks of the engine; ``auto`` batches are 1 on a CPU, else 4."""
    return EngineOptions(
        device=config.device,
        precision=config.precision,
        batch=batch_of(config),
        threads=config.threads,
        streams=config.streams,
        num_requests=NUM_REQUESTS,
        cams=bool(config.cam),
        objects=config.objects,
        any_batch=not config.batch,
        trust_engine=config.trust_engine,
        build=config.build,
    )


def batch_of(config: StreamConfig) -> int:
    """Return the frames of one submission."""
    on_gpu = config.device.startswith("cuda")
    return config.batch or (4 if on_gpu else 1)


def encode_options(config: StreamConfig) -> EncodeOptions:
    """Return how a configuration wants its video encoded; names are checked on creation."""
    options = EncodeOptions(
        codec=cast(CodecName, config.codec), crf=config.crf, threads=config.threads
    )
    return replace(options, preset=cast(Preset, config.preset)) if config.preset else options


def picture_settings(config: RunConfig, *, model: Model) -> dict[str, Any]:
    """Return what the pictures of an output depend on, as plain values.

    An interrupted output may only be gone on with where all of it is the same.
    """
    names = ("alpha", "view", "palette", "legend", "hud", "objects", "crf", "stride")
    return {
        **{name: getattr(config, name) for name in names},
        "model": model.sha256[:16],
        "classes": list(config.classes),
        "preset": config.preset or "default",
        "start": config.start_s,
        "cam": config.cam or "off",
    }


def source_options(config: RunConfig, *, audio: bool) -> SourceOptions:
    """Return how a configuration wants a source read.

    Args:
        config: What to do.
        audio: Whether there is an output that takes sound.
    """
    return SourceOptions(
        stream=config.stream,
        max_pixels=config.max_pixels,
        start_s=config.start_s,
        duration_s=config.duration_s,
        threads=config.threads,
        audio=config.audio and audio,
        decode=config.decode,
        gpu=_gpu_of(config.device),
    )


def _gpu_of(device: str) -> int:
    """Return the number of a device that is a GPU; 0, the first one, for any other."""
    number = device.partition(":")[2]
    return int(number) if device.startswith("cuda") and number.isdecimal() else 0
