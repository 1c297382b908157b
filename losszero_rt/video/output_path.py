"""Where an output may be written: checked before any work is done."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from losszero_rt.errors import OutputError, UsageError

# Container formats by suffix.
FORMATS = {".mp4": "mp4", ".mkv": "matroska", ".mov": "mov", ".webm": "webm"}


def part_of(path: Path) -> Path:
    """Return the name an output has until it is finished, e.g. ``overlay.mp4.part``."""
    return path.with_name(f"{path.name}.part")


def write_output(path: Path, data: bytes) -> None:
    """Write a file whole under its name, or not at all.

    Raises:
        OutputError: It cannot be written.
    """
    part = part_of(path)
    try:
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise OutputError(f"cannot write {path}: {error.strerror}") from error


def format_of(path: Path) -> str:
    """Return the container format that a suffix stands for.

    Raises:
        UsageError: Nothing is known by that suffix.
    """
    name = FORMATS.get(path.suffix.lower())
    if name is None:
        raise UsageError(
            f"cannot write {path.name}: no container is known by '{path.suffix}'",
            accepted=f"a name that ends in {', '.join(FORMATS)}",
        )
    return name


def check_output(path: Path, *, sources: Iterable[Path] = (), force: bool = False) -> None:
    """Refuse an output that must not or cannot be written.

    Args:
        path: Output file.
        sources: Files that are read; none of them may be written, under any name.
        force: Whether an existing file may be replaced.

    Raises:
        UsageError: The name says nothing about the container.
        OutputError: It exists, is a source, or its directory cannot be written.
    """
    if str(path) == "-":
        raise UsageError(
            "cannot write a video to the standard output",
            accepted="a file name",
            remedy="write a .mkv file and send that on",
        )
    format_of(path)
    check_writable(path, sources=sources, force=force)


def check_writable(path: Path, *, sources: Iterable[Path] = (), force: bool = False) -> None:
    """Refuse a file that must not or cannot be written, whatever its suffix.

    Raises:
        OutputError: See :func:`check_output`.
    """
    for source in sources:
        if any(_same_file(candidate, source) for candidate in (path, part_of(path))):
            raise OutputError(
                f"{path} is the source itself", remedy="choose another name for the output"
            )
    try:
        is_there = path.exists() or path.is_symlink()
        with suppress(FileNotFoundError):
            os.lstat(part_of(path))  # a name that is longer than its own
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written: {error.strerror}", remedy="choose another name"
        ) from error
    if is_there:
        if not path.is_file():
            raise OutputError(f"{path} exists and is not a regular file")
        if not force:
            raise OutputError(f"{path} exists", remedy="add --force to replace it")
    _check_directory(path.parent)


def _same_file(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except OSError:
        return path.absolute() == other.absolute()


def _check_directory(directory: Path) -> None:
    if not directory.is_dir():
        raise OutputError(
            f"the directory {directory} does not exist", remedy=f"mkdir -p {directory}"
        )
    if not os.access(directory, os.W_OK | os.X_OK):
        raise OutputError(f"the directory {directory} cannot be written")
