"""What an interrupted run left: pictures that were once written are never lost without a word."""

from contextlib import closing, suppress
from itertools import count
from pathlib import Path

import av.error

from losszero_rt.errors import InputError, OutputError
from losszero_rt.video.opening_file import MOST_PIXELS, open_file
from losszero_rt.video.output_path import part_of


def holds_pictures(path: Path) -> bool:
    """Say whether a file is a video of at least one picture."""
    if not path.is_file() or not path.stat().st_size:
        return False
    with suppress(InputError, OSError, av.error.FFmpegError):
        container = open_file(path, stream=None, max_pixels=MOST_PIXELS).container
        with closing(container):
            packets = container.demux(container.streams.video[0])
            return any(packet.size and packet.pts is not None for packet in packets)
    return False


def refuse_leftover(output: Path) -> None:
    """Refuse to begin an output anew where an interrupted run left pictures of it.

    Raises:
        OutputError: It did.
    """
    part = part_of(output)
    if holds_pictures(part):
        raise OutputError(
            f"{part} holds pictures of an interrupted run",
            accepted="--resume, which goes on behind them, or --force, which starts over",
            remedy="add --resume",
        )


def drop_empty(part: Path) -> None:
    """Remove what an output left that never got as far as a byte."""
    with suppress(OSError):
        if not part.stat().st_size:
            part.unlink()


def put_part_aside(output: Path) -> Path:
    """Give what lies under the ``.part`` name of an output a name of its own, and return that.

    It is the first of NAME-1, NAME-2, ... that is free.
    """
    names = (output.with_name(f"{output.stem}-{number}{output.suffix}") for number in count(1))
    kept = next(name for name in names if not (name.exists() or part_of(name).exists()))
    part_of(output).replace(kept)
    return kept


def settle_leftover(output: Path, *, force: bool, keep: bool) -> tuple[str, ...]:
    """Make way for an output whose ``.part`` may hold pictures of an interrupted run.

    Args:
        output: The output, which is locked.
        force: They may be replaced.
        keep: They are put aside where they may not; else they are a reason to refuse.

    Returns:
        What became of them, as lines for a person.

    Raises:
        OutputError: Nobody said what to do with them.
    """
    part = part_of(output)
    if not holds_pictures(part):
        return ()
    if force:
        return (f"{part} of an interrupted run is replaced, because of --force",)
    if not keep:
        refuse_leftover(output)
    try:
        kept = put_part_aside(output)
    except OSError as error:
        raise OutputError(f"{part} cannot be put aside: {error.strerror}") from error
    return (f"{part} of an interrupted run is kept as {kept}, and plays",)
