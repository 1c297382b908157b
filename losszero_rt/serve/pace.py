"""How many pictures a second the page may make, so that watching never slows what is watched."""

import time
from collections.abc import Callable

from losszero_rt.cores import num_cores
from losszero_rt.timings import now_s

# Of all processors together: enough for 30 pictures of 1280x720 a second to one viewer on two
# cores. Without it 20 viewers of a run that needs every core would slow it.
PAGE_SHARE = 0.15
LONGEST_S = 0.5
_NEWEST_WEIGHT = 0.2


class Pace:
    """Says when the next picture may be made, by what the last ones cost.

    A picture costs its encoding and all that the thread of the event loop does until the next
    one: mostly sending, so the more viewers, the dearer. Pictures are then that far apart that the
    page stays within its share of the processors; what lies between them is never painted.

    Args:
        share: Of the processors of this process, 0..1.
        clock_s: Monotonic clock.
        thread_s: Processor time of the thread that calls, seconds.
    """

    def __init__(
        self,
        *,
        share: float = PAGE_SHARE,
        clock_s: Callable[[], float] = now_s,
        thread_s: Callable[[], float] = time.thread_time,
    ) -> None:
        self._allowed = share * num_cores()
        self._dearest_s = LONGEST_S * self._allowed
        self._clock_s, self._thread_s = clock_s, thread_s
        self._next_at_s = self._cost_s = self._encode_s = 0.0
        self._thread_before_s: float | None = None

    def begin(self) -> None:
        """Note that a picture is about to be made; belongs to the thread of the event loop."""
        spent_s = self._thread_s()
        if self._thread_before_s is not None:
            # While nobody watched, that thread did other things: no picture counts for more than
            # the longest wait.
            cost_s = min(spent_s - self._thread_before_s + self._encode_s, self._dearest_s)
            self._cost_s += _NEWEST_WEIGHT * (cost_s - self._cost_s)
        self._thread_before_s = spent_s
        self._next_at_s = self._clock_s() + self._cost_s / self._allowed

    def note_encoded(self, encode_ms: float) -> None:
        """Count the encoding, which another thread did."""
        self._encode_s = encode_ms / 1e3

    @property
    def wait_s(self) -> float:
        """Time until the next picture may be made; 0 when it may be made now."""
        return max(0.0, self._next_at_s - self._clock_s())
