"""What comes from a live source, counted and timed on its way into the pipeline."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Protocol

from losszero_rt.errors import InputError
from losszero_rt.frame import Frame, LostFrame, StreamItem, VideoInfo
from losszero_rt.livestate import Signal
from losszero_rt.pipeline.progress import Progress

# A longer time between two frames is a gap of the signal and none of the camera's exposures, unless
# the source claims so few.
MAX_INTERVAL_S = 2.0
_SLOW_INTERVALS = 1.5


class LiveStream(Protocol):
    """What a run asks of its source; :class:`losszero_rt.video.LiveSource` is one."""

    @property
    def info(self) -> VideoInfo:
        """Facts of the source."""
        ...

    @property
    def signal(self) -> Signal:
        """How it does at this moment."""
        ...

    @property
    def warnings(self) -> Sequence[str]:
        """What a person should know of it; grows."""
        ...

    @property
    def rate_measured_fps(self) -> float:
        """Frames a second over the last two seconds; 0 while unknown."""
        ...

    @property
    def rate_declared(self) -> Fraction | None:
        """Frames a second as the source claims; None when it does not."""
        ...

    def __iter__(self) -> Iterator[StreamItem]:
        """Yield what comes for as long as the source lives."""
        ...

    def stop(self) -> None:
        """End the iteration soon; may be called from any thread."""
        ...


class LiveFeed:
    """Hands the items of a source on; its end for good ends the stream instead of breaking it.

    So frames that are under way are still shown, and what is recorded is finished.

    Args:
        source: The source.
        progress: Hears of every frame.
        duration_s: Length in the time of the source, from its first frame on, seconds; None for
            no limit.
        rate_declared: Frames a second as the source claims; None when it does not.
        num_breaks: Asked how often the signal came back so far: what lies between two frames then
            is a gap, however short.

    Attributes:
        lost: Why the source was lost for good; None while it is not.
        is_over: Whether it ended because a frame was beyond the duration.
    """

    def __init__(
        self,
        source: Iterable[StreamItem],
        *,
        progress: Progress,
        duration_s: float | None = None,
        rate_declared: Fraction | None = None,
        num_breaks: Callable[[], int] = lambda: 0,
    ) -> None:
        self._source = source
        self._progress = progress
        self._duration_s = duration_s
        self.lost: InputError | None = None
        self.is_over = False
        self._first_s: float | None = None
        self._last_s: float | None = None
        self._seconds = 0.0
        self._num_intervals = 0
        slow_s = _SLOW_INTERVALS / float(rate_declared) if rate_declared else 0.0
        self._longest_s = max(MAX_INTERVAL_S, slow_s)
        self._ask_breaks, self._num_breaks = num_breaks, 0

    @property
    def rate_fps(self) -> float:
        """Frames a second that the source gave while there was a signal; 0 while unknown."""
        return self._num_intervals / self._seconds if self._seconds > 0 else 0.0

    def __iter__(self) -> Iterator[StreamItem]:
        """Yield the items of the source."""
        try:
            for item in self._source:
                if isinstance(item, Frame) and self._is_beyond(item):
                    self.is_over = True
                    return
                if isinstance(item, Frame | LostFrame):
                    self._progress.step()
                if isinstance(item, Frame):
                    self._time(item)
                yield item
        except InputError as error:
            self.lost = error

    def _is_beyond(self, frame: Frame) -> bool:
        if self._first_s is None:
            self._first_s = frame.time_s
        return self._duration_s is not None and frame.time_s - self._first_s >= self._duration_s

    def _time(self, frame: Frame) -> None:
        last_s, self._last_s = self._last_s, frame.time_s
        before, self._num_breaks = self._num_breaks, self._ask_breaks()
        if last_s is None or self._num_breaks != before:
            return
        if 0 < frame.time_s - last_s <= self._longest_s:
            self._seconds += frame.time_s - last_s
            self._num_intervals += 1
