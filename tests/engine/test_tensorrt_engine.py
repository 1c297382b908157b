"""The TensorRT engine over doubles of the library and the GPU."""

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from losszero_rt.bundle import Bundle
from losszero_rt.engine import Engine, EngineOptions, open_engine, tensorrt_engine
from losszero_rt.engine.cuda_slots import CudaSlots
from losszero_rt.engine.protocol import PlanesEngine
from losszero_rt.engine.tensorrt_engine import TensorRtEngine, load_engine, why_not
from losszero_rt.errors import ModelError, UsageError
from losszero_rt.frame import Planes
from tests.bundles import SIZE, draw_inputs
from tests.engine.promises import BATCH, EnginePromises
from tests.engine.simulated_gpu import SimulatedGpu
from tests.engine.tensorrt_double import (
    Library,
    engine_bytes,
    without_gpu,
    write_engines,
)

pytestmark = pytest.mark.skipif(
    find_spec("torch_tensorrt") is not None, reason="the real library is here: tests/gpu runs it"
)


@pytest.fixture(autouse=True)
def doubles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[SimulatedGpu, Library]]:
    with without_gpu(monkeypatch, cache_folder=tmp_path / "cache") as both:
        yield both


@pytest.fixture
def bundle(tmp_path: Path, doubles: object) -> Bundle:
    """A bundle with engines for batches of 1 and of 3."""
    return write_engines(tmp_path / "bundle")


def open_one(bundle: Bundle, **options: object) -> Engine:
    return TensorRtEngine(bundle, options=EngineOptions(**options))  # type: ignore[arg-type]


class TestTensorRtEngine(EnginePromises):
    """Keeps the promises of the protocol."""

    name = "tensorrt"

    def test_info_tells_what_runs(self, bundle: Bundle) -> None:
        info = self.open(bundle, batch=BATCH).info
        assert (info.name, info.device) == ("tensorrt", "Test GPU")
        assert info.precision == info.precision_asked == "fp32"
        assert (info.input_size, info.batch, info.threads) == (SIZE, BATCH, 0)
        assert info.version == "torch_tensorrt 2.14.0, tensorrt 11.1.0.106"
        assert info.trusted_by == "record"


def test_labels_are_those_of_a_hundred_different_frames(bundle: Bundle) -> None:
    engine = open_one(bundle, num_requests=4)
    inputs_NHWC = draw_inputs(100)
    for start in range(0, 100, 4):
        tickets = [engine.submit(inputs_NHWC[k : k + 1]) for k in range(start, start + 4)]
        for k, ticket in enumerate(tickets, start):
            np.testing.assert_array_equal(ticket.result()[0], inputs_NHWC[k, ..., 0] > 127)


def test_every_run_is_replayed_and_the_switch_is_given_back(
    bundle: Bundle, doubles: tuple[SimulatedGpu, Library]
) -> None:
    _, library = doubles
    engine = open_one(bundle)
    assert library.calls == [True, True], "captured before any other thread is at work"
    engine.submit(draw_inputs(1)).result()
    assert library.calls == [True] * 3
    assert not library.graphs_on


def test_more_tickets_than_slots_are_refused(bundle: Bundle) -> None:
    engine = open_one(bundle, num_requests=2)
    kept = [engine.submit(draw_inputs(1)) for _ in range(3)]
    with pytest.raises(ModelError, match="at most 3 unread tickets"):
        engine.submit(draw_inputs(1))
    kept[0].result()
    engine.submit(draw_inputs(1)).result()


def test_an_error_of_cuda_sticks(bundle: Bundle, doubles: tuple[SimulatedGpu, Library]) -> None:
    gpu, _ = doubles
    engine = open_one(bundle)
    ticket = engine.submit(draw_inputs(1))
    gpu.broken = "CUDA error: an illegal memory access was encountered\nmore lines"
    with pytest.raises(ModelError, match=r"while labels were fetched: CUDA error: an illegal"):
        ticket.result()
    gpu.broken = ""
    with pytest.raises(ModelError, match=r"failed before \(CUDA error: an illegal memory access"):
        engine.submit(draw_inputs(1))
    engine.close()


