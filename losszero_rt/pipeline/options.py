"""What a configuration asks of the engine, of the sources and of the encoder."""

from dataclasses import replace
from typing import cast

from losszero_rt.engine import EngineOptions
from losszero_rt.pipeline.config import RunConfig
from losszero_rt.video import EncodeOptions, SourceOptions
from losszero_rt.video.encoders import CodecName, Preset

# Submissions that the engine is asked to have under way.
NUM_REQUESTS = 4


def engine_options(config: RunConfig) -> EngineOptions:
    """Return what a configuration asks of the engine; ``auto`` batches are 1 on a CPU, else 4."""
    return EngineOptions(
        device=config.device,
        precision=config.precision,
        batch=batch_of(config),
        threads=config.threads,
        num_requests=NUM_REQUESTS,
    )


def batch_of(config: RunConfig) -> int:
    """Return the frames of one submission."""
    on_gpu = config.device.startswith("cuda")
    return config.batch or (4 if on_gpu else 1)


def encode_options(config: RunConfig) -> EncodeOptions:
    """Return how a configuration wants its video encoded; names are checked on creation."""
    options = EncodeOptions(
        codec=cast(CodecName, config.codec), crf=config.crf, threads=config.threads
    )
    return replace(options, preset=cast(Preset, config.preset)) if config.preset else options


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
    )
