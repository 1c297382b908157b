"""The main loop with a live flow: real threads, real time, sources that do not wait."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from losszero_rt.classmap import NIGHT_RIDE
from losszero_rt.frame import Frame, Planes
from losszero_rt.ledger import Ledger
from losszero_rt.pipeline.config import RunConfig
from losszero_rt.pipeline.flow import POLICIES, Flow
from losszero_rt.pipeline.painter import LiveLine, Painter
from losszero_rt.pipeline.pipeline import Pipeline
from losszero_rt.pipeline.report import Meter
from losszero_rt.timings import SAMPLE_SIZE, now_s
from tests.pipeline.doubles import SIZE, SPEC, BrokenError, MemorySink
from tests.pipeline.paced import PacedEngine, PacedSource, SlowSink, Witness
from tests.pipeline.test_pipeline import INFO

FRAME_BYTES = SIZE[0] * SIZE[1] * 3 // 2
SOON_S = 4.0


class LiveBench:
    """A live pipeline with everything around it."""

    def __init__(self, engine: PacedEngine, *, flow: Flow, num_requests: int = 2) -> None:
        self.ledger, self.meter, self.witness = Ledger(), Meter.bounded(), Witness()
        self.stop = False
        self.pipeline = Pipeline(
            engine,
            spec=SPEC,
            meter=self.meter,
            ledger=self.ledger,
            num_requests=num_requests,
            num_classes=6,
            frame_bytes=FRAME_BYTES,
            should_stop=lambda: self.stop,
            flow=flow,
        )

    def run(
        self,
        source: PacedSource,
        *,
        sink: MemorySink | None = None,
        on_idle: Callable[[], None] | None = None,
    ) -> list[Any]:
        config = RunConfig(masks=Path("unused"))
        painter = Painter(config, classmap=NIGHT_RIDE, info=INFO, chroma_444=False)
        return self.pipeline.run(
            source,
            sink=sink,
            painter=painter,
            line=LiveLine(suffix="", ledger=self.ledger),
            outlets=[self.witness],
            interrupt=source.stop,
            on_idle=on_idle,
        )


@settings(max_examples=12, deadline=None)
@given(
    policy=st.sampled_from(POLICIES),
    count=st.integers(0, 60),
    period_s=st.floats(0, 0.004),
    infer_s=st.floats(0, 0.01),
    write_s=st.floats(0, 0.01),
    num_requests=st.integers(1, 3),
)
def test_ledger_and_order_are_whole_whatever_the_pace(
    policy: Any, count: int, period_s: float, infer_s: float, write_s: float, num_requests: int
) -> None:
    engine = PacedEngine(infer_s=infer_s, num_requests=num_requests)
    flow = Flow(policy=policy, deadline_ms=20)
    bench = LiveBench(engine, flow=flow, num_requests=num_requests)
    sink = SlowSink(write_s=write_s)
    bench.run(PacedSource(count, period_s=period_s), sink=sink)
    assert bench.witness.order == list(range(count))
    assert [index for _, index in sink.log] == bench.witness.shown
    bench.ledger.check()
    assert bench.ledger.shown == len(bench.witness.shown) == len(bench.meter.latency)
    # What is left out costs no inference, but for what was expected in time and was not.
    most = bench.ledger.shown + (bench.ledger.late if policy == "deadline" else 0)
    assert bench.ledger.shown <= len(engine.sizes) <= most
    if policy == "all":
        assert bench.ledger.shown == count


@pytest.mark.slow
def test_model_slower_than_the_stream_ages_no_frame_however_long_it_goes_on() -> None:
    infer_s, period_s = 0.05, 0.01
    bench = LiveBench(PacedEngine(infer_s=infer_s), flow=Flow(policy="latest"))
    bench.run(PacedSource(300, period_s=period_s), sink=SlowSink(write_s=0.01))
    ages_s = np.array(bench.witness.ages_s)
    # On a busy machine single frames wait for the processor: so the bound is that of most.
    assert np.median(ages_s) < 3 * (infer_s + 0.01)
    early, late = np.array_split(ages_s, 2)
    assert np.median(late) < 1.5 * np.median(early)
    assert bench.ledger.dropped["newer"] > 150


def test_all_keeps_every_frame_and_so_grows_old() -> None:
    bench = LiveBench(PacedEngine(infer_s=0.02), flow=Flow(policy="all"))
    bench.run(PacedSource(60, period_s=0.002))
    assert bench.witness.shown == list(range(60))
    assert bench.witness.lost == []


@pytest.mark.parametrize("num_requests", [1, 2])
def test_stages_overlap_the_engine_has_the_next_frames_while_one_is_handed_on(
    num_requests: int,
) -> None:
    count = 25
    engine = PacedEngine(infer_s=0.002, num_requests=num_requests)
    bench = LiveBench(engine, flow=Flow(policy="all"), num_requests=num_requests)
    overlapped: list[bool] = []

    class PatientSink(MemorySink):
        def write(self, canvas: Planes, *, frame: Frame) -> None:
            super().write(canvas, frame=frame)
            wanted = min(count, frame.index + 1 + num_requests)
            end_s = now_s() + SOON_S
            while len(engine.sizes) < wanted and now_s() < end_s:
                time.sleep(0.001)
            overlapped.append(len(engine.sizes) == wanted)

    bench.run(PacedSource(count, period_s=0), sink=PatientSink())
    assert overlapped == [True] * count
    assert engine.most_unread == num_requests


@pytest.mark.slow
def test_deadline_counts_frames_as_late_before_they_cost_anything() -> None:
    engine = PacedEngine(infer_s=0.08)
    bench = LiveBench(engine, flow=Flow(policy="deadline", deadline_ms=40))
    bench.run(PacedSource(200, period_s=0.01))
    assert bench.ledger.late > 50
    assert len(engine.sizes) <= bench.ledger.shown + 2, "those taken before one was measured"
    assert bench.ledger.shown >= 2, "there is a picture now and then"
    assert bench.ledger.over_deadline == bench.ledger.shown, "and it says how many were too old"


def test_max_fps_thins_the_stream_and_is_no_loss() -> None:
    bench = LiveBench(PacedEngine(), flow=Flow(policy="all", max_fps=10))
    bench.run(PacedSource(60, period_s=0.0))  # 30 a second by their own times
    assert bench.ledger.dropped == {"max-fps": 60 - bench.ledger.shown}
    assert bench.ledger.shown == pytest.approx(20, abs=1)
    assert bench.ledger.lost_share == 0


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("stage", ["source", "submit", "ticket", "sink"])
def test_failure_in_any_stage_returns_at_once_and_leaves_no_thread(stage: str, policy: Any) -> None:
    before = threading.active_count()
    engine = PacedEngine(fail_at=5 if stage in ("submit", "ticket") else None, where=stage)
    bench = LiveBench(engine, flow=Flow(policy=policy))
    source = PacedSource(20 if stage == "source" else 100_000, period_s=0.002, then="error")
    sink = SlowSink(write_s=0.001)
    if stage == "sink":
        sink = FailingSink(after=5)
    start_s = now_s()
    with pytest.raises(BrokenError, match=stage):
        bench.run(source, sink=sink)
    assert now_s() - start_s < SOON_S
    assert threading.active_count() == before
    assert source.num_stops == 1


class FailingSink(SlowSink):
    """Fails once it has taken some frames, whichever they are."""

    def __init__(self, *, after: int) -> None:
        super().__init__(write_s=0.001)
        self._after = after

    def write(self, canvas: Planes, *, frame: Frame) -> None:
        if len(self.log) == self._after:
            raise BrokenError("sink")
        super().write(canvas, frame=frame)


def test_failing_sink_does_not_wait_for_a_source_that_is_silent() -> None:
    class Failing(MemorySink):
        def write(self, canvas: Planes, *, frame: Frame) -> None:
            source.silent.wait(20)
            raise BrokenError("sink")

    source = PacedSource(2, period_s=0.001, then="silence")
    bench = LiveBench(PacedEngine(), flow=Flow())
    start_s = now_s()
    with pytest.raises(BrokenError, match="sink"):
        bench.run(source, sink=Failing())
    assert now_s() - start_s < SOON_S
    assert not any(thread.name == "decode" for thread in threading.enumerate())


def test_idling_is_told_while_the_source_is_silent_and_may_end_the_run() -> None:
    source = PacedSource(5, period_s=0.001, then="silence")
    bench = LiveBench(PacedEngine(), flow=Flow(policy="all"))
    idled: list[str] = []

    def on_idle() -> None:
        idled.append(threading.current_thread().name)
        if source.silent.is_set() and len(idled) > 3:
            source.stop()

    bench.run(source, on_idle=on_idle)
    assert set(idled) == {threading.current_thread().name}
    assert bench.witness.shown == [0, 1, 2, 3, 4]
    bench.ledger.check()


def test_idling_is_told_while_all_that_comes_is_lost() -> None:
    bench = LiveBench(PacedEngine(), flow=Flow(policy="all", max_fps=0.01))
    idled: list[int] = []
    bench.run(PacedSource(100, period_s=0.005), on_idle=lambda: idled.append(bench.ledger.read))
    assert len(idled) >= 2
    assert bench.ledger.shown == 1


@pytest.mark.parametrize("policy", POLICIES)
def test_stop_while_the_producer_waits_shows_what_was_read(policy: Any) -> None:
    bench = LiveBench(PacedEngine(), flow=Flow(policy=policy, deadline_ms=1e6))

    class StoppingSink(SlowSink):
        def write(self, canvas: Planes, *, frame: Frame) -> None:
            super().write(canvas, frame=frame)
            bench.stop = len(self.log) >= 5

    start_s = now_s()
    bench.run(PacedSource(100_000, period_s=0.0005), sink=StoppingSink(write_s=0.02))
    assert now_s() - start_s < SOON_S
    bench.ledger.check()
    assert bench.ledger.shown < 20
    assert bench.witness.order == list(range(bench.ledger.read))


def test_rate_and_latency_are_right_beyond_what_a_bounded_meter_keeps() -> None:
    meter, count = Meter.bounded(), SAMPLE_SIZE + 5000
    for index in range(count):
        handed_at_s = meter.start_s + 10 + index / 30
        meter.hand_on(since_s=handed_at_s - 0.04, handed_at_s=handed_at_s)
    assert len(meter.latency) == len(meter.handed_s) == SAMPLE_SIZE
    assert meter.fps == pytest.approx(30, rel=1e-4)
    assert meter.handed_s.values()[0] == pytest.approx(10)
    latency = meter.latency.percentiles(skip=meter.num_warmup)
    assert latency.n == count - meter.num_warmup
    assert latency.p99 == pytest.approx(40, abs=0.1)


def test_age_counts_from_capture_also_where_decoding_took_long() -> None:
    class LateDecoder(PacedSource):
        def __iter__(self) -> Any:
            for item in super().__iter__():
                time.sleep(0.05)
                yield item

    bench = LiveBench(PacedEngine(), flow=Flow())
    bench.run(LateDecoder(5, period_s=0.0))
    assert bench.meter.latency.values().min() >= 50
