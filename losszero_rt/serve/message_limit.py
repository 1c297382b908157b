"""How fast one viewer may talk."""

from collections.abc import Callable

from losszero_rt.timings import now_s

# What a viewer at 120 pictures a second says, and a slider that is dragged, is well within it.
MESSAGES_PER_S = 200.0
MESSAGES_AT_ONCE = 200


class MessageLimit:
    """Says how long a viewer's next message has to wait: no flood of them takes the run's time.

    Args:
        clock_s: Monotonic clock.
    """

    def __init__(self, *, clock_s: Callable[[], float] = now_s) -> None:
        self._clock_s, self._paid_until_s = clock_s, clock_s()

    def wait_s(self) -> float:
        """Count a message; return how long it has to wait, seconds."""
        moment_s = self._clock_s()
        self._paid_until_s = max(self._paid_until_s, moment_s) + 1 / MESSAGES_PER_S
        return max(0.0, self._paid_until_s - moment_s - MESSAGES_AT_ONCE / MESSAGES_PER_S)
