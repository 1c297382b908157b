"""Output containers that survive a crash, and what their errors mean."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from math import lcm
from pathlib import Path

import av
import av.error
from av.container import OutputContainer

from losszero_rt.errors import OutputError

ISO_FORMATS = ("mp4", "mov")
_MAX_TIMESCALE = 2**31 - 1
# Longest that packets wait inside the muxer for another track's, microseconds. A track that
# ended would otherwise hold the rest back for ten seconds, out of reach of crash safety.
_MAX_INTERLEAVE_US = 1_000_000
# Matroska writes a cluster once it is complete.
_MAX_CLUSTER_MS = 1_000


def open_output(
    path: Path,
    *,
    container_format: str,
    time_base: Fraction,
    audio_rates: tuple[int, ...],
    comment: str = "",
) -> OutputContainer:
    """Open a container for writing; nothing is on disk before its streams start.

    mp4 and mov are written as fragments and turned into a plain file on closing. The moov box
    waits for the first fragment, because the audio's priming is only known by then. Fragments
    reach the disk because every packet is flushed.

    Args:
        path: File to write.
        container_format: One of the formats of ``output_path``.
        time_base: Seconds per unit of the video's times, kept exactly in mp4 and mov.
        audio_rates: Samples a second of the audio tracks.
        comment: What to note in the file; empty for nothing.
    """
    options = {"flush_packets": "1", "max_interleave_delta": str(_MAX_INTERLEAVE_US)}
    if container_format in ISO_FORMATS:
        options["movflags"] = "+hybrid_fragmented+delay_moov"
        options["video_track_timescale"] = str(time_base.denominator)
        # Start offsets are counted in movie units; its default of 1000 would round them.
        scale = lcm(time_base.denominator, *audio_rates)
        fits = scale <= _MAX_TIMESCALE
        options["movie_timescale"] = str(scale if fits else time_base.denominator)
    else:
        options["cluster_time_limit"] = str(_MAX_CLUSTER_MS)
    container = av.open(
        f"file:{path.absolute()}", "w", format=container_format, container_options=options
    )
    if comment:
        container.metadata["comment"] = comment
    return container


@contextmanager
def output_errors(part: Path) -> Iterator[None]:
    """Turn errors of libav and of the system into an OutputError that names the file."""
    try:
        yield
    except (av.error.FFmpegError, OSError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise OutputError(
            f"{part} cannot be written: {reason}",
            remedy="what was written until then is kept there and plays",
        ) from error
