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
from losszero_rt.video.leftovers import holds_pictures

ISO_FORMATS = ("mp4", "mov")
_MAX_TIMESCALE = 2**31 - 1
# Longest time from one frame to the next in mp4 and mov, in units of the track: 31 bits hold it,
# and a little is left for encoders that hand frames over in another order than they are shown.
_MAX_ISO_STEP = 2**31 - 2**24
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


def longest_step(container_format: str) -> int | None:
    """Return how many units of the video's times may lie between two frames; None for any number.

    Args:
        container_format: One of the formats of ``output_path``.
    """
    return _MAX_ISO_STEP if container_format in ISO_FORMATS else None


@contextmanager
def output_errors(part: Path) -> Iterator[None]:
    """Turn errors of libav and of the system into an OutputError that names the file.

    It says that what was written is kept where there is something that plays.
    """
    try:
        yield
    except (av.error.FFmpegError, OSError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        kept = "what was written until then is kept there and plays"
        raise OutputError(
            f"{part} cannot be written: {reason}",
            remedy=kept if holds_pictures(part) else "choose a place with room for it",
        ) from error
