"""One writer at a time: a lock beside an output, which the system gives back however a run ends.

The lock lies on an empty file ``NAME.lock``, because ``NAME.part`` itself is renamed, cut and made
anew by libav and by ``--resume``. A process that is killed leaves that file, but not the lock.
"""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from losszero_rt.errors import OutputError

if sys.platform == "win32":
    import msvcrt

    _NO_FOLLOW = 0

    def _seize(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    _NO_FOLLOW = os.O_NOFOLLOW

    def _seize(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


class OutputLock:
    """Keeps every other process from writing an output, until :meth:`release` or its own end.

    On file systems that know no locks it keeps nobody away.

    Args:
        path: The output, or any name in a folder of outputs; what it says exists under that name
            is neither needed nor touched.

    Raises:
        OutputError: Another process, or another writer of this one, has it; or nothing can be
            written there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock_path = path.with_name(f"{path.name}.lock")
        self._handle: int | None = self._take()

    @classmethod
    def claim(cls, path: Path, *, check: Callable[[], None]) -> "OutputLock":
        """Check an output and lock it.

        Args:
            path: The output.
            check: Refuses what must not be written. It is asked twice: whoever had the lock a
                moment ago may have finished in between.

        Raises:
            OutputError: See the class, and whatever ``check`` raises.
        """
        check()
        lock = cls(path)
        try:
            check()
        except BaseException:
            lock.release()
            raise
        return lock

    def release(self) -> None:
        """Let others write, and take the empty file away. Idempotent."""
        handle, self._handle = self._handle, None
        if handle is None:
            return
        ours = _is_same(self._lock_path, handle) and not os.fstat(handle).st_size
        if sys.platform == "win32":
            # There a file cannot go while it is open, and so none goes that another one holds.
            os.close(handle)
        if ours:
            with suppress(OSError):
                self._lock_path.unlink()
        if sys.platform != "win32":
            os.close(handle)

    def _take(self) -> int:
        while True:
            try:
                handle = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | _NO_FOLLOW, 0o666)
            except OSError as error:
                raise OutputError(
                    f"{self._path} cannot be written: {error.strerror}",
                    accepted="a name in a folder that takes new files",
                ) from error
            try:
                _seize(handle)
            except (BlockingIOError, PermissionError):
                os.close(handle)
                raise self._taken() from None
            except OSError:
                return handle  # a file system without locks
            if _is_same(self._lock_path, handle):
                return handle
            # Its owner finished in between and took the file away that we have open.
            os.close(handle)

    def _taken(self) -> OutputError:
        return OutputError(
            f"{self._path} is being written by another run",
            accepted="one run at a time for each output, with --force and --resume too",
            remedy="wait until that run has ended, or choose another name",
        )


def probe_output(path: Path) -> None:
    """Refuse an output that another process is writing at this moment; nothing is kept.

    Raises:
        OutputError: See :class:`OutputLock`.
    """
    OutputLock(path).release()


def _is_same(path: Path, handle: int) -> bool:
    try:
        return os.path.samestat(path.stat(follow_symlinks=False), os.fstat(handle))
    except OSError:
        return False
