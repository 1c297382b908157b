"""Order of the work on three streams, and reuse of the buffers."""

from collections import deque
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from losszero_rt.engine.cuda_slots import CudaSlots, Slot
from tests.engine.simulated_gpu import (
    SimulatedEvent,
    SimulatedGpu,
    SimulatedStream,
    simulated,
)

SIZE = (2, 3)
BATCH = 2
SEEDS = range(8)


class RedNetwork:
    """Says the red channel; one input and one output buffer for ever, as a CUDA graph has them."""

    def __init__(self) -> None:
        self.input = torch.empty((BATCH, *SIZE, 3), dtype=torch.uint8)
        self.output = torch.empty((BATCH, *SIZE), dtype=torch.int32)

    def __call__(self, inputs_NHWC: torch.Tensor) -> torch.Tensor:
        self.input.copy_(inputs_NHWC)
        self.output.copy_(self.input[..., 0])
        return self.output


@pytest.fixture(params=SEEDS)
def gpu(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedGpu]:
    with simulated(SimulatedGpu(seed=request.param), monkeypatch) as one:
        yield one


def new_slots(*, num_slots: int = 3) -> CudaSlots:
    return CudaSlots(
        RedNetwork(),
        device=torch.device("cpu"),
        batch=BATCH,
        input_size=SIZE,
        labels_size=SIZE,
        num_slots=num_slots,
    )


def draw(number: int, *, num: int = BATCH) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, (num, *SIZE, 3), np.uint8)


def run_through(slots: CudaSlots, *, num: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Send batches, as many under way as there are slots, from one array that is used again."""
    scratch = np.empty((BATCH, *SIZE, 3), np.uint8)
    waiting: deque[Slot] = deque()
    found, wanted = [], []
    for number in range(num):
        if slots.is_full:
            found.append(slots.fetch(waiting.popleft(), num_frames=BATCH)[0])
        scratch[...] = draw(number)
        wanted.append(scratch[..., 0].copy())
        waiting.append(slots.send(scratch))
    found += [slots.fetch(slot, num_frames=BATCH)[0] for slot in waiting]
    return found, wanted


@pytest.mark.parametrize("num_slots", [1, 3, 4])
def test_every_batch_gets_its_own_labels(gpu: SimulatedGpu, num_slots: int) -> None:
    found, wanted = run_through(new_slots(num_slots=num_slots), num=20)
    np.testing.assert_array_equal(np.stack(found), np.stack(wanted))


def test_nothing_is_allocated_on_the_way_in(gpu: SimulatedGpu) -> None:
    slots = new_slots()
    inputs_NHWC = draw(0)
    before = gpu.num_allocations
    slot = slots.send(inputs_NHWC)
    assert gpu.num_allocations == before
    labels_NHW, spent_ms = slots.fetch(slot, num_frames=BATCH)
    np.testing.assert_array_equal(labels_NHW, inputs_NHWC[..., 0])
    assert spent_ms == 1.5


def test_of_a_short_batch_the_padding_is_cut(gpu: SimulatedGpu) -> None:
    slots = new_slots()
    inputs_NHWC = draw(3, num=1)
    labels_NHW, _ = slots.fetch(slots.send(inputs_NHWC), num_frames=1)
    np.testing.assert_array_equal(labels_NHW, inputs_NHWC[..., 0])


def test_closing_waits_for_what_is_under_way(gpu: SimulatedGpu) -> None:
    slots = new_slots()
    slots.send(draw(0))
    slots.close()
    slots.close()
    assert not any(stream.work for stream in gpu.streams)
    assert slots.is_full


def test_the_host_sleeps_while_it_waits(gpu: SimulatedGpu) -> None:
    done: object = new_slots().send(draw(0)).done
    assert isinstance(done, SimulatedEvent)
    assert done.is_blocking


@pytest.mark.parametrize(
    ("owner", "forgotten"), [(SimulatedStream, "wait_event"), (SimulatedEvent, "synchronize")]
)
def test_a_forgotten_wait_would_be_seen(
    owner: type, forgotten: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, forgotten, lambda *_: None)
    monkeypatch.setattr(SimulatedEvent, "elapsed_time", lambda *_: 0.0)
    num_wrong = 0
    for seed in SEEDS:
        with simulated(SimulatedGpu(seed=seed), monkeypatch):
            found, wanted = run_through(new_slots(), num=20)
        num_wrong += not np.array_equal(np.stack(found), np.stack(wanted))
    assert num_wrong > len(SEEDS) // 2
