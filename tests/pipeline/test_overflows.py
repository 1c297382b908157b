"""Frames whose values overflow are lost, and told; many in a row end a run."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from losszero_rt.errors import NotFiniteError
from losszero_rt.pipeline.flow import Flow
from losszero_rt.pipeline.overflows import IN_A_ROW_MAX
from tests.pipeline.doubles import EchoEngine, EchoTicket, MemorySink, stream
from tests.pipeline.paced import PacedEngine, PacedSource, PacedTicket
from tests.pipeline.test_live_pipeline import LiveBench
from tests.pipeline.test_pipeline import Bench, Recorder

FAULT = "the network overflows in fp16"


class OverflowingTicket(EchoTicket):
    def result(self) -> np.ndarray:
        raise NotFiniteError("the network", precision="fp16")


class OverflowingEngine(EchoEngine):
    """Overflows on frames of some levels, which in a stream are their indices."""

    def __init__(self, levels: set[int], *, batch: int = 1) -> None:
        super().__init__(batch=batch)
        self._levels = levels

    def submit(self, inputs_NHWC: np.ndarray) -> EchoTicket:
        ticket = super().submit(inputs_NHWC)
        found = {int(pixels_HWC[40, 40, 0]) for pixels_HWC in inputs_NHWC}
        return OverflowingTicket(ticket.result(), fail=False) if found & self._levels else ticket


def test_a_frame_that_overflows_is_lost_and_its_neighbours_are_shown() -> None:
    bench, sink, recorder = Bench(OverflowingEngine({5, 6, 20})), MemorySink(), Recorder()
    bench.run(stream(30, lost=(7,)), sink=sink, outlets=[recorder])
    shown = [index for index in range(30) if index not in (5, 6, 7, 20)]
    assert [index for index, _ in recorder.shown] == shown
    assert all(label == index % 6 for index, label in recorder.shown)
    assert recorder.lost == [5, 6, 7, 20]
    assert [n for kind, n in sink.log if kind == "frame"] == shown
    assert [n for kind, n in sink.log if kind == "cargo"] == list(range(30))
    bench.ledger.check()
    assert bench.ledger.dropped == {"overflow": 3}


@settings(max_examples=25, deadline=None)
@given(levels=st.sets(st.integers(0, 39), max_size=9), batch=st.integers(1, 4))
def test_the_sums_hold_whatever_overflows(levels: set[int], batch: int) -> None:
    bench, recorder = Bench(OverflowingEngine(levels, batch=batch)), Recorder()
    try:
        bench.run(stream(40), sink=None, outlets=[recorder])
    except NotFiniteError:
        assert batch > 1, "nine frames are never too many by themselves"
        return
    bench.ledger.check()
    lost = {index for level in levels for index in _batch_of(level, batch)}
    assert recorder.lost == sorted(lost)
    assert bench.ledger.shown == 40 - len(lost)


def _batch_of(index: int, batch: int) -> range:
    first = index // batch * batch
    return range(first, min(first + batch, 40))


@pytest.mark.parametrize("batch", [1, 4])
def test_many_in_a_row_end_the_run(batch: int) -> None:
    levels = set(range(8, 8 + IN_A_ROW_MAX))
    bench, recorder = Bench(OverflowingEngine(levels, batch=batch)), Recorder()
    with pytest.raises(NotFiniteError, match=FAULT):
        bench.run(stream(40), sink=None, outlets=[recorder])
    assert [index for index, _ in recorder.shown] == list(range(8))


def test_a_short_clip_of_which_nothing_is_left_is_an_error() -> None:
    bench = Bench(OverflowingEngine(set(range(3))))
    with pytest.raises(NotFiniteError, match=FAULT):
        bench.run(stream(3), sink=None, outlets=[Recorder()])


class LateOverflow(PacedTicket):
    def result(self) -> np.ndarray:
        super().result()
        raise NotFiniteError("the network", precision="fp16")


class PacedOverflowingEngine(PacedEngine):
    def submit(self, inputs_NHWC: np.ndarray) -> PacedTicket:
        ticket = super().submit(inputs_NHWC)
        if len(self.sizes) % 5 == 0:
            ticket.__class__ = LateOverflow
        return ticket


@pytest.mark.parametrize("policy", ["latest", "deadline", "all"])
def test_a_live_run_goes_on_behind_it(policy: str) -> None:
    bench = LiveBench(PacedOverflowingEngine(), flow=Flow(policy=policy))  # type: ignore[arg-type]
    bench.run(PacedSource(30, period_s=0.02))
    bench.ledger.check()
    assert bench.ledger.dropped["overflow"] >= 2
    assert bench.ledger.shown >= 10
