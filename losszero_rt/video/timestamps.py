"""Presentation times: strictly increasing whatever the container says."""

from fractions import Fraction

_FALLBACK_RATE = Fraction(25)


class PtsClock:
    """Gives every decoded picture a time later than the one before.

    Times of the container are kept whenever they increase. A picture at the time of the one
    before it, or a little earlier, moves one unit past it; one that lies further back cannot
    be placed and is refused. Missing times continue at the declared rate.

    Args:
        time_base: Seconds per unit.
        rate: Frames a second, used only where times are missing.
        by_dts: The container stores decoding times only (AVI); pts are then misordered.
    """

    def __init__(self, *, time_base: Fraction, rate: Fraction | None, by_dts: bool) -> None:
        self._step = max(1, round(1 / ((rate or _FALLBACK_RATE) * time_base)))
        self._by_dts = by_dts
        self._first_dts: int | None = None
        self._dts_delay = 0
        self._last: int | None = None
        self.num_nudged = 0
        self.num_synthesised = 0

    def see_packet(self, dts: int | None) -> None:
        """Take note of a packet on its way to the decoder; only the first one counts."""
        if self._first_dts is None:
            self._first_dts = dts

    def next(self, pts: int | None, dts: int | None, *, duration: int = 0) -> int | None:
        """Return the time of the next picture, or None when it cannot be placed."""
        step = duration or self._step
        stated = self._stated(pts, dts)
        if stated is None:
            self.num_synthesised += not self._by_dts
            stated = 0 if self._last is None else self._last + step
        elif self._last is not None and stated <= self._last:
            if stated <= self._last - step:
                return None
            self.num_nudged += 1
            stated = self._last + 1
        self._last = stated
        return stated

    def warnings(self) -> list[str]:
        """Return lines about the times that were not the container's."""
        lines = []
        if self.num_nudged:
            lines.append(
                f"{self.num_nudged} frames shared a time with the frame before them "
                "and were moved by one unit"
            )
        if self.num_synthesised:
            lines.append(
                f"{self.num_synthesised} frames carried no time; the declared rate was used"
            )
        return lines

    def _stated(self, pts: int | None, dts: int | None) -> int | None:
        if not self._by_dts:
            return pts
        if dts is None:
            return None
        if self._last is None:
            # The first picture leaves the decoder as late as pictures are reordered.
            self._dts_delay = dts - (self._first_dts or 0)
        return dts - self._dts_delay


class Window:
    """The wanted part of a stream.

    Args:
        time_base: Seconds per unit.
        first_pts: Where the stream starts, in units.
        start_s: Seconds after that where the part starts.
        duration_s: Its length in seconds; None for all that follows.
    """

    def __init__(
        self, *, time_base: Fraction, first_pts: int, start_s: float, duration_s: float | None
    ) -> None:
        self._time_base = time_base
        self.start_pts = first_pts + round(Fraction(start_s) / time_base)
        self._skips = start_s > 0
        self._end_pts: int | None = None
        if duration_s is not None:
            self._end_pts = self.start_pts + round(Fraction(duration_s) / time_base)

    def before(self, pts: int) -> bool:
        """Say whether a time lies ahead of the part; none lies ahead of a part without a start."""
        return self._skips and pts < self.start_pts

    def after(self, pts: int) -> bool:
        """Say whether a time lies behind the part."""
        return self._end_pts is not None and pts >= self._end_pts

    def touches(self, pts: int, *, duration: int, unit_s: Fraction) -> bool:
        """Say whether a stretch of another stream, in units of its own, reaches into the part."""
        start = round(pts * unit_s / self._time_base)
        end = round((pts + duration) * unit_s / self._time_base)
        return not self.before(end - 1) and not self.after(start)
