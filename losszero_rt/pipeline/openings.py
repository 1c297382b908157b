"""The output of one source: a painter with the sink that takes its pictures."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from losszero_rt.classmap import ClassMap
from losszero_rt.pipeline.config import RunConfig
from losszero_rt.pipeline.heat_painter import HeatPainter
from losszero_rt.pipeline.jobs import Job
from losszero_rt.pipeline.options import encode_options
from losszero_rt.pipeline.painter import Painter
from losszero_rt.pipeline.progress import Progress
from losszero_rt.video import EncodeOptions, StillSink, StillSource, VideoSink, VideoSource, part_of


def open_output(
    job: Job,
    source: VideoSource | StillSource,
    *,
    config: RunConfig,
    classmap: ClassMap,
    objects: bool,
    settings: Mapping[str, Any],
    progress: Progress,
) -> tuple[Painter | HeatPainter | None, VideoSink | StillSink | None]:
    """Open what draws and writes the output of a job; nothing for a job without one.

    Args:
        job: The source and its output.
        source: The open source.
        config: What to do.
        classmap: Classes in the colours to use.
        objects: Whether objects come beside the labels.
        settings: What the pictures depend on, see :func:`picture_settings`.
        progress: Hears what a person should know.

    Raises:
        UsageError: Output and encoder do not fit each other.
        OutputError: The output must not or cannot be written.
    """
    if job.output is None:
        return None, None
    painter = _make_painter(source, config=config, classmap=classmap, objects=objects)
    size = painter.output_size
    sink: VideoSink | StillSink
    if isinstance(source, StillSource):
        sink = StillSink(
            job.output, info=source.info, size=size, source=job.source, force=config.force
        )
    else:
        options = replace(encode_options(config), settings=settings)
        sink = _open_video(job.output, source, size=size, options=options, config=config)
        if sink.num_kept:
            progress.warn(f"{job.output}: going on behind {sink.num_kept} frames")
    progress.note(f"{job.output}: encoding with {sink.codec}")
    for note in sink.notes:
        progress.warn(f"{job.output}: {note}")
    return painter, sink


def _make_painter(
    source: VideoSource | StillSource, *, config: RunConfig, classmap: ClassMap, objects: bool
) -> Painter | HeatPainter:
    facts: dict[str, Any] = {
        "classmap": classmap,
        "info": source.info,
        "chroma_444": isinstance(source, StillSource),
    }
    if config.cam:
        return HeatPainter(config, **facts)
    return Painter(config, **facts, objects=objects)


def _open_video(
    output: Path,
    source: VideoSource,
    *,
    size: tuple[int, int],
    options: EncodeOptions,
    config: RunConfig,
) -> VideoSink:
    return VideoSink(
        output,
        info=source.info,
        size=size,
        options=options,
        audio_from=source,
        origin_pts=source.origin_pts,
        force=config.force,
        resume=config.resume,
    )


def close_output(
    sink: VideoSink | StillSink | None, *, job: Job, empty: bool, progress: Progress
) -> dict[str, Any] | None:
    """Finish an output and return what the report says of it.

    Args:
        sink: What :func:`open_output` opened.
        job: The source and its output.
        empty: No frame reached it, because the run was stopped before the first one. One that was
            stopped before it came to the end of what is kept leaves that as it is, too.
        progress: Hears what a person should know.

    Raises:
        OutputError: It cannot be finished, or does not hold what was written.
    """
    if sink is None:
        return None
    if empty or (isinstance(sink, VideoSink) and sink.num_left):
        num_kept = sink.num_kept if isinstance(sink, VideoSink) else 0
        sink.abort()
        if num_kept and job.output is not None:
            progress.warn(
                f"{job.output}: stopped before the end of the {num_kept} frames that are kept. "
                f"{part_of(job.output)} still holds them. The same command with --resume goes on"
            )
        return None
    num_told = len(sink.notes)
    written = sink.close()
    for note in written.notes[num_told:]:
        progress.warn(f"{job.output}: {note}")
    return {
        "path": str(written.path),
        "frames": written.frames,
        "duration_s": written.duration_s,
        "codec": written.codec,
    }
