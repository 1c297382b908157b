"""Signals in a training: the first ends it with its state written, the second ends it at once."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from types import FrameType, TracebackType

from losszero_rt.errors import ExitCode

# By name: SIGHUP is absent on Windows.
_CODES: dict[str, ExitCode] = {
    "SIGINT": ExitCode.SIGINT,
    "SIGTERM": ExitCode.SIGTERM,
    "SIGHUP": ExitCode.SIGHUP,
}
_PROMISE = "\nfinishing the step, then the state is written; a second signal ends at once\n"


class StoppedError(Exception):
    """A training was asked to stop, and did, its state written.

    It is no LossZeroError, for nothing failed: it passes through everything that trains (folds,
    stages, trials) up to the command line.

    Args:
        code: Exit code of the signal.
        told: How far the training is.
    """

    def __init__(self, code: ExitCode, *, told: str) -> None:
        super().__init__(told)
        self.exit_code = code


class StopSwitch:
    """A flag that signals set and the training obeys after each step.

    As a context manager on the main thread it installs handlers and restores the old ones. A
    signal that this process was told to ignore, as by ``nohup``, stays ignored.
    """

    def __init__(self) -> None:
        self.exit_code: ExitCode | None = None
        self._previous: dict[int, object] = {}

    @property
    def is_set(self) -> bool:
        """Whether a stop was asked for."""
        return self.exit_code is not None

    def __enter__(self) -> "StopSwitch":
        for number in _known_signals():
            if signal.getsignal(number) is signal.SIG_IGN:
                continue
            try:
                self._previous[number] = signal.signal(number, self._handle)
            except ValueError:  # Not the main thread, which alone receives signals.
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
            os._exit(code)  # The state on disk is whole: it is replaced by renaming.
        self.exit_code = code
        # Not print, for the signal may have come in the middle of one; and after SIGHUP the
        # terminal may be gone.
        with suppress(OSError):
            os.write(2, _PROMISE.encode())


@contextmanager
def signals_held() -> Iterator[None]:
    """Hold these signals back while workers are started; they come when the block ends.

    A process keeps for good what was held back when it was started. A terminal or a service
    manager sends signals to all processes at once, but the training needs its workers until the
    step is done, and ends them itself.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # Its start would let them through again.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _known_signals())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _known_signals() -> list[signal.Signals]:
    return [signal.Signals[name] for name in _CODES if hasattr(signal, name)]
