"""Frames whose values overflow are lost, and told; many in a row end a run."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from losszero_rt.engine.overflowing import FrameOverflowError
from losszero_rt.errors import NotFiniteError
from losszero_rt.pipeline.flow import Flow
from losszero_rt.pipeline.overflows import IN_A_ROW_MAX
from tests.pipeline.doubles import EchoEngine, EchoTicket, MemorySink, stream
from tests.pipeline.paced import PacedEngine, PacedSource, PacedTicket
from tests.pipeline.test_live_pipeline import LiveBench
from tests.pipeline.test_pipeline import Bench, Recorder

FAULT = "the network overflows in fp16"


class OverflowingTicket(EchoTicket):
    """Some frames of a submission overflowed, or nobody knows which."""

    def __init__(self, labels_NHW: np.ndarray, *, rows: frozenset[int] | None) -> None:
        super().__init__(labels_NHW, fail=False)
        self._labels, self._rows = labels_NHW, rows

    def result(self) -> np.ndarray:
        if self._rows is None:
            raise NotFiniteError("the network", precision="fp16")
        raise FrameOverflowError(
            "the network", precision="fp16", rows=self._rows, labels_nhw=self._labels
        )


class OverflowingEngine(EchoEngine):
    """Overflows on frames of some levels, which in a stream are their indices."""

    def __init__(self, levels: set[int], *, batch: int = 1, tells_which: bool = True) -> None:
        super().__init__(batch=batch)
        self._levels, self._tells_which = levels, tells_which

    def submit(self, inputs_NHWC: np.ndarray) -> EchoTicket:
        ticket = super().submit(inputs_NHWC)
        levels = inputs_NHWC[:, 40, 40, 0].tolist()
        rows = frozenset(row for row, level in enumerate(levels) if level in self._levels)
        if not rows:
            return ticket
        return OverflowingTicket(ticket.result(), rows=rows if self._tells_which else None)


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


@settings(max_examples=40, deadline=None)
@given(levels=st.sets(st.integers(0, 39), max_size=9), batch=st.integers(1, 16))
def test_the_sums_hold_whatever_overflows(levels: set[int], batch: int) -> None:
    bench, recorder = Bench(OverflowingEngine(levels, batch=batch)), Recorder()
    bench.run(stream(40), sink=None, outlets=[recorder])
    bench.ledger.check()
    assert recorder.lost == sorted(levels)
    assert recorder.shown == [(n, n % 6) for n in range(40) if n not in levels]


def test_where_nobody_knows_which_a_batch_is_lost() -> None:
    engine = OverflowingEngine({5, 20}, batch=4, tells_which=False)
    bench, recorder = Bench(engine), Recorder()
    bench.run(stream(40), sink=None, outlets=[recorder])
    bench.ledger.check()
    assert recorder.lost == [4, 5, 6, 7, 20, 21, 22, 23]


@pytest.mark.parametrize("batch", [1, 4])
def test_many_in_a_row_end_the_run(batch: int) -> None:
    levels = set(range(8, 8 + IN_A_ROW_MAX))
    bench, recorder = Bench(OverflowingEngine(levels, batch=batch)), Recorder()
    with pytest.raises(NotFiniteError, match=FAULT):
        bench.run(stream(40), sink=None, outlets=[recorder])
    assert [index for index, _ in recorder.shown] == list(range(8))
    assert recorder.lost == [n for n in range(8, 17) if batch == 1 or n < 16]


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