def test_a_failed_submission_sticks_too(
    bundle: Bundle, doubles: tuple[SimulatedGpu, Library]
) -> None:
    gpu, _ = doubles
    engine = open_one(bundle)
    gpu.broken = "CUDA out of memory"
    with pytest.raises(ModelError, match="half of --batch"):
        engine.submit(draw_inputs(1))
    gpu.broken = ""
    with pytest.raises(ModelError, match="failed before"):
        engine.submit(draw_inputs(1))


def test_maps_are_refused_of_an_engine_that_gives_none(bundle: Bundle) -> None:
    engine = open_one(bundle)
    engine.watch(None)
    with pytest.raises(ModelError, match=r"no class activation maps.*export.*eager"):
        engine.watch(1)
    with pytest.raises(UsageError, match="class id 9"):
        engine.watch(9)


def test_the_watched_class_changes_from_one_submission_to_the_next(tmp_path: Path) -> None:
    engine = open_one(write_engines(tmp_path / "maps", cams=True), batch=3)
    inputs_NHWC = draw_inputs(3)
    bright_Nhw = inputs_NHWC[:, ::4, ::4, 0].astype(np.float32) / 256
    silent = engine.submit(inputs_NHWC)
    engine.watch(1)
    bright = engine.submit(inputs_NHWC)
    engine.watch(0)
    dark = engine.submit(inputs_NHWC[:2])
    for ticket in (silent, bright, dark):
        assert np.array_equal(ticket.result(), (inputs_NHWC[..., 0] > 127)[: len(ticket.result())])
    assert silent.extras.cams_NHW is None
    assert bright.extras.cams_NHW is not None
    assert dark.extras.cams_NHW is not None
    assert bright.extras.cams_NHW.dtype == np.float32
    np.testing.assert_allclose(bright.extras.cams_NHW, bright_Nhw, atol=1e-3)
    np.testing.assert_allclose(dark.extras.cams_NHW, 1 - bright_Nhw[:2], atol=1e-3)


def test_maps_that_are_not_what_the_facts_say_are_refused(tmp_path: Path) -> None:
    bundle = write_engines(tmp_path / "lying", cams=True, batches=(1,), cams_size=[5, 5])
    with pytest.raises(ModelError, match=r"TensorRT refuses tensorrt-b1.pt2"):
        open_one(bundle)


def test_frames_may_be_handed_over_as_planes(bundle: Bundle) -> None:
    engine = open_one(bundle, batch=3)
    assert isinstance(engine, PlanesEngine)
    rng = np.random.default_rng(0)
    wanted, frames = np.zeros((2, *SIZE, 3), np.uint8), []
    for input_HWC in wanted:
        y, u, v = (rng.integers(0, 256, size, np.uint8) for size in ((90, 160), *[(45, 80)] * 2))
        frames.append(Planes(y=y, u=u, v=v))
        bundle.input_spec.fill(frames[-1], input_HWC)
    labels_NHW = engine.submit_planes(frames).result()
    assert labels_NHW.shape == (2, *SIZE)
    assert (labels_NHW == (wanted[..., 0] > 127)).mean() > 0.999


