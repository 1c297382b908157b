"""Waiting for what another thread or process will do."""

import time
from collections.abc import Callable


def until(holds: Callable[[], object], *, limit_s: float = 60.0) -> None:
    """Wait until something holds.

    Raises:
        AssertionError: It did not within the limit.
    """
    deadline_s = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < deadline_s, f"nothing came of it within {limit_s:.0f} s"
        time.sleep(0.02)
