"""How a process that is told to end cleans up behind itself first."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_NUMBERS = (signal.SIGTERM, signal.SIGHUP)


class Ended(BaseException):
    """Somebody wants the process to end; as little of an error as KeyboardInterrupt.

    Args:
        number: The signal that said so.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number

    @property
    def exit_code(self) -> int:
        """What a shell shows of a process that a signal ended: 143 or 129."""
        return 128 + self.number


@contextmanager
def ends_cleanly() -> Iterator[None]:
    """Make SIGTERM and SIGHUP raise :class:`Ended` inside a ``with`` block of the main thread.

    A second one changes nothing: the first is being obeyed. What was started under nohup stays
    deaf to SIGHUP.
    """
    kept = {number: signal.getsignal(number) for number in _NUMBERS}
    heard = {number for number in _NUMBERS if kept[number] is not signal.SIG_IGN}

    def end(number: int, _: FrameType | None) -> None:
        for other in heard:
            signal.signal(other, signal.SIG_IGN)
        raise Ended(number)

    try:
        for number in heard:
            signal.signal(number, end)
        yield
    finally:
        for number in heard:
            signal.signal(number, kept[number])
