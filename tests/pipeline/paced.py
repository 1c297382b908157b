"""A source, an engine and a sink that take their time, as live ones do, and who watches them."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from losszero_rt.engine import Extras
from losszero_rt.frame import Frame, LostFrame, Planes, StreamItem
from losszero_rt.objects import Objects
from losszero_rt.pipeline.outlets import StageTimes
from losszero_rt.timings import now_s
from tests.pipeline.doubles import BrokenError, EchoEngine, EchoTicket, MemorySink, frame


class PacedSource:
    """Frames at a steady rate that does not wait for anyone, until told to stop.

    Args:
        count: Frames before it ends, or before what ``then`` says.
        period_s: Time between two frames.
        then: What happens behind the last: the ``end``, an ``error``, or ``silence`` that lasts
            until :meth:`stop`.
    """

    def __init__(self, count: int, *, period_s: float, then: str = "end") -> None:
        self.num_stops = 0
        self.silent = threading.Event()
        self._count = count
        self._period_s = period_s
        self._then = then
        self._stopped = threading.Event()

    def stop(self) -> None:
        """End a read that is under way."""
        self.num_stops += 1
        self._stopped.set()

    def __iter__(self) -> Iterator[StreamItem]:
        start_s = now_s()
        for index in range(self._count):
            due_s = start_s + index * self._period_s
            if self._stopped.wait(max(0.0, due_s - now_s())):
                return
            yield replace(frame(index), captured_at_s=now_s())
        if self._then == "error":
            raise BrokenError("source")
        if self._then == "silence":
            self.silent.set()
            self._stopped.wait(60)


class PacedEngine(EchoEngine):
    """Takes its time for a frame, one after the other, while the caller does something else.

    Args:
        infer_s: Time for one frame.
        num_requests: Refuses a submission when so many tickets are unread, as OpenVINO does.
        fail_at: Submission that fails.
        where: ``submit`` or ``ticket``.
    """

    def __init__(
        self,
        *,
        infer_s: float = 0.0,
        num_requests: int = 2,
        fail_at: int | None = None,
        where: str = "submit",
    ) -> None:
        super().__init__(fail_at=fail_at, where=where)
        self.most_unread = 0
        self._infer_s = infer_s
        self._num_requests = num_requests
        self._unread: set[int] = set()
        self._free_at_s = 0.0

    def submit(self, inputs_NHWC: np.ndarray) -> "PacedTicket":
        assert len(self._unread) < self._num_requests, "too many tickets are unread"
        ticket = super().submit(inputs_NHWC)
        self._free_at_s = max(self._free_at_s, now_s()) + self._infer_s
        paced = PacedTicket(
            ticket, ready_at_s=self._free_at_s, number=len(self.sizes), unread=self._unread
        )
        self.most_unread = max(self.most_unread, len(self._unread))
        return paced


class PacedTicket(EchoTicket):
    """Labels that are ready at a time of their own."""

    def __init__(
        self, ticket: EchoTicket, *, ready_at_s: float, number: int, unread: set[int]
    ) -> None:
        self.extras: Extras = ticket.extras
        self._ticket = ticket
        self._ready_at_s = ready_at_s
        self._number = number
        self._unread = unread
        unread.add(number)

    def result(self) -> np.ndarray:
        time.sleep(max(0.0, self._ready_at_s - now_s()))
        self._unread.discard(self._number)
        return self._ticket.result()


class Witness:
    """An outlet that remembers every end of a frame, in order, and the ages of those shown."""

    name = "witness"
    saves = False

    def __init__(self) -> None:
        self.order: list[int] = []
        self.shown: list[int] = []
        self.lost: list[LostFrame] = []
        self.ages_s: list[float] = []

    def take(
        self,
        frame: Frame,
        *,
        labels_HW: np.ndarray,
        shares: np.ndarray,
        stage_ms: StageTimes,
        objects: Objects | None,
    ) -> None:
        assert frame.captured_at_s is not None
        assert int(labels_HW[30, 40]) == frame.index % 256 % 6, "another frame's labels"
        self.ages_s.append(now_s() - frame.captured_at_s)
        self.order.append(frame.index)
        self.shown.append(frame.index)

    def lose(self, lost: LostFrame) -> None:
        self.order.append(lost.index)
        self.lost.append(lost)

    def close(self) -> None:
        """Nothing is held open."""


class SlowSink(MemorySink):
    """Takes its time to take a frame."""

    def __init__(self, *, write_s: float, fail_at: int | None = None) -> None:
        super().__init__(fail_at=fail_at)
        self._write_s = write_s

    def write(self, canvas: Planes, *, frame: Frame) -> None:
        super().write(canvas, frame=frame)
        time.sleep(self._write_s)
