"""Which frames of a live source are worth computing, when there are more than can be shown.

    capture -> [queue of one or few] -> admission -> resize, infer, paint, hand on
                  "newer"               "max-fps", late

Every frame that is left out goes on as a :class:`~losszero_rt.frame.LostFrame` in its place, so
that order and ledger stay whole.
"""

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from losszero_rt.errors import UsageError
from losszero_rt.frame import Frame, LostFrame, StreamItem
from losszero_rt.timings import now_s

Policy = Literal["all", "latest", "deadline"]
POLICIES: tuple[Policy, ...] = get_args(Policy)

# Submissions under way in a live run. One that has every core to itself is done in half the time of
# two side by side, for about a tenth more processor time a frame (two cores, the model that ships).
LIVE_REQUESTS = 1

# Frames that may wait between capture and admission. Only `latest` is after the lowest age; the
# others gain from a few, which carry them over a hiccup.
WAITING_FRAMES: dict[Policy, int] = {"all": 4, "latest": 1, "deadline": 4}

# The estimate of the time that a frame still needs: this quantile of so many frames.
ESTIMATE_FRAMES = 60
ESTIMATE_QUANTILE = 0.9
# However little can be shown in time, there is a picture this often: an old one, if need be.
STARVED_AFTER_S = 0.5
# A frame may come so much of a period before its turn, or jitter would halve the rate.
EARLY_SHARE = 0.25


@dataclass(frozen=True, kw_only=True)
class Flow:
    """How a live run chooses among its frames.

    Attributes:
        policy: ``all`` shows every frame, however old; ``latest`` always takes the newest, for
            the lowest age; ``deadline`` keeps a few waiting and leaves out those that could not
            be shown in time, for the fewest losses within an age.
        deadline_ms: Age from which on a frame is late under ``deadline``, milliseconds. A late
            one is shown only where nothing was for half a second.
        max_fps: Frames a second to show at most, by the frames' own times; None for no limit.
    """

    policy: Policy = "latest"
    deadline_ms: float = 250.0
    max_fps: float | None = None

    def __post_init__(self) -> None:
        if self.policy not in POLICIES:
            raise UsageError(f"--policy is {self.policy!r}", accepted=", ".join(POLICIES))
        if not 0 < self.deadline_ms < math.inf:
            raise UsageError(
                f"--deadline-ms is {self.deadline_ms!r}",
                accepted="a finite number of more than 0 milliseconds",
            )
        if self.max_fps is not None and not 0 < self.max_fps < math.inf:
            raise UsageError(
                f"--max-fps is {self.max_fps!r}",
                accepted="a finite number of more than 0 frames a second",
            )

    @property
    def num_waiting(self) -> int:
        """Frames that may wait between capture and admission."""
        return WAITING_FRAMES[self.policy]

    @property
    def on_full(self) -> Callable[[StreamItem], LostFrame | None] | None:
        """What becomes of a frame that waits when a newer one finds no room; None: that waits."""
        return None if self.policy == "all" else _give_way


