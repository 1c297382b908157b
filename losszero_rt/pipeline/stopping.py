"""Signals: the first asks the run to finish what it holds, the second ends the process at once."""

import os
import signal
from types import FrameType, TracebackType

from losszero_rt.errors import ExitCode

_SIGNALS: dict[str, ExitCode] = {
    "SIGINT": ExitCode.SIGINT,
    "SIGTERM": ExitCode.SIGTERM,
    "SIGHUP": ExitCode.SIGHUP,  # absent on Windows
}


class StopSwitch:
    """A flag that signals set and the reading lane obeys.

    Used as a context manager on the main thread it installs handlers and restores the old ones.
    Reading stops at the next frame; frames already read are still shown, files are finalised.
    """

    def __init__(self) -> None:
        self.exit_code: ExitCode | None = None
        self._previous: dict[int, object] = {}

    @property
    def is_set(self) -> bool:
        """Whether a stop was requested."""
        return self.exit_code is not None

    def __enter__(self) -> "StopSwitch":
        for name in _SIGNALS:
            if hasattr(signal, name):
                number = getattr(signal, name)
                self._previous[number] = signal.signal(number, self._handle)
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
        code = _SIGNALS[signal.Signals(number).name]
        if self.is_set:
            os._exit(code)  # the part file on disk is playable to its last group of pictures
        self.exit_code = code
