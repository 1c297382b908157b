import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from losszero_rt.classmap import NIGHT_RIDE
from losszero_rt.errors import OutputError
from losszero_rt.frame import Frame, LostFrame, StreamItem, VideoInfo
from losszero_rt.ledger import Ledger
from losszero_rt.objects import Objects
from losszero_rt.pipeline.config import RunConfig
from losszero_rt.pipeline.outlets import Outlet, StageTimes
from losszero_rt.pipeline.painter import LiveLine, Painter
from losszero_rt.pipeline.pipeline import DECODED_FRAMES, Pipeline
from losszero_rt.pipeline.report import Meter
from tests.pipeline.doubles import (
    SIZE,
    SPEC,
    BrokenError,
    EchoEngine,
    EchoTicket,
    MemorySink,
    stream,
)

INFO = VideoInfo(
    name="double",
    size=SIZE,
    coded_size=SIZE,
    rate_declared=Fraction(30),
    time_base=Fraction(1, 90),
    codec="double",
    pix_fmt="yuv420p",
    full_range=True,
)


class Recorder:
    """An outlet that remembers frames and what their labels say the level was."""

    name = "recorder"
    saves = False

    def __init__(self, *, fail_at: int | None = None) -> None:
        self.shown: list[tuple[int, int]] = []
        self.lost: list[int] = []
        self.num_closed = 0
        self._fail_at = fail_at

    def take(
        self,
        frame: Frame,
        *,
        labels_HW: np.ndarray,
        shares: np.ndarray,
        stage_ms: StageTimes,
        objects: Objects | None,
    ) -> None:
        if frame.index == self._fail_at:
            raise OutputError("disk full")
        assert shares.sum() == pytest.approx(1)
        self.shown.append((frame.index, int(labels_HW[30, 40])))

    def lose(self, lost: LostFrame) -> None:
        self.lost.append(lost.index)

    def close(self) -> None:
        self.num_closed += 1


class Bench:
    """A pipeline with everything around it."""

    def __init__(self, engine: EchoEngine, **options: Any) -> None:
        self.ledger, self.meter = Ledger(), Meter()
        self.stop = False
        self.pipeline = Pipeline(
            engine,
            spec=SPEC,
            meter=self.meter,
            ledger=self.ledger,
            num_requests=4,
            num_classes=6,
            frame_bytes=SIZE[0] * SIZE[1] * 3 // 2,
            should_stop=lambda: self.stop,
        )

    def run(
        self, items: Iterator[StreamItem], *, sink: MemorySink | None, outlets: list[Outlet]
    ) -> list[Any]:
        config = RunConfig(out=None, masks=None, json=None, labels="unused")  # type: ignore[arg-type]
        painter = Painter(config, classmap=NIGHT_RIDE, info=INFO, chroma_444=False)
        line = LiveLine(suffix="", ledger=self.ledger)
        return self.pipeline.run(items, sink=sink, painter=painter, line=line, outlets=outlets)


@pytest.mark.parametrize("batch", [1, 3, 8])
def test_order_is_kept_and_every_frame_gets_its_own_labels(batch: int) -> None:
    engine, sink, recorder = EchoEngine(batch=batch), MemorySink(), Recorder()
    bench = Bench(engine)
    bench.run(stream(50, lost=(7, 8, 31)), sink=sink, outlets=[recorder])
    expected = [index for index in range(50) if index not in (7, 8, 31)]
    assert [index for index, _ in recorder.shown] == expected
    assert all(label == index % 6 for index, label in recorder.shown)
    assert recorder.lost == [7, 8, 31]
    assert [n for kind, n in sink.log if kind == "cargo"] == list(range(50))
    frames_and_cargo = [n for _, n in sink.log]
    assert frames_and_cargo == sorted(frames_and_cargo), "sound stays beside its picture"
    bench.ledger.check()
    assert (bench.ledger.shown, bench.ledger.corrupt) == (47, 3)
    assert sum(engine.sizes) == 47


@settings(max_examples=25, deadline=None)
@given(
    count=st.integers(0, 40),
    batch=st.integers(1, 9),
    lost=st.sets(st.integers(0, 39)),
    stop_at=st.one_of(st.none(), st.integers(0, 40)),
)
def test_ledger_sums_whatever_comes(
    count: int, batch: int, lost: set[int], stop_at: int | None
) -> None:
    bench = Bench(EchoEngine(batch=batch))

    def stopping() -> Iterator[StreamItem]:
        for item in stream(count, lost=tuple(lost)):
            if isinstance(item, Frame) and item.index == stop_at:
                bench.stop = True
            yield item

    recorder = Recorder()
    bench.run(stopping(), sink=None, outlets=[recorder])
    bench.ledger.check()
    assert bench.ledger.shown == len(recorder.shown)
    assert len(bench.meter.latency) == bench.ledger.shown


