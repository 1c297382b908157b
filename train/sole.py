"""One training a folder: two that write the same one would leave a mixture of both."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from losszero_rt.errors import UsageError


class BusyError(UsageError):
    """Another training is at work in the folder."""


@contextmanager
def sole_training(out: Path, *, leads: bool = True) -> Iterator[None]:
    """Keep every other training out of a folder, for as long as the block runs.

    The folder itself is locked, so nothing is left behind even by a kill. On file systems that
    know no locks it keeps nobody away.

    Args:
        out: Folder of the training; created where it is absent.
        leads: Whether this process is the one of its training that writes; the others pass.

    Raises:
        BusyError: If another training is at work in it.
    """
    if not leads:
        yield
        return
    out.mkdir(parents=True, exist_ok=True)
    handle = os.open(out, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _seize(handle, out)
        yield
    finally:
        os.close(handle)


def _seize(handle: int, out: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise BusyError(
            f"another training is at work in {out}",
            accepted="one training a folder at a time, with --resume and --force too",
            remedy="wait until it has ended, or choose another --out",
        ) from error
    except OSError:
        return  # A file system without locks.
