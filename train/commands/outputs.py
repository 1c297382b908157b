"""Output faults of every command, told in one place: as a line, before the work where that goes."""

import errno
import os
from collections.abc import Callable, Sequence
from functools import wraps
from glob import escape
from pathlib import Path
from typing import Any

import click

from losszero_rt.errors import InputError, LossZeroError, OutputError

# Options that name what a command writes, and whether that is a single file.
_WRITTEN = {"out": False, "json_path": True, "copy": False}
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)


def guard_outputs(command: click.Command) -> click.Command:
    """Let a command end in an OutputError or InputError where the system refused a file.

    What it is asked to write is looked at before it begins, so that nothing is measured or
    trained that could not be written.
    """
    callback = command.callback
    assert callback is not None
    command.callback = _guarded(callback, is_file={**_WRITTEN, "out": command.name == "split"})
    return command


def _guarded(callback: Callable[..., Any], *, is_file: dict[str, bool]) -> Callable[..., Any]:
    @wraps(callback)
    def guarded(**given: Any) -> Any:
        asked = {name: given[name] for name in is_file if given.get(name) is not None}
        for name, path in asked.items():
            _check_place(path, is_file=is_file[name])
        try:
            return callback(**given)
        except BrokenPipeError:
            raise  # Whoever read our output has left; the program ends quietly.
        except OSError as error:
            told = _told(error, list(asked.values()))
            if told is None:
                raise
            raise told from error

    return guarded


def _check_place(path: Path, *, is_file: bool) -> None:
    """Refuse a place that cannot be written; folders on the way to it may still be absent."""
    if is_file and path.is_dir():
        raise _refused(path, "is a folder", accepted="a file to write")
    place = path.parent if is_file else path
    while not os.path.lexists(place) and place != place.parent:
        place = place.parent
    if not place.is_dir():
        raise _refused(place, "is no folder", accepted="a folder, or one to be made")
    if not os.access(place, os.W_OK | os.X_OK):
        raise _refused(path, f"cannot be written: {place} is read-only")


def _told(error: OSError, written: Sequence[Path]) -> LossZeroError | None:
    """Return the fault as a person is told of it; None for one that is of no file."""
    why = error.strerror or type(error).__name__
    at = None if error.filename is None else Path(os.fsdecode(error.filename))
    if error.errno in _NO_ROOM or (at is not None and _is_among(at, written)):
        place = at or (written[0] if written else Path.cwd())
        return _refused(place, f"cannot be written: {why}", accepted="a place with room for it")
    if at is None:
        return None
    return InputError(f"{at} cannot be read: {why}", remedy="mend the path or its permissions")


def _is_among(at: Path, written: Sequence[Path]) -> bool:
    return any(_belongs(at.absolute(), path.absolute()) for path in written)


def _belongs(at: Path, written: Path) -> bool:
    """Say whether a place is an output, in it, its part beside it, or to be made on the way."""
    if at.is_relative_to(written):
        return True
    if at.parent == written.parent and at.match(f"{escape(written.name)}.*.part"):
        return True
    return at in written.parents and not os.path.lexists(at)


def _refused(
    path: Path, why: str, *, accepted: str = "a folder that may be written"
) -> LossZeroError:
    return OutputError(f"{path} {why}", accepted=accepted, remedy="choose another place")
