"""Signals: the first asks to finish what is under way, the second ends the process at once."""

import ctypes
import os
import signal
import sys
from contextlib import suppress
from types import FrameType, TracebackType

from losszero_rt.errors import ExitCode

# By name: SIGHUP is absent on Windows.
_CODES: dict[str, ExitCode] = {
    "SIGINT": ExitCode.SIGINT,
    "SIGTERM": ExitCode.SIGTERM,
    "SIGHUP": ExitCode.SIGHUP,
}
# Of linux/prctl.h: which signal a process gets when its parent ends.
_PR_SET_PDEATHSIG = 1
STOP_CODES: tuple[ExitCode, ...] = tuple(_CODES.values())


def stop_signals() -> list[signal.Signals]:
    """Return the signals that ask for a stop on this system."""
    return [signal.Signals[name] for name in _CODES if hasattr(signal, name)]


def end_with_parent(parent_pid: int) -> None:
    """Let the kernel end this process when its parent ends, however that ends; Linux alone can.

    Args:
        parent_pid: Whose end it is; this process ends at once if that one is gone already.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        os._exit(1)


class StopSwitch:
    """A flag that signals set, and that whoever reads or trains obeys.

    As a context manager on the main thread it installs handlers and restores the old ones. A
    hang-up that this process was told to ignore, as by ``nohup``, stays ignored; an interrupt does
    not, since shells tell everything that scripts start in the background to ignore it.

    Args:
        promise: Written to standard error at the first signal.
    """

    def __init__(self, *, promise: str = "") -> None:
        self.exit_code: ExitCode | None = None
        self._promise = promise
        self._previous: dict[int, object] = {}

    @property
    def is_set(self) -> bool:
        """Whether a stop was asked for."""
        return self.exit_code is not None

    def __enter__(self) -> "StopSwitch":
        for number in stop_signals():
            ignored = signal.getsignal(number) is signal.SIG_IGN
            if ignored and number.name == "SIGHUP":
                continue
            try:
                self._previous[number] = signal.signal(number, self._handle)
            except ValueError:  # not the main thread, which alone receives signals
                break
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._previous.clear()

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        code = _CODES[signal.Signals(number).name]
        if self.is_set:
            os._exit(code)  # what is on disk is whole: a playable part, a state that was renamed
        self.exit_code = code
        # Not print, for the signal may have come in the middle of one; and after SIGHUP the
        # terminal may be gone.
        with suppress(OSError):
            os.write(2, self._promise.encode())
