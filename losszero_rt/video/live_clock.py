"""Times of a live source: one clock from the first picture on, whatever connections do."""

from fractions import Fraction

from losszero_rt.timings import now_s
from losszero_rt.video.stop_flag import StopFlag

LIVE_TIME_BASE = Fraction(1, 90_000)
# A source that jumps further than this against the clock on the wall has changed its own clock.
_JUMP_S = 2.0
# Pictures this far back are late, not a new beginning.
_LATE_S = 1.0


class LiveClock:
    """Gives pictures strictly increasing times in units of 1/90000 s, from 0 on.

    Within a connection the steps are those of the source, so that a camera that lengthens its
    exposure is shown at its true pace. Across connections, and where a source changes its clock,
    the steps are those of the monotonic clock: a gap stays as long as it was.
    """

    def __init__(self) -> None:
        self._last: int | None = None
        self._last_arrived_s = 0.0
        self._anchor: tuple[int, int] | None = None
        self.begin(time_base=LIVE_TIME_BASE, rate=None, by_arrival=False)

    def begin(self, *, time_base: Fraction, rate: Fraction | None, by_arrival: bool) -> None:
        """Begin a connection.

        Args:
            time_base: Seconds per unit of its times.
            rate: Frames a second as declared, for pictures without a time.
            by_arrival: Its times mean nothing.
        """
        self._ratio = time_base / LIVE_TIME_BASE
        self._step = max(1, round(1 / ((rate or Fraction(30)) * LIVE_TIME_BASE)))
        self._by_arrival = by_arrival
        # Times of the source and of ours at the same moment.
        self._anchor = None

    def next(self, stated: int | None, *, arrived_s: float) -> int | None:
        """Return the time of the next picture; None when it comes too late to be placed.

        Args:
            stated: Its time in units of the connection; None when it has none.
            arrived_s: Monotonic clock when it arrived.
        """
        if self._last is None:
            return self._place(0, stated, arrived_s)
        waited = round((arrived_s - self._last_arrived_s) / LIVE_TIME_BASE)
        if self._by_arrival:
            return self._place(self._last + max(1, waited), None, arrived_s)
        if stated is None or self._anchor is None:
            # Pictures that came while the stream was looked at arrive at once.
            step = self._step if self._anchor else max(self._step, waited)
            return self._place(self._last + step, stated, arrived_s)
        theirs, ours = self._anchor
        time = ours + round((stated - theirs) * self._ratio)
        step = time - self._last
        if step <= 0:
            if step > -_LATE_S / LIVE_TIME_BASE:
                # One unit late is a rounded duplicate, more than half a step an older picture.
                nudged = step > -self._step // 2
                return self._place(self._last + 1, None, arrived_s) if nudged else None
        elif step <= waited + _JUMP_S / LIVE_TIME_BASE:
            return self._place(time, None, arrived_s)
        return self._place(self._last + max(1, waited), stated, arrived_s)

    def _place(self, time: int, stated: int | None, arrived_s: float) -> int:
        """Note the time of a picture, and with ``stated`` what the source calls it."""
        self._last, self._last_arrived_s = time, arrived_s
        if stated is not None:
            self._anchor = (stated, time)
        return time


# A time this far ahead of the last is another clock's, seconds.
LEAP_S = 5.0


class Pacer:
    """Holds a source without a clock of its own back to the rate that it states.

    Args:
        stop: The wish to stop.
        leap_s: A time this far ahead is another clock's, and nothing to wait for, seconds.
    """

    # Whoever falls further behind goes on from there: a camera does not catch up either.
    _SLACK_S = 0.5

    def __init__(self, stop: StopFlag, *, leap_s: float = LEAP_S) -> None:
        self._stop, self._leap_s = stop, leap_s
        self._start_s: float | None = None

    def hold(self, time_s: float) -> None:
        """Wait until something that the source dates ``time_s`` is due."""
        now = now_s()
        early_s = 0.0 if self._start_s is None else self._start_s + time_s - now
        if self._start_s is None or not -self._SLACK_S < early_s < self._leap_s:
            self._start_s = now - time_s
        else:
            self._stop.wait(early_s)
