"""The wish to stop, seen by everything that waits."""

import time

from losszero_rt.timings import now_s

# How soon a wait notices; a stop must get through within two seconds wherever it meets us.
SLICE_S = 0.1


class Stopped(Exception):  # noqa: N818
    """Waiting ended because somebody asked to stop; never shown to a person."""


class StopFlag:
    """One flag, raised once from any thread or signal, and waits that look at it.

    Attributes:
        raised: Whether to stop.
    """

    def __init__(self) -> None:
        self.raised = False

    def check(self) -> None:
        """Raise Stopped once the flag is up."""
        if self.raised:
            raise Stopped

    def wait(self, seconds: float) -> bool:
        """Sleep; return False as soon as the flag is up."""
        until_s = now_s() + seconds
        while not self.raised and (left_s := until_s - now_s()) > 0:
            time.sleep(min(left_s, SLICE_S))
        return not self.raised
