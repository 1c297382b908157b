"""The live flow on a clock of its own: real queue, real admission, no thread and no waiting.

    arrivals -> Waiting -> Admission -> engine (one at a time) -> painting -> handed on

It moves from event to event, so that thousands of schedules take a second.
"""

import math
from collections import deque
from dataclasses import dataclass, field
from fractions import Fraction

from losszero_rt.frame import Frame, LostFrame, StreamItem
from losszero_rt.ledger import Ledger
from losszero_rt.pipeline.flow import STARVED_AFTER_S, Admission, Flow
from losszero_rt.pipeline.waiting import Waiting
from tests.pipeline.doubles import grey

_PLANES = grey(0)


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """When frames arrive and what they cost; costs go round when there are fewer than frames.

    Attributes:
        gaps_s: Time from one arrival to the next.
        infer_s: Time in the engine.
        paint_s: Time to paint and hand on.
        num_requests: Frames that may be in the engine, or done there and not painted.
    """

    gaps_s: list[float]
    infer_s: list[float]
    paint_s: list[float]
    num_requests: int = 1

    @property
    def service_s(self) -> float:
        """The longest that a frame may need when nothing is in its way."""
        return max(self.infer_s) + max(self.paint_s)


@dataclass
class Ends:
    """What became of the frames, in the order in which it was settled.

    Attributes:
        order: Index of every frame.
        lost: Those that were left out.
        ages_s: Age at handing on of those shown, by index.
        handed_s: When.
        unproven: Those admitted although they were expected to be late, or before anything had
            been measured, or ready when nothing had been shown for long.
        ledger: The counts.
    """

    order: list[int] = field(default_factory=list)
    lost: list[LostFrame] = field(default_factory=list)
    ages_s: dict[int, float] = field(default_factory=dict)
    handed_s: list[float] = field(default_factory=list)
    unproven: set[int] = field(default_factory=set)
    ledger: Ledger = field(default_factory=Ledger)


class Simulation:
    """One run of a schedule under a flow.

    Args:
        schedule: Arrivals and costs.
        flow: The rules.
    """

    def __init__(self, schedule: Schedule, *, flow: Flow) -> None:
        self._schedule = schedule
        self._flow = flow
        self._now_s = 0.0
        self._waiting = Waiting[StreamItem](
            max_items=10**6,
            max_bytes=(2 * flow.num_waiting + 1) * _PLANES.nbytes // 2,
            on_full=flow.on_full,
        )
        self._admission = Admission(
            flow, has_newer=lambda: self._waiting.nbytes > 0, clock=lambda: self._now_s
        )
        self._blocked: deque[Frame] = deque()  # arrived, but the queue has no room
        self._under_way: deque[tuple[StreamItem, float, float]] = deque()  # admitted at, done at
        self._painting: tuple[Frame, float, float] | None = None  # admitted at, painted at
        self._engine_free_s = 0.0
        self._permits = schedule.num_requests
        self.ends = Ends()

    def run(self) -> Ends:
        """Run until every frame has met its end."""
        at_s = 0.0
        for index in range(len(self._schedule.gaps_s)):
            at_s += self._schedule.gaps_s[index]
            self._advance(until_s=at_s)
            self._now_s = at_s
            self.ends.ledger.enter()
            self._blocked.append(frame_at(at_s, index=index))
            self._settle()
        self._advance(until_s=float("inf"))
        return self.ends

    def _advance(self, *, until_s: float) -> None:
        while (event_s := self._next_event_s()) <= until_s and event_s < float("inf"):
            self._now_s = max(self._now_s, event_s)
            self._settle()

    def _next_event_s(self) -> float:
        if self._painting is not None:
            return self._painting[2]
        return self._under_way[0][2] if self._under_way else float("inf")

    def _settle(self) -> None:
        while self._capture() or self._compute() or self._paint():
            pass

    def _capture(self) -> bool:
        if not self._blocked or not self._waiting.has_room(self._blocked[0].nbytes):
            return False
        self._waiting.put(self._blocked.popleft())
        return True

    def _compute(self) -> bool:
        if not self._permits or not self._waiting:
            return False
        item, done_s = self._waiting.take(), self._now_s
        if isinstance(item, Frame):
            item = self._judge(item)
        if isinstance(item, Frame):
            self._permits -= 1
            cost_s = self._schedule.infer_s[item.index % len(self._schedule.infer_s)]
            done_s = self._engine_free_s = max(self._engine_free_s, self._now_s) + cost_s
        self._under_way.append((item, self._now_s, done_s))
        return True

    def _judge(self, frame: Frame) -> StreamItem:
        remaining_s = self._admission.remaining_s
        is_late = self._now_s + remaining_s - frame.time_s > self._flow.deadline_ms / 1e3
        verdict = self._admission.judge(frame)
        if isinstance(verdict, Frame) and (is_late or not remaining_s):
            self.ends.unproven.add(frame.index)
        return verdict

    def _judge_ready(self, frame: Frame, *, admitted_s: float) -> StreamItem:
        shown_s = self.ends.handed_s[-1] if self.ends.handed_s else -math.inf
        if self._now_s - shown_s >= STARVED_AFTER_S:
            self.ends.unproven.add(frame.index)
        return self._admission.judge_ready(frame, admitted_at_s=admitted_s)

    def _paint(self) -> bool:
        if self._painting is not None:
            if self._painting[2] > self._now_s:
                return False
            self._hand_on(*self._painting)
            self._painting = None
            return True
        if not self._under_way or self._under_way[0][2] > self._now_s:
            return False
        item, admitted_s, _ = self._under_way.popleft()
        if isinstance(item, Frame):
            self._permits += 1
            item = self._judge_ready(item, admitted_s=admitted_s)
        if isinstance(item, Frame):
            cost_s = self._schedule.paint_s[item.index % len(self._schedule.paint_s)]
            self._painting = (item, admitted_s, self._now_s + cost_s)
        elif isinstance(item, LostFrame):
            self.ends.order.append(item.index)
            self.ends.lost.append(item)
            self.ends.ledger.settle(item.fate, reason=item.reason)
        return True

    def _hand_on(self, frame: Frame, admitted_s: float, handed_s: float) -> None:
        is_over = self._admission.learn(frame, admitted_at_s=admitted_s, handed_at_s=handed_s)
        self.ends.ledger.over_deadline += is_over
        self.ends.order.append(frame.index)
        self.ends.ages_s[frame.index] = handed_s - frame.time_s
        self.ends.handed_s.append(handed_s)
        self.ends.ledger.settle("shown")


def frame_at(time_s: float, *, index: int) -> Frame:
    """A frame that was captured and presented at one time of the simulated clock."""
    return Frame(
        index=index,
        pts=round(time_s * 1e9),
        time_base=Fraction(1, 10**9),
        planes=_PLANES,
        decoded_at_s=time_s,
        captured_at_s=time_s,
    )
