"""CUDA graphs, streams and buffers: replays are what runs are, and nothing is overwritten."""

import gc
from collections import deque

import numpy as np
import pytest
import torch

from losszero_rt.bundle import Bundle
from losszero_rt.engine import Engine, EngineOptions, Ticket, open_engine
from losszero_rt.engine.tensorrt_engine import import_tensorrt, load_engine
from tests.gpu.bundles import noisy_inputs, ride_inputs

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(1800)]

NUM_FRAMES = 100
NUM_CALLS = 1000
GROWTH_MAX_BYTES = 8 * 2**20


@pytest.fixture(scope="module")
def engine(shipped: Bundle) -> Engine:
    """The engine as the runtime opens it."""
    return open_engine(shipped, name="tensorrt", options=EngineOptions(num_requests=4))


@pytest.fixture(scope="module")
def network(shipped: Bundle) -> torch.nn.Module:
    """The same engine without graphs and slots."""
    return load_engine(shipped.read("tensorrt-b1.pt2"), device=torch.device("cuda", 0))


@pytest.fixture(scope="module", name="inputs_NHWC")
def draw_all(shipped: Bundle) -> np.ndarray:
    """Frames that are all different."""
    halves = ride_inputs(shipped, num=NUM_FRAMES // 2), noisy_inputs(shipped, num=NUM_FRAMES // 2)
    return np.concatenate(halves)


def plain(
    network: torch.nn.Module, inputs_NHWC: np.ndarray, *, stream: torch.cuda.Stream
) -> np.ndarray:
    """Run frame by frame without CUDA graphs, waiting after each."""
    labels = []
    with torch.cuda.stream(stream), torch.inference_mode():
        for pixels_HWC in inputs_NHWC:
            values = torch.from_numpy(pixels_HWC[None]).cuda()
            labels_NHW, _ = network(values)
            labels.append(labels_NHW.to(torch.uint8).cpu().numpy()[0])
            stream.synchronize()
    return np.stack(labels)


def new_stream() -> torch.cuda.Stream:
    made: torch.cuda.Stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    return made


def pipelined(engine: Engine, inputs_NHWC: np.ndarray) -> np.ndarray:
    """Run with four frames under way, from one array that is used again."""
    waiting: deque[Ticket] = deque()
    labels, scratch = [], np.empty_like(inputs_NHWC[:1])
    for pixels_HWC in inputs_NHWC:
        if len(waiting) == 4:
            labels.append(waiting.popleft().result()[0])
        scratch[0] = pixels_HWC
        waiting.append(engine.submit(scratch))
    labels += [ticket.result()[0] for ticket in waiting]
    return np.stack(labels)


def test_replays_are_bit_identical_to_runs(
    engine: Engine, network: torch.nn.Module, inputs_NHWC: np.ndarray
) -> None:
    expected = plain(network, inputs_NHWC, stream=new_stream())
    np.testing.assert_array_equal(pipelined(engine, inputs_NHWC), expected)
    assert len({labels_HW.tobytes() for labels_HW in expected}) > NUM_FRAMES // 2


def test_earlier_labels_stay_after_later_calls(engine: Engine, inputs_NHWC: np.ndarray) -> None:
    first = engine.submit(inputs_NHWC[:1]).result()
    kept = first.copy()
    pipelined(engine, inputs_NHWC[1:])
    np.testing.assert_array_equal(first, kept)


def test_outputs_of_replays_are_the_callers(
    network: torch.nn.Module, inputs_NHWC: np.ndarray
) -> None:
    runtime = import_tensorrt().runtime
    first, second = (torch.from_numpy(inputs_NHWC[k : k + 1]).cuda() for k in (0, 50))
    torch.cuda.synchronize()
    with torch.cuda.stream(new_stream()), torch.inference_mode():
        with runtime.enable_cudagraphs(network) as replayed:
            labels, cams = replayed(first)
            kept = labels.clone(), cams.clone()
            replayed(second)
        torch.cuda.current_stream().synchronize()
    assert torch.equal(labels, kept[0])
    assert torch.equal(cams, kept[1])


def test_another_stream_gives_the_same_labels(
    network: torch.nn.Module, inputs_NHWC: np.ndarray
) -> None:
    frames = inputs_NHWC[:10]
    one, other = (plain(network, frames, stream=new_stream()) for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_a_thousand_calls_take_no_more_memory(engine: Engine, inputs_NHWC: np.ndarray) -> None:
    pipelined(engine, inputs_NHWC)
    gc.collect()
    torch.cuda.synchronize()
    allocated, (free, _) = torch.cuda.memory_allocated(), torch.cuda.mem_get_info()
    for _ in range(NUM_CALLS // NUM_FRAMES):
        pipelined(engine, inputs_NHWC)
    torch.cuda.synchronize()
    assert torch.cuda.memory_allocated() == allocated
    assert free - torch.cuda.mem_get_info()[0] <= GROWTH_MAX_BYTES


def test_two_engines_at_once_do_not_disturb_each_other(
    shipped: Bundle, engine: Engine, inputs_NHWC: np.ndarray
) -> None:
    second = open_engine(shipped, name="tensorrt", options=EngineOptions(num_requests=4))
    expected = pipelined(engine, inputs_NHWC[:20])
    for k in range(20):
        one, other = (each.submit(inputs_NHWC[k : k + 1]) for each in (engine, second))
        np.testing.assert_array_equal(one.result()[0], expected[k])
        np.testing.assert_array_equal(other.result()[0], expected[k])
    second.close()
    np.testing.assert_array_equal(pipelined(engine, inputs_NHWC[:20]), expected)


def test_padding_of_a_short_batch_changes_nothing(shipped: Bundle) -> None:
    full = open_engine(shipped, name="tensorrt", options=EngineOptions(batch=8))
    frames = ride_inputs(shipped, num=8)
    whole = full.submit(frames).result()
    np.testing.assert_array_equal(full.submit(frames[:3]).result(), whole[:3])
    full.close()
