"""Names of the files of a recording, and what has to make way for them."""

import re
from pathlib import Path

from losszero_rt.errors import OutputError
from losszero_rt.video import EncodeOptions, check_output, probe_output
from losszero_rt.video.encoders import candidates
from losszero_rt.video.output_path import format_of, part_of


def segment_path(path: Path, *, number: int) -> Path:
    """Return the name of a segment, e.g. ``ride-000.mp4`` for ``ride.mp4``."""
    return path.with_name(f"{path.stem}-{number:03d}{path.suffix}")


def check_recording(
    path: Path, *, segments: bool, options: EncodeOptions, force: bool = False
) -> None:
    """Refuse a recording that must not or cannot be written, before anything is computed.

    Raises:
        UsageError: The suffix is unknown, or the named encoder does not go with it.
        OutputError: A file of that name exists, its directory cannot be written, or another run
            is recording there.
    """
    first = segment_path(path, number=0) if segments else path
    check_output(first, force=force)
    candidates(options, container=format_of(first))
    probe_output(path)
    if not segments or force:
        return
    taken = segments_of(path)
    if taken:
        raise OutputError(
            f"{taken[0]} exists: segments of another run",
            accepted="a name that no segments have yet",
            remedy="add --force to replace them",
        )


def segments_of(path: Path) -> list[Path]:
    """Return the segments of a recording that lie there, finished or not, in order."""
    name = _name_of(path)
    return sorted(other for other in path.parent.iterdir() if name.fullmatch(other.name))


def is_of_recording(path: Path, *, recording: Path) -> bool:
    """Say whether a name is one that a recording may need."""
    is_segment = _name_of(recording).fullmatch(path.name) is not None
    return path in (recording, part_of(recording)) or is_segment


def _name_of(path: Path) -> re.Pattern[str]:
    return re.compile(re.escape(path.stem) + r"-\d{3,}" + re.escape(path.suffix) + r"(\.part)?")


def remove_segments(path: Path) -> tuple[str, ...]:
    """Remove the segments of another run, for they would look like a part of this one.

    These are the files numbered from 001 on without a gap. What comes after one may be something
    else, such as ``ride-2026.mp4`` beside ``ride.mp4``, and is left alone.

    Args:
        path: What they are named after; its first segment is this run's already.

    Returns:
        A line that says how many, if there were any.

    Raises:
        OutputError: One cannot be removed.
    """
    num_gone = 0
    while names := _there(segment_path(path, number=num_gone + 1)):
        for name in names:
            try:
                name.unlink()
            except OSError as error:
                raise OutputError(f"{name} cannot be replaced: {error.strerror}") from error
        num_gone += 1
    return (f"--force: {num_gone} older segments of {path.name} are gone",) if num_gone else ()


def _there(path: Path) -> list[Path]:
    return [one for one in (path, part_of(path)) if one.exists()]
