"""Frames that are missing between others: what a damaged file skips, nobody says."""

from fractions import Fraction

# Of a stream of constant rate at least this share of the frames follows the one before it at once.
# Cameras that expose for longer at night, and recordings of what could be shown, do not.
_MIN_REGULAR_SHARE = 0.9
# Times are rounded to their unit, at both ends of an interval; more than this is another rate.
_TOLERANCE_STEPS = Fraction(1, 20)
_NAMED = 3


class Gaps:
    """Counts what is missing from the times of a stream of constant rate.

    Where a container skips damage it says nothing, and the decoder never hears of the packets in
    it. Only the times of the frames tell, and only where their rate is constant.

    Args:
        time_base: Seconds per unit of the times.
        rate: Declared rate, frames a second; None for none, where nothing can be said.
    """

    def __init__(self, *, time_base: Fraction, rate: Fraction | None) -> None:
        self._time_base = time_base
        self._step = None if rate is None else 1 / (rate * time_base)
        self._first: int | None = None
        self._last = 0
        self._num_lost = 0
        self._num_regular = self._num_irregular = 0
        self._num_gone = 0
        self._widest: list[tuple[int, float]] = []

    def lose(self) -> None:
        """Take note of a frame that is accounted for, but has no picture."""
        self._num_lost += 1

    def see(self, pts: int) -> None:
        """Take note of the time of the next frame, in units."""
        if self._first is None:
            self._first = pts
        elif self._step is not None:
            self._judge(pts - self._last, step=self._step)
        self._last, self._num_lost = pts, 0

    def _judge(self, interval: int, *, step: Fraction) -> None:
        num_steps = round(interval / step)
        if abs(interval - num_steps * step) > 1 + _TOLERANCE_STEPS * step:
            self._num_irregular += 1
            return
        gone = num_steps - 1 - self._num_lost
        self._num_regular += gone <= 0
        if gone > 0:
            self._num_gone += gone
            at_s = float((self._last - (self._first or 0)) * self._time_base)
            self._widest = sorted([*self._widest, (gone, at_s)], reverse=True)[:_NAMED]
            self._num_irregular += 1

    @property
    def num_gone(self) -> int:
        """Frames that are missing; 0 where the rate is not constant."""
        num_all = self._num_regular + self._num_irregular
        return self._num_gone if self._num_regular >= _MIN_REGULAR_SHARE * num_all else 0

    def __str__(self) -> str:
        places = ", ".join(f"{gone} at {at_s:.1f} s" for gone, at_s in self._widest)
        count = "1 frame is" if self.num_gone == 1 else f"{self.num_gone} frames are"
        return f"{count} missing in between: {places}"
