"""One training a folder: two that write the same one would leave a mixture of both."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from losszero_rt.errors import UsageError


class BusyError(UsageError):
    """Another training is at work in the folder."""


@contextmanager
def sole_training(out: Path, *, leads: bool = True, waits: bool = False) -> Iterator[None]:
    """Keep every other training out of a folder, for as long as the block runs.

    The folder itself is locked, so nothing is left behind even by a kill. On file systems that
    know no locks it keeps nobody away.

    Args:
        out: Folder of the training; created where it is absent, and gone again if it is empty then.
        leads: Whether this process is the one of its training that writes; the others pass.
        waits: Wait until the other one is done.

    Raises:
        BusyError: If another training is at work in it, and this one does not wait.
    """
    if not leads:
        yield
        return
    was_there = out.exists()
    handle = _seized(out, waits=waits)
    try:
        yield
    finally:
        if not was_there:
            with suppress(OSError):
                out.rmdir()
        os.close(handle)


def _seized(out: Path, *, waits: bool) -> int:
    """Make a folder if it is absent and lock it; return its handle."""
    while True:
        try:
            out.mkdir(parents=True, exist_ok=True)
            handle = os.open(out, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue
        try:
            _seize(handle, out, waits=waits)
            if out.exists() and os.path.samestat(out.stat(), os.fstat(handle)):
                return handle
        except BaseException:
            os.close(handle)
            raise
        # The one before has taken it away, empty as it was.
        os.close(handle)


def _seize(handle: int, out: Path, *, waits: bool) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
    except BlockingIOError as error:
        raise BusyError(
            f"another training is at work in {out}",
            accepted="one training a folder at a time, with --resume and --force too",
            remedy="wait until it has ended, or choose another --out",
        ) from error
    except OSError:
        return  # A file system without locks.