@pytest.mark.parametrize("stage", ["source", "submit", "ticket", "sink"])
def test_failure_in_any_stage_returns_at_once_and_leaves_no_thread(stage: str) -> None:
    before = threading.active_count()
    engine = EchoEngine(fail_at=5 if stage in ("submit", "ticket") else None, where=stage)
    sink = MemorySink(fail_at=5 if stage == "sink" else None)
    bench = Bench(engine)
    start = time.perf_counter()
    with pytest.raises(BrokenError, match=stage):
        bench.run(stream(10_000, fail_at=5 if stage == "source" else None), sink=sink, outlets=[])
    assert time.perf_counter() - start < 1
    assert threading.active_count() == before


def test_frames_before_a_failure_of_the_source_are_still_written() -> None:
    sink = MemorySink()
    with pytest.raises(BrokenError):
        Bench(EchoEngine()).run(stream(50, fail_at=20), sink=sink, outlets=[])
    assert [n for kind, n in sink.log if kind == "frame"] == list(range(20))


def test_failing_outlet_does_not_stop_the_video() -> None:
    sink, good, bad = MemorySink(), Recorder(), Recorder(fail_at=3)
    failures = Bench(EchoEngine()).run(stream(10), sink=sink, outlets=[bad, good])
    assert [str(failure) for failure in failures] == ["disk full"]
    assert len(good.shown) == 10
    assert len(bad.shown) == 3
    assert len([1 for kind, _ in sink.log if kind == "frame"]) == 10


def test_stop_ends_reading_but_shows_what_was_read() -> None:
    bench, sink = Bench(EchoEngine()), MemorySink()

    def endless() -> Iterator[StreamItem]:
        for item in stream(100_000):
            if isinstance(item, Frame) and item.index == 25:
                bench.stop = True
            yield item

    bench.run(endless(), sink=sink, outlets=[])
    bench.ledger.check()
    assert [n for kind, n in sink.log if kind == "frame"] == list(range(26))


@pytest.mark.parametrize("stage", ["source", "sink", "ticket"])
def test_engine_is_free_again_after_a_failure(stage: str) -> None:
    engine = RationedEngine(fail_at=5 if stage == "ticket" else None, where=stage)
    sink = MemorySink(fail_at=5 if stage == "sink" else None)
    bench = Bench(engine)
    with pytest.raises(BrokenError):
        bench.run(stream(100, fail_at=5 if stage == "source" else None), sink=sink, outlets=[])
    engine.forgive()
    again = MemorySink()
    Bench(engine).run(stream(30), sink=again, outlets=[])
    assert len([1 for kind, _ in again.log if kind == "frame"]) == 30


class RationedEngine(EchoEngine):
    """Refuses a submission while four tickets are unread, as OpenVINO does."""

    def __init__(self, *, fail_at: int | None, where: str) -> None:
        super().__init__(fail_at=fail_at, where=where)
        self._unread: set[int] = set()

    def forgive(self) -> None:
        self._fail_at = None

    def submit(self, inputs_NHWC: np.ndarray) -> EchoTicket:
        assert len(self._unread) < 4, "too many tickets are unread"
        ticket, number = super().submit(inputs_NHWC), len(self.sizes)
        self._unread.add(number)
        unread, plain = self._unread, ticket.result

        def result() -> np.ndarray:
            unread.discard(number)
            return plain()

        ticket.result = result  # type: ignore[method-assign]
        return ticket


def test_outlets_are_closed_once_at_the_end_and_lost_frames_are_told() -> None:
    recorder = Recorder()
    Bench(EchoEngine()).run(stream(6, lost=(2,)), sink=None, outlets=[recorder])
    assert recorder.num_closed == 1
    assert recorder.lost == [2]


def test_slow_consumer_bounds_what_waits() -> None:
    """The source runs ahead by no more than the lanes hold, in frames and so in bytes."""
    num_made = 0

    def counted() -> Iterator[StreamItem]:
        nonlocal num_made
        for item in stream(300):
            num_made += isinstance(item, Frame)
            yield item

    lead = []

    class SlowSink(MemorySink):
        def write(self, canvas: Any, *, frame: Frame) -> None:
            super().write(canvas, frame=frame)
            lead.append(num_made - frame.index)
            time.sleep(0.001)

    Bench(EchoEngine()).run(counted(), sink=SlowSink(), outlets=[])
    # Four submissions, the queue, and one in each hand.
    assert max(lead) <= DECODED_FRAMES + 4 + 3
