"""The proof of compiled engines, up to the engines themselves."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from export import tensorrt_parity
from export.cached_engine import agreement_of
from export.compile_tensorrt import EngineRequest
from export.deployed import DeployedGraph
from export.tensorrt_parity import (
    ProofRequest,
    check_alive,
    difference,
    draw_inputs,
    edge_inputs,
    prove,
)
from losszero_rt.bundle import Bundle, seal
from losszero_rt.checkpoint import load_network
from losszero_rt.engine import Engine, EngineInfo, EngineOptions, tensorrt_engine
from losszero_rt.engine.eager_engine import DoneTicket, EagerEngine
from losszero_rt.errors import ModelError
from tests.bundles import INPUT, SIZE, write_pairs, write_small_checkpoint
from tests.bundles import draw_inputs as draw_bars
from tests.engine.tensorrt_double import write_engines

INFO = EngineInfo(
    name="tensorrt",
    device="Test GPU",
    precision="fp16",
    precision_asked="auto",
    input_size=SIZE,
    labels_size=SIZE,
    batch=4,
    threads=0,
    version="",
)


class BrightEngine:
    """Says what is bright; subclasses do it wrong."""

    def __init__(self, *, batch: int = 4) -> None:
        self.info = replace(INFO, batch=batch)

    def submit(self, inputs_NHWC: np.ndarray) -> DoneTicket:
        return DoneTicket(self.labels_of(inputs_NHWC), infer_ms=1.0)

    def labels_of(self, inputs_NHWC: np.ndarray) -> np.ndarray:
        return (inputs_NHWC[..., 0] > 127).astype(np.uint8)

    def watch(self, class_id: int | None) -> None:
        pass

    def close(self) -> None:
        pass


class FrozenEngine(BrightEngine):
    def labels_of(self, inputs_NHWC: np.ndarray) -> np.ndarray:
        return np.zeros(inputs_NHWC.shape[:3], np.uint8)


class MixingEngine(BrightEngine):
    def labels_of(self, inputs_NHWC: np.ndarray) -> np.ndarray:
        return super().labels_of(inputs_NHWC[::-1])


@pytest.mark.parametrize("batch", [1, 2, 4])
def test_an_engine_that_answers_to_each_frame_is_alive(batch: int) -> None:
    check_alive(BrightEngine(batch=batch), draw_bars(3))


def test_a_frozen_engine_is_caught() -> None:
    with pytest.raises(ModelError, match="3 different pictures the same labels"):
        check_alive(FrozenEngine(), draw_bars(3))


def test_frames_that_change_places_are_caught() -> None:
    with pytest.raises(ModelError, match=r"in a batch of \d a frame keeps"):
        check_alive(MixingEngine(), draw_bars(3))


def test_equal_logits_differ_by_nothing() -> None:
    logits_NCHW = torch.randn(2, 3, 4, 4)
    assert difference(logits_NCHW, truth=logits_NCHW) == {"max": 0, "mean": 0, "share": 0}


def test_half_precision_is_near_enough_and_told() -> None:
    logits_NCHW = torch.randn(2, 3, 4, 4) * 8
    found = difference(logits_NCHW.half().float(), truth=logits_NCHW)
    assert 0 < found["mean"] < found["max"] < 0.01
    assert 0 < found["share"] < 1e-3


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_an_overflow_names_the_probe(bad: float) -> None:
    truth = torch.randn(3, 2, 4, 4)
    found = truth.clone()
    found[1, 0, 2, 2] = bad
    with pytest.raises(ModelError, match=r"overflows on probe pictures \[1\].*--precision fp32"):
        difference(found, truth=truth)


def test_logits_of_another_network_are_refused() -> None:
    with pytest.raises(ModelError, match="logits of the compiled network are off by"):
        difference(torch.randn(2, 3, 4, 4), truth=torch.randn(2, 3, 4, 4))


def test_probes_reach_both_ends_of_the_levels() -> None:
    edges_NHWC = edge_inputs(INPUT)
    assert edges_NHWC.shape == (3, *SIZE, 3)
    assert [int(one.mean()) for one in edges_NHWC[:2]] == [0, 255]
    assert edges_NHWC[2].std() > 60


def test_drawn_rides_are_different_scenes() -> None:
    drawn_NHWC = draw_inputs(INPUT, num=2)
    assert drawn_NHWC.shape == (2, *SIZE, 3)
    assert not np.array_equal(*drawn_NHWC)


@pytest.fixture
def network(tmp_path: Path) -> nn.Module:
    """A network that tells bright from dark."""
    return load_network(write_small_checkpoint(tmp_path / "checkpoint"))[0].eval()


@pytest.fixture
def bundle(tmp_path: Path, network: nn.Module, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    """A bundle with the network's weights and engines in name only."""
    monkeypatch.setenv("LOSSZERO_CACHE", str(tmp_path / "cache"))
    contents = {batch: bytes([batch]) for batch in (1, 3)}
    return write_engines(tmp_path / "bundle", contents=contents, network=network)


