"""What became of the signal of a live source while it ran: its gaps, for people and the report."""

from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from losszero_rt.livestate import Signal

# Gaps that are kept one by one; those before them are only counted, so that days need no memory.
MAX_GAPS = 1000


@dataclass(frozen=True, kw_only=True)
class Gap:
    """A time without signal.

    Attributes:
        since_unix_s: Wall clock when it began, seconds.
        seconds: How long it lasted, by the monotonic clock.
        reason: Why, one line, secrets scrubbed.
    """

    since_unix_s: float
    seconds: float
    reason: str

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for a report; times are UTC."""
        return {
            "since": _utc(self.since_unix_s),
            "until": _utc(self.since_unix_s + self.seconds),
            "seconds": round(self.seconds, 3),
            "reason": self.reason,
        }


class SignalHistory:
    """Follows the signal of one source; ask :meth:`look` often, gaps are found by their ends."""

    def __init__(self) -> None:
        self._last: Signal | None = None
        self._lost: Signal | None = None
        self._gaps: deque[Gap] = deque(maxlen=MAX_GAPS)
        self._num_gaps = self._num_reconnects = 0
        self._lost_s = 0.0

    def look(self, signal: Signal) -> str:
        """Take in the signal as it is now.

        Returns:
            A line to tell a person, when the signal went or came; else nothing.
        """
        last, self._last = self._last, signal
        self._num_reconnects = max(self._num_reconnects, signal.num_reconnects)
        if signal is last or signal.state == "connecting":
            return ""
        if signal.state == "live":
            return self._came_back(signal)
        if signal.state == "ended":
            self._close(signal)
            return ""
        if self._lost is None:
            self._lost = signal
            return no_signal_line(signal)
        return ""

    def _came_back(self, signal: Signal) -> str:
        if self._lost is None:
            return ""
        seconds = self._close(signal)
        return f"signal is back after {seconds:.1f} s"

    def _close(self, signal: Signal) -> float:
        """End the gap at hand; return how long it lasted, seconds."""
        lost, self._lost = self._lost, None
        if lost is None:
            return 0.0
        seconds = max(0.0, signal.since_s - lost.since_s)
        gap = Gap(since_unix_s=lost.since_unix_s, seconds=seconds, reason=lost.reason)
        self._gaps.append(gap)
        self._num_gaps += 1
        self._lost_s += seconds
        return seconds

    def as_dict(self, *, now_s: float) -> dict[str, Any]:
        """Return what the report says of the signal.

        Args:
            now_s: Monotonic clock; a gap that goes on is counted up to it, seconds.
        """
        gaps, lost_s, num_gaps = list(self._gaps), self._lost_s, self._num_gaps
        if self._lost is not None:
            seconds = max(0.0, now_s - self._lost.since_s)
            since = self._lost.since_unix_s
            gaps.append(Gap(since_unix_s=since, seconds=seconds, reason=self._lost.reason))
            lost_s, num_gaps = lost_s + seconds, num_gaps + 1
        return {
            "reconnects": self._num_reconnects,
            "num_gaps": num_gaps,
            "lost_s": round(lost_s, 3),
            "gaps": [gap.as_dict() for gap in gaps],
        }


def no_signal_line(signal: Signal) -> str:
    """Return since when there is no signal, on the clock on the wall, which try it is, and why."""
    since = datetime.fromtimestamp(signal.since_unix_s).strftime("%H:%M:%S")
    tried = f", attempt {signal.attempt} to connect" if signal.attempt else ""
    return f"no signal since {since}{tried}" + (f": {signal.reason}" if signal.reason else "")


def _utc(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="milliseconds")
