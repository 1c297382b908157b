"""Signals in a training: the first ends it with its state written, the second ends it at once."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker

from losszero_rt.errors import ExitCode
from losszero_rt.stopping import stop_signals

PROMISE = "\nfinishing the step, then the state is written; a second signal ends at once\n"


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
    before = signal.pthread_sigmask(signal.SIG_BLOCK, stop_signals())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