def test_the_cpu_is_refused(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    with pytest.raises(ModelError, match=r"cannot run on the cpu.*openvino"):
        open_one(bundle, device="cpu")


def test_a_gpu_without_room_names_a_smaller_batch(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_batches(monkeypatch, above=1)
    with pytest.raises(ModelError, match=r"no room for tensorrt-b3.pt2, a batch of 3.*--batch 1"):
        open_one(bundle, batch=3)


def test_a_gpu_without_room_is_given_smaller_batches_and_says_so(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_batches(monkeypatch, above=1)
    heard: list[str] = []
    options = EngineOptions(batch=3)
    engine = open_engine(bundle, name="tensorrt", options=options, say=heard.append)
    assert engine.info.batch == 1
    assert len(heard) == 1
    assert "going on with batches of 1" in heard[0]


def test_a_gpu_without_room_for_one_frame_is_an_error(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_batches(monkeypatch, above=0)
    with pytest.raises(ModelError, match=r"no room.*--engine eager"):
        open_engine(bundle, name="tensorrt", options=EngineOptions())


def refuse_batches(monkeypatch: pytest.MonkeyPatch, *, above: int) -> None:
    """Let the GPU's memory be full for batches above a size."""
    real = CudaSlots.send

    def send(self: CudaSlots, inputs_NHWC: np.ndarray, **options: Any) -> object:
        if len(inputs_NHWC) > above:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return real(self, inputs_NHWC, **options)

    monkeypatch.setattr(CudaSlots, "send", send)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)


def test_a_truncated_engine_is_an_error_with_the_first_cause(tmp_path: Path) -> None:
    bundle = write_engines(tmp_path / "cut", batches=(1,), contents={1: engine_bytes(1)[:3000]})
    with pytest.raises(ModelError, match=r"TensorRT refuses tensorrt-b1.pt2: .*central directory"):
        open_one(bundle)


def test_a_graph_of_two_engines_is_refused(tmp_path: Path) -> None:
    contents = {1: engine_bytes(1, num_engines=2)}
    bundle = write_engines(tmp_path / "two", batches=(1,), contents=contents)
    with pytest.raises(ModelError, match=r"2 TensorRT engines. exactly one"):
        open_one(bundle)


def test_a_changed_engine_is_refused_before_it_is_deserialised(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = bundle.path / "tensorrt-b1.pt2"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    monkeypatch.setattr(torch.export, "load", lambda *_: pytest.fail("was deserialised"))
    with pytest.raises(ModelError, match="sha256"):
        open_one(bundle)


def test_an_engine_of_a_stranger_is_not_deserialised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = write_engines(tmp_path / "strange", trusted=False)
    assert "is code" in why_not(bundle, options=EngineOptions())
    assert open_one(bundle, trust_engine=True).info.trusted_by == "--trust-engine"
    monkeypatch.setattr(torch.export, "load", lambda *_: pytest.fail("was deserialised"))
    with pytest.raises(ModelError, match=r"is code, and no record.*--trust-engine"):
        open_one(bundle)


def test_loading_gives_a_network_without_guards() -> None:
    network = load_engine(engine_bytes(1), device=torch.device("cpu"))
    labels_NHW = network(torch.from_numpy(draw_inputs(1)))
    assert labels_NHW.dtype == torch.int32
    assert not list(network.program.named_children())


def test_engines_are_given_what_they_take() -> None:
    """Their runtime knows no uint8, and halves hold every level exactly."""
    network = load_engine(engine_bytes(1), device=torch.device("cpu"))
    given: list[torch.Tensor] = []
    network.program.register_forward_pre_hook(lambda _, arguments: given.append(*arguments))
    levels = torch.arange(256, dtype=torch.uint8).repeat(SIZE[0] * SIZE[1] * 3 // 256)
    pixels_1HWC = levels.reshape(1, *SIZE, 3)
    network(pixels_1HWC)
    assert [one.dtype for one in given] == [network.dtype] == [torch.float16]
    assert torch.equal(given[0].to(torch.uint8), pixels_1HWC)


def test_a_library_that_does_not_import_names_the_way_without(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch_tensorrt", None)
    with pytest.raises(ModelError, match=r"needs torch_tensorrt.*'\.\[tensorrt\]'"):
        open_one(bundle)


def test_libraries_that_do_not_load_are_a_reason_and_no_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = write_engines(tmp_path / "bundle", batches=(1,))
    monkeypatch.setattr(tensorrt_engine, "find_spec", lambda _: object())
    for name in ("tensorrt", "torch_tensorrt"):
        monkeypatch.setitem(sys.modules, name, None)
    assert "needs torch_tensorrt" in why_not(bundle, options=EngineOptions())