class Admission:
    """Decides before inference whether a frame is worth it, and once more before it is painted.

    Under ``deadline`` a frame is late when its age now, plus the time from admission to handing on
    (the 0.9 quantile of the last 60 frames, queues between the stages included), is above the
    deadline. When half a second went by without an admission, the newest frame is let through all
    the same. If that one was in time, the estimate was wrong: older measurements are forgotten.

    A frame that was expected in time and is late when its labels are there is left out as well,
    unless it was let through as above, or nothing was shown for half a second.

    Args:
        flow: The rules.
        has_newer: Says whether a frame waits behind the one that is judged.
        clock: Monotonic clock, seconds.

    :meth:`judge` runs on the compute lane, :meth:`judge_ready` and :meth:`learn` on the main loop.
    What they share are numbers, each replaced whole.
    """

    def __init__(
        self,
        flow: Flow,
        *,
        has_newer: Callable[[], bool],
        clock: Callable[[], float] = now_s,
    ) -> None:
        self._deadline_s = flow.deadline_ms / 1e3 if flow.policy == "deadline" else math.inf
        self._period_s = 1 / flow.max_fps if flow.max_fps else 0.0
        self._has_newer = has_newer
        self._clock = clock
        self._due_s = -math.inf
        # The newest frame that was admitted; of those left out when they were ready; and when the
        # newest that was shown had been admitted, was ready, and was shown.
        self._admitted, self._admitted_at_s = -1, -math.inf
        self._forgone = -1
        self._shown_admitted_at_s = self._shown_at_s = -math.inf
        self._ready_at_s = 0.0
        self._probe: int | None = None
        self._spent_s: deque[float] = deque(maxlen=ESTIMATE_FRAMES)
        self._handing_s: deque[float] = deque(maxlen=ESTIMATE_FRAMES)
        self._remaining_s = 0.0

    @property
    def remaining_s(self) -> float:
        """Estimate of the time from admission to handing on, seconds; 0 while unknown."""
        return self._remaining_s

    def admitted(self, items: Iterable[StreamItem]) -> Iterator[StreamItem]:
        """Yield the items, frames that are not admitted exchanged for lost ones."""
        for item in items:
            yield self.judge(item) if isinstance(item, Frame) else item

    def judge(self, frame: Frame) -> Frame | LostFrame:
        """Return the frame, or the lost one that takes its place."""
        if frame.time_s < self._due_s - EARLY_SHARE * self._period_s:
            return lost_from(frame, fate="dropped", reason="max-fps")
        now = self._clock()
        if now + self._remaining_s - captured_at_s(frame) > self._deadline_s:
            if now - self._promised_at_s < STARVED_AFTER_S or self._has_newer():
                return lost_from(frame, fate="late", reason="deadline")
            self._probe = frame.index
        self._admitted, self._admitted_at_s = frame.index, now
        # Less than a period of delay is made up for, so that 20 of 30 a second are 20; after a
        # pause there is no burst.
        behind = frame.time_s >= self._due_s + self._period_s
        self._due_s = (frame.time_s if behind else self._due_s) + self._period_s
        return frame

    def judge_ready(self, frame: Frame, *, admitted_at_s: float) -> Frame | LostFrame:
        """Return a frame whose labels are there, or the lost one that takes its place.

        Args:
            frame: The frame.
            admitted_at_s: When it was admitted, by the clock.
        """
        self._ready_at_s = now = self._clock()
        handing_s = _high(self._handing_s)
        is_late = now + handing_s - captured_at_s(frame) > self._deadline_s
        if not is_late or frame.index == self._probe or now - self._shown_at_s >= STARVED_AFTER_S:
            return frame
        self._forgone = frame.index
        self._spend(now + handing_s - admitted_at_s)
        return lost_from(frame, fate="late", reason="deadline")

    def forgo(self, frame: Frame) -> None:
        """Take in that a frame that was admitted will not be shown, whatever its age."""
        self._forgone = frame.index

    def learn(self, frame: Frame, *, admitted_at_s: float, handed_at_s: float) -> bool:
        """Take in what a shown frame needed.

        Args:
            frame: The frame.
            admitted_at_s: When it was admitted, by the clock.
            handed_at_s: When it was handed on.

        Returns:
            Whether it was older than the deadline by then.
        """
        is_over = handed_at_s - captured_at_s(frame) > self._deadline_s
        if frame.index == self._probe:
            self._probe = None
            if not is_over:
                self._spent_s.clear()
                self._handing_s.clear()
        self._shown_admitted_at_s, self._shown_at_s = admitted_at_s, handed_at_s
        self._handing_s.append(handed_at_s - self._ready_at_s)
        self._spend(handed_at_s - admitted_at_s)
        return is_over

    @property
    def _promised_at_s(self) -> float:
        """When the newest frame was admitted of those that were shown, or still may be."""
        is_open = self._admitted > self._forgone
        return self._admitted_at_s if is_open else self._shown_admitted_at_s

    def _spend(self, spent_s: float) -> None:
        self._spent_s.append(spent_s)
        self._remaining_s = _high(self._spent_s)


def _high(times_s: Iterable[float]) -> float:
    """Return the quantile that estimates go by; 0 of nothing."""
    ranked = sorted(times_s)
    return ranked[math.ceil(ESTIMATE_QUANTILE * len(ranked)) - 1] if ranked else 0.0


def captured_at_s(frame: Frame) -> float:
    """Return the monotonic clock from which the age of a frame counts, seconds."""
    return frame.decoded_at_s if frame.captured_at_s is None else frame.captured_at_s


def lost_from(frame: Frame, *, fate: Literal["dropped", "late"], reason: str) -> LostFrame:
    """Return what goes on in the place of a frame that is left out."""
    return LostFrame(index=frame.index, pts=frame.pts, fate=fate, reason=reason)


def _give_way(item: StreamItem) -> LostFrame | None:
    return lost_from(item, fate="dropped", reason="newer") if isinstance(item, Frame) else None
