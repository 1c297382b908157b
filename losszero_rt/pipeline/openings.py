"""The output of one source: a painter with the sink that takes its pictures."""

from typing import Any

from losszero_rt.classmap import ClassMap
from losszero_rt.pipeline.config import RunConfig
from losszero_rt.pipeline.jobs import Job
from losszero_rt.pipeline.options import encode_options
from losszero_rt.pipeline.painter import Painter
from losszero_rt.pipeline.progress import Progress
from losszero_rt.video import StillSink, StillSource, VideoSink, VideoSource


def open_output(
    job: Job,
    source: VideoSource | StillSource,
    *,
    config: RunConfig,
    classmap: ClassMap,
    progress: Progress,
) -> tuple[Painter | None, VideoSink | StillSink | None]:
    """Open what draws and writes the output of a job; nothing for a job without one.

    Args:
        job: The source and its output.
        source: The open source.
        config: What to do.
        classmap: Classes in the colours to use.
        progress: Hears what a person should know.

    Raises:
        UsageError: Output and encoder do not fit each other.
        OutputError: The output must not or cannot be written.
    """
    if job.output is None:
        return None, None
    is_still = isinstance(source, StillSource)
    painter = Painter(config, classmap=classmap, info=source.info, chroma_444=is_still)
    sink: VideoSink | StillSink
    if isinstance(source, StillSource):
        sink = StillSink(
            job.output,
            info=source.info,
            size=painter.output_size,
            source=job.source,
            force=config.force,
        )
    else:
        sink = VideoSink(
            job.output,
            info=source.info,
            size=painter.output_size,
            options=encode_options(config),
            audio_from=source,
            origin_pts=source.origin_pts,
            force=config.force,
            resume=config.resume,
        )
        if sink.num_kept:
            progress.warn(f"{job.output}: going on behind {sink.num_kept} frames")
    progress.note(f"{job.output}: encoding with {sink.codec}")
    for note in sink.notes:
        progress.warn(f"{job.output}: {note}")
    return painter, sink


def close_output(sink: VideoSink | StillSink | None, *, empty: bool) -> dict[str, Any] | None:
    """Finish an output and return what the report says of it.

    Args:
        sink: What :func:`open_output` opened.
        empty: No frame reached it, because the run was stopped before the first one. One that was
            stopped before it came to the end of what is kept leaves that as it is, too.

    Raises:
        OutputError: It cannot be finished, or does not hold what was written.
    """
    if sink is None:
        return None
    if empty or (isinstance(sink, VideoSink) and sink.num_left):
        sink.abort()
        return None
    written = sink.close()
    return {
        "path": str(written.path),
        "frames": written.frames,
        "duration_s": written.duration_s,
        "codec": written.codec,
    }
