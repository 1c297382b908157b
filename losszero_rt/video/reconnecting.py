"""When to try a lost source again, and when to give it up."""

import math
from collections import deque

_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 10.0
# A connection that held this long was a good one: the next loss starts from the first wait.
_GOOD_S = 10.0
_STORM_LOSSES, _STORM_S = 5, 60.0
# Cameras lock an account after about five wrong logins.
_DENIALS_MAX = 3
# libav cannot be stopped while it opens. A first attempt is short, so that a stop gets through;
# sources that need longer get it later.
_FIRST_TIMEOUT_S = 1.5


class Reconnection:
    """Counts losses and attempts.

    Args:
        max_attempts: Attempts in a row that may fail; None for no end.
        open_timeout_s: Longest time-out of an attempt, seconds.

    Attributes:
        attempt: Connections tried since the last loss; 0 while live.
        num_reconnects: Times that a lost source went live again.
    """

    def __init__(self, *, max_attempts: int | None, open_timeout_s: float) -> None:
        self._max_attempts = max_attempts
        self._open_timeout_s = open_timeout_s
        self._live_since_s: float | None = None
        self._losses_s: deque[float] = deque(maxlen=_STORM_LOSSES + 1)
        self._wait_s = _FIRST_WAIT_S
        self._num_failed = self._num_denied = 0
        self._is_lost = False
        self.attempt = self.num_reconnects = 0

    def begins(self) -> None:
        """Take note of an attempt to connect again."""
        self.attempt += 1

    def went_live(self, moment_s: float) -> None:
        """Take note of the first frame of a connection."""
        self._live_since_s = moment_s
        self.num_reconnects += self._is_lost
        self._is_lost = False
        self._num_failed = self._num_denied = self.attempt = 0

    def went_down(self, moment_s: float, *, denied: bool = False) -> None:
        """Take note of the end of a connection or attempt, and whether a login was refused."""
        self._num_denied += denied
        if self._live_since_s is None:
            self._num_failed += 1
            return
        if moment_s - self._live_since_s >= _GOOD_S:
            self._wait_s = _FIRST_WAIT_S
        self._live_since_s = None
        self._losses_s.append(moment_s)
        self._is_lost = True

    def next_wait_s(self) -> float:
        """Return how long to wait before the next attempt, seconds; each wait doubles the next.

        After a refused login it is the longest at once.
        """
        if self._num_denied:
            self._wait_s = _LONGEST_WAIT_S
        wait_s, self._wait_s = self._wait_s, min(2 * self._wait_s, _LONGEST_WAIT_S)
        return wait_s

    def timeout_s(self) -> float:
        """Return the time-out of the next attempt, seconds."""
        return min(math.ldexp(_FIRST_TIMEOUT_S, min(self._num_failed, 10)), self._open_timeout_s)

    def why_give_up(self) -> str | None:
        """Return why no further attempt is made, or None."""
        if self._max_attempts is not None and self._num_failed >= self._max_attempts:
            if not self._max_attempts:
                return "no attempt to reconnect is allowed"
            attempts = "attempt" if self._num_failed == 1 else "attempts"
            return f"gave up after {self._num_failed} failed {attempts} to connect"
        if self._num_denied >= _DENIALS_MAX:
            return f"gave up after {self._num_denied} refused logins, before the account is locked"
        losses_s = self._losses_s
        if len(losses_s) > _STORM_LOSSES and losses_s[-1] - losses_s[0] < _STORM_S:
            return f"gave up: lost {len(losses_s)} times within {_STORM_S:.0f} s"
        return None

    def remedy(self) -> str:
        """Return what a person may do who reads :meth:`why_give_up`."""
        if self._max_attempts is not None and self._num_failed >= self._max_attempts:
            return "a larger --max-reconnects goes on for longer"
        if self._num_denied >= _DENIALS_MAX:
            return "are user name and password still the right ones?"
        return "is the network good enough? another run begins anew"
