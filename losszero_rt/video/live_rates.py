"""How many frames a second a live source really gives, beside what it claims."""

from fractions import Fraction

from losszero_rt.timings import now_s

_WINDOW_S = 2.0
# The first pictures of a connection come in one burst; over less time than this they say nothing.
_MIN_SPAN_S = 0.5
# After so many of its usual steps without a frame, a source that is slower than the window is gone.
_GONE_STEPS = 3
_LOW_SHARE = 0.7
_LOW_FOR_S = 5.0


class MeasuredRate:
    """Frames a second over the last two seconds, or the last two frames; read from any thread."""

    def __init__(self) -> None:
        self._times_s: tuple[float, ...] = ()

    def see(self, captured_at_s: float) -> None:
        """Take note of a frame."""
        recent_s = self._since(captured_at_s - _WINDOW_S)
        if not recent_s and not self._is_gone(captured_at_s):
            recent_s = self._times_s[-1:]
        self._times_s = (*recent_s, captured_at_s)

    def _is_gone(self, moment_s: float) -> bool:
        """Say whether there was a silence by now, and no wait for the frame of a slow source."""
        if len(self._times_s) < 2:
            return False
        usual_s = (self._times_s[-1] - self._times_s[0]) / (len(self._times_s) - 1)
        return moment_s - self._times_s[-1] > max(_WINDOW_S, _GONE_STEPS * usual_s)

    def at(self, moment_s: float) -> float:
        """Return the rate at a moment, monotonic clock.

        It is 0 while unknown, and falls to 0 while nothing comes.
        """
        times_s = self._since(moment_s - _WINDOW_S)
        if len(times_s) < 2:
            times_s = self._times_s[-2:]
        span_s = times_s[-1] - times_s[0] if times_s else 0.0
        if span_s < _MIN_SPAN_S:
            return 0.0
        if self._is_gone(moment_s):
            return 0.0
        # Once the next frame is overdue, waiting for it counts.
        usual_s = span_s / (len(times_s) - 1)
        late_s = max(0.0, moment_s - times_s[-1] - 2 * usual_s)
        return (len(times_s) - 1) / (span_s + late_s)

    def _since(self, oldest_s: float) -> tuple[float, ...]:
        return tuple(t for t in self._times_s if t >= oldest_s)

    @property
    def now_fps(self) -> float:
        """The rate at this moment."""
        return self.at(now_s())


class LowLight:
    """Notices a camera that gives fewer frames than it claims: at night it exposes longer.

    Args:
        rate_declared: What the camera claims; None when it claims nothing.
        is_remote: Whether a network lies between, which may lose frames as well.
    """

    def __init__(self, rate_declared: Fraction | None, *, is_remote: bool = False) -> None:
        self._declared = rate_declared
        self._other = ", or frames lost on the way" if is_remote else ""
        self._low_since_s: float | None = None

    def see(self, rate_fps: float, *, moment_s: float) -> str | None:
        """Return a line for a person once the rate has been low for five seconds."""
        if self._declared is None or not 0 < rate_fps < _LOW_SHARE * self._declared:
            self._low_since_s = None
            return None
        if self._low_since_s is None:
            self._low_since_s = moment_s
        if moment_s - self._low_since_s < _LOW_FOR_S:
            return None
        declared = float(self._declared)
        told = f"camera gives {rate_fps:.3g} of {declared:.3g} FPS"
        return f"{told}: long exposure in low light{self._other}?"
