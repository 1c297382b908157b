"""Frames handed over as planes to an engine that asks for them, and to no other."""

from collections.abc import Sequence

import numpy as np
import pytest

from losszero_rt.engine import Engine, PlanesEngine
from losszero_rt.frame import Planes
from losszero_rt.pipeline.batcher import Batch, Batcher
from losszero_rt.preprocess import InputSpec
from tests.pipeline.doubles import SPEC, EchoEngine, EchoTicket, frame, stream


class PlanesEchoEngine(EchoEngine):
    """An engine that makes inputs by itself; being given one would be an error."""

    def submit(self, inputs_NHWC: np.ndarray) -> EchoTicket:
        raise AssertionError("it asked for planes")

    def submit_planes(self, frames: Sequence[Planes]) -> EchoTicket:
        inputs_NHWC = np.zeros((len(frames), *SPEC.size, 3), np.uint8)
        for planes, input_HWC in zip(frames, inputs_NHWC, strict=True):
            SPEC.fill(planes, input_HWC)
        return super().submit(inputs_NHWC)


def run(engine: Engine, *, spec: InputSpec = SPEC, count: int = 7) -> list[Batch]:
    batcher = Batcher(engine, spec=spec, num_requests=2)
    return list(batcher.batches(stream(count, lost=(2,))))


def labels_of(batches: list[Batch]) -> np.ndarray:
    return np.concatenate([one.ticket.result() for one in batches if one.ticket is not None])


@pytest.mark.parametrize("batch", [1, 3])
def test_labels_are_the_same_whoever_makes_the_inputs(batch: int) -> None:
    engine = PlanesEchoEngine(batch=batch)
    assert isinstance(engine, PlanesEngine)
    found, wanted = run(engine), run(EchoEngine(batch=batch))
    np.testing.assert_array_equal(labels_of(found), labels_of(wanted))
    assert [one.placements for one in found] == [one.placements for one in wanted]
    assert sum(engine.sizes) == 6
    assert max(engine.sizes) == batch


def test_a_batch_without_frames_is_not_submitted() -> None:
    engine = PlanesEchoEngine(batch=2)
    (last,) = Batcher(engine, spec=SPEC, num_requests=2).batches(stream(1, lost=(0,)))
    assert last.ticket is None
    assert not engine.sizes


def test_other_engines_are_given_inputs() -> None:
    engine = EchoEngine(batch=1)
    assert not isinstance(engine, PlanesEngine)
    (batch,) = Batcher(engine, spec=SPEC, num_requests=2).batches([frame(5)])
    assert batch.ticket is not None
    assert batch.preprocess_ms > 0
