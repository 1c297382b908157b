"""Order of the work on three streams, and reuse of the buffers."""

from collections import deque
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from losszero_rt.engine.cuda_slots import CudaSlots
from losszero_rt.engine.slot import Slot
from losszero_rt.errors import NotFiniteError
from losszero_rt.frame import Planes
from losszero_rt.preprocess import InputSpec
from tests.engine.simulated_gpu import (
    SimulatedEvent,
    SimulatedGpu,
    SimulatedStream,
    simulated,
)

SIZE = (32, 48)
SPEC = InputSpec(size=SIZE, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
BATCH = 2
SEEDS = range(8)
# The last one has another shape than the input, and so bars.
SOURCES = (72, 128), (40, 60), (48, 48)


class RedNetwork:
    """Says the red channel; one buffer in and two out for ever, as a CUDA graph has them.

    Its maps are green and blue.
    """

    def __init__(self) -> None:
        self.input = torch.empty((BATCH, *SIZE, 3), dtype=torch.uint8)
        self.output = torch.empty((BATCH, *SIZE), dtype=torch.int32)
        self.maps = torch.empty((BATCH, 2, *SIZE), dtype=torch.half)

    def __call__(self, inputs_NHWC: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        self.input.copy_(inputs_NHWC)
        self.output.copy_(self.input[..., 0])
        self.maps.copy_(self.input[..., 1:].permute(0, 3, 1, 2))
        return self.output, self.maps


@pytest.fixture(params=SEEDS)
def gpu(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedGpu]:
    with simulated(SimulatedGpu(seed=request.param), monkeypatch) as one:
        yield one


def new_slots(*, num_slots: int = 3) -> CudaSlots:
    return CudaSlots(
        RedNetwork(),
        device=torch.device("cpu"),
        batch=BATCH,
        spec=SPEC,
        labels_size=SIZE,
        cams_shape=(2, *SIZE),
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
            found.append(slots.fetch(waiting.popleft(), num_frames=BATCH).labels_Nhw)
        scratch[...] = draw(number)
        wanted.append(scratch[..., 0].copy())
        waiting.append(slots.send(scratch))
    found += [slots.fetch(slot, num_frames=BATCH).labels_Nhw for slot in waiting]
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
    found = slots.fetch(slot, num_frames=BATCH)
    np.testing.assert_array_equal(found.labels_Nhw, inputs_NHWC[..., 0])
    assert found.cams_Nhw is None
    assert found.spent_ms == 1.5


def test_of_a_short_batch_the_padding_is_cut(gpu: SimulatedGpu) -> None:
    slots = new_slots()
    inputs_NHWC = draw(3, num=1)
    found = slots.fetch(slots.send(inputs_NHWC), num_frames=1)
    np.testing.assert_array_equal(found.labels_Nhw, inputs_NHWC[..., 0])


def test_the_map_of_the_watched_class_comes_with_its_own_batch(gpu: SimulatedGpu) -> None:
    slots = new_slots()
    waiting = [(k, slots.send(draw(k), watched=k % 2)) for k in range(3)]
    for number, slot in waiting:
        found = slots.fetch(slot, num_frames=BATCH, watched=True)
        assert found.cams_Nhw is not None
        assert found.cams_Nhw.dtype == np.float32
        np.testing.assert_array_equal(found.cams_Nhw, draw(number)[..., 1 + number % 2])


def test_frames_become_the_inputs_that_the_processor_makes(gpu: SimulatedGpu) -> None:
    slots, waiting, wanted = new_slots(), deque[Slot](), []
    found = []
    for number in range(12):
        frames = [draw_planes(10 * number + k, size=SOURCES[number % 3]) for k in range(BATCH)]
        inputs_NHWC = np.zeros((BATCH, *SIZE, 3), np.uint8)
        for planes, input_HWC in zip(frames, inputs_NHWC, strict=True):
            SPEC.fill(planes, input_HWC)
        wanted.append(inputs_NHWC[..., 0])
        if slots.is_full:
            found.append(slots.fetch(waiting.popleft(), num_frames=BATCH).labels_Nhw)
        # Planes and inputs may take turns.
        is_ready_made = number % 4 == 3
        sent = slots.send(inputs_NHWC) if is_ready_made else slots.send_planes(frames)
        waiting.append(sent)
        for planes in frames:
            planes.y[...] = 0
    found += [slots.fetch(slot, num_frames=BATCH).labels_Nhw for slot in waiting]
    difference = np.abs(np.stack(found).astype(int) - np.stack(wanted))
    assert difference.max() <= 1


def draw_planes(seed: int, *, size: tuple[int, int]) -> Planes:
    rng = np.random.default_rng(seed)
    shapes = size, *[((size[0] + 1) // 2, (size[1] + 1) // 2)] * 2
    y, u, v = (rng.integers(0, 256, shape, np.uint8) for shape in shapes)
    return Planes(y=y, u=u, v=v, matrix="bt709")


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


def test_a_slot_is_free_again_where_the_network_overflows(gpu: SimulatedGpu) -> None:
    slots = new_slots(num_slots=2)
    network = slots._network

    def overflow(_: torch.Tensor) -> None:
        raise NotFiniteError("the compiled trunk part", precision="fp16")

    slots._network = overflow  # type: ignore[assignment]
    for number in range(5):
        with pytest.raises(NotFiniteError):
            slots.send(draw(number))
    slots._network = network
    found, wanted = run_through(slots, num=4)
    assert all(np.array_equal(*pair) for pair in zip(found, wanted, strict=True))