def graph_of(network: nn.Module, **options: Any) -> DeployedGraph:
    facts: dict[str, Any] = {"spec": INPUT, "labels_size": SIZE, "dtype": torch.float32}
    return DeployedGraph(network, **facts, **options).eval()


class Frozen(nn.Module):
    def forward(self, pixels_NHWC: torch.Tensor) -> torch.Tensor:
        return torch.full(pixels_NHWC.shape[:3], 1, dtype=torch.int32)


@pytest.mark.parametrize("batch", [1, 3])
def test_an_engine_that_is_the_network_agrees_with_it(
    bundle: Bundle, network: nn.Module, batch: int
) -> None:
    device = torch.device("cpu")
    assert agreement_of(graph_of(network), bundle, batch=batch, device=device) > 0.999
    assert agreement_of(Frozen(), bundle, batch=batch, device=device) < 0.99


def test_a_proof_covers_every_engine_and_the_twin(
    bundle: Bundle, network: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests: list[EngineRequest] = []

    def build(request: EngineRequest) -> None:
        requests.append(request)
        Path(request.out).write_bytes(b"twin")

    def open_eager(bundle: Bundle, *, batch: int, request: ProofRequest) -> Engine:
        return EagerEngine(bundle, options=EngineOptions(batch=batch))

    monkeypatch.setattr(tensorrt_parity, "build_in_child", build)
    monkeypatch.setattr(tensorrt_parity, "_open", open_eager)
    twin = graph_of(network, ending="logits")
    monkeypatch.setattr(tensorrt_engine, "load_engine", lambda *_, **__: twin)
    pairs = write_pairs(tmp_path / "pairs")
    asked = ProofRequest(bundle=str(bundle.path), labelled=str(pairs), device="cpu")
    record = prove(asked)
    assert [one.ending for one in requests] == ["logits"]
    assert record["logits"]["share"] < 1e-3
    assert set(record["precisions"]) == {"fp32 batch 1", "fp32 batch 3"}
    assert record["n"] == 4
    (bundle.path / "parity.json").write_text(json.dumps({"tensorrt": record}))
    assert seal(bundle).is_verified
    monkeypatch.setattr(tensorrt_engine, "load_engine", lambda *_, **__: _Overflowing())
    with pytest.raises(ModelError, match="overflows on probe pictures"):
        prove(asked)


class _Overflowing(nn.Module):
    def forward(self, pixels_NHWC: torch.Tensor) -> torch.Tensor:
        return torch.full((1, 2, *SIZE), float("inf"))


def test_a_proof_without_labelled_pictures_proves_nothing_to_the_runtime(
    bundle: Bundle, network: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tensorrt_parity, "prove_twin", lambda *_: {"share": 0.0})
    monkeypatch.setattr(
        tensorrt_parity,
        "_open",
        lambda one, *, batch, request: EagerEngine(one, options=EngineOptions(batch=batch)),
    )
    record = prove(ProofRequest(bundle=str(bundle.path), device="cpu"))
    assert record["precisions"] == {}
    (bundle.path / "parity.json").write_text(json.dumps({"tensorrt": record}))
    assert not seal(bundle).is_verified
