"""The engine of a run: opened as configured, proved or allowed not to be, and told."""

from losszero_rt.engine import Engine, EngineOptions, Model, open_proved
from losszero_rt.pipeline.progress import Progress
from losszero_rt.pipeline.stream_config import StreamConfig


def open_running(
    config: StreamConfig, *, model: Model, options: EngineOptions, progress: Progress
) -> Engine:
    """Open the engine that ``config`` names, and tell what runs.

    Raises:
        ModelError: If it cannot run this model here, or is not proved and need be.
        UsageError: If there is no engine of that name.
    """
    engine = open_proved(
        model,
        name=config.engine,
        options=options,
        say=progress.warn,
        allow_unverified=config.allow_unverified,
    )
    info = engine.info
    progress.note(f"model {model.path}, {info.name} {info.version}, {info.precision}")
    return engine
