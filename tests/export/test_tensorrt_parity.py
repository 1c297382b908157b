"""The proof of compiled engines, up to the engines themselves."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from export import cached_engine, tensorrt_parity
from export.cached_engine import prove_here
from export.deployed import DeployedGraph
from export.engine_request import EngineRequest
from export.loaded_engine import LoadedEngine
from export.probes import draw_inputs, edge_inputs
from export.tensorrt_parity import ProofRequest, check_alive, prove
from losszero_rt.bundle import GATE, Bundle, seal
from losszero_rt.checkpoint import load_network
from losszero_rt.engine import Engine, EngineInfo, EngineOptions, tensorrt_engine
from losszero_rt.engine.eager_engine import DoneTicket, EagerEngine
from losszero_rt.errors import ModelError
from losszero_rt.preprocess import InputSpec
from tests.bundles import INPUT, SIZE, write_pairs, write_small_checkpoint
from tests.bundles import draw_inputs as draw_bars
from tests.engine.tensorrt_double import write_engines

pytestmark = pytest.mark.slow

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
    return write_engines(tmp_path / "bundle", contents=contents, network=network, cams=True)


def graph_of(network: nn.Module, **options: Any) -> DeployedGraph:
    facts: dict[str, Any] = {"spec": INPUT, "labels_size": SIZE, "dtype": torch.float32}
    return DeployedGraph(network, **facts, **options).eval()


def loaded(network: nn.Module, bundle: Bundle, *, batch: int) -> LoadedEngine:
    device = torch.device("cpu")
    return LoadedEngine(network, bundle=bundle, batch=batch, precision="fp32", device=device)


class Wrong(nn.Module):
    """A graph whose labels are the network's, and something else is not."""

    def __init__(self, graph: DeployedGraph, mistake: str) -> None:
        super().__init__()
        self.deployed, self.mistake = graph, mistake

    def forward(self, pixels_NHWC: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        labels_NHW, cams_NChw = self.deployed(pixels_NHWC)
        if self.mistake == "frozen":
            return torch.ones_like(labels_NHW), cams_NChw
        if self.mistake == "other labels":
            labels_NHW[:, : SIZE[0] // 8] = 1
        # Frames of padding are black.
        if self.mistake == "neighbours" and pixels_NHWC[-1].any():
            labels_NHW = labels_NHW.flip(0)
        if self.mistake == "other maps":
            cams_NChw = cams_NChw.flip(1)
        if self.mistake == "overflow":
            white_N = pixels_NHWC.flatten(1).amin(1) == 255
            cams_NChw[white_N] = float("nan")
        return labels_NHW, cams_NChw


def draw_all_bars(spec: InputSpec) -> np.ndarray:
    """Pictures that the small network tells apart, as it does not drawn rides."""
    assert spec == INPUT
    return draw_bars(4)


@pytest.mark.parametrize("batch", [1, 3])
def test_an_engine_that_is_the_network_is_proved_here(
    bundle: Bundle, network: nn.Module, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cached_engine, "draw_inputs", draw_all_bars)
    engine = loaded(graph_of(network, cams=True), bundle, batch=batch)
    proof = prove_here(engine, bundle, gives_maps=True)
    assert proof["label_agreement"] > 0.999
    assert proof["cams"] > 0.999
    plain = loaded(graph_of(network), bundle, batch=batch)
    assert set(prove_here(plain, bundle, gives_maps=False)) == {"label_agreement"}


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        ("frozen", "4 different pictures the same labels"),
        ("other labels", "of the pixels the label of the network"),
        ("neighbours", "in a batch of"),
        ("other maps", "class activation maps in fp32 correlate"),
        ("overflow", r"overflows on probe pictures \[1\]"),
    ],
)
def test_what_a_build_gets_wrong_is_refused(
    bundle: Bundle,
    network: nn.Module,
    mistake: str,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cached_engine, "draw_inputs", draw_all_bars)
    engine = loaded(Wrong(graph_of(network, cams=True), mistake), bundle, batch=3)
    with pytest.raises(ModelError, match=said):
        prove_here(engine, bundle, gives_maps=True)


@pytest.fixture
def builder(
    bundle: Bundle, network: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> list[EngineRequest]:
    """A builder whose engines are the eager ones; remembers what it was asked for."""
    requests: list[EngineRequest] = []

    def build(request: EngineRequest) -> None:
        requests.append(request)
        Path(request.out).write_bytes(b"twin")

    @contextmanager
    def open_eager(bundle: Bundle, *, batch: int, device: str) -> Iterator[Engine]:
        yield EagerEngine(bundle, options=EngineOptions(batch=batch))

    monkeypatch.setattr(tensorrt_parity, "build_in_child", build)
    monkeypatch.setattr(tensorrt_parity, "opened", open_eager)
    twin = graph_of(network, ending="logits")
    monkeypatch.setattr(tensorrt_engine, "load_engine", lambda *_, **__: twin)
    return requests


@pytest.mark.slow
def test_a_proof_covers_every_engine_and_the_twin(
    bundle: Bundle, builder: list[EngineRequest], tmp_path: Path
) -> None:
    pairs = write_pairs(tmp_path / "pairs")
    request = ProofRequest(
        bundle=str(bundle.path), labelled=str(pairs), device="cpu", attention="plain"
    )
    record = prove(request)
    assert [(one.ending, one.attention) for one in builder] == [("logits", "plain")]
    assert set(record["precisions"]) == {"fp32 batch 1", "fp32 batch 3"}
    found = record["precisions"]["fp32 batch 3"]
    assert found["logits"]["share"] < 1e-3
    assert set(found["batches"]) == {"3 of 3", "2 of 3", "1 of 3"}
    assert min(record["cams"].values()) > 0.999
    assert set(record["cams"]) == set(record["precisions"])
    assert (record["n"], record["gate"]) == (4, GATE)
    (bundle.path / "parity.json").write_text(json.dumps({"tensorrt": record}))
    assert seal(bundle).is_verified


def test_a_twin_that_overflows_proves_the_engines_wrong(
    bundle: Bundle,
    builder: list[EngineRequest],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tensorrt_engine, "load_engine", lambda *_, **__: _Overflowing())
    pairs = write_pairs(tmp_path / "pairs")
    record = prove(ProofRequest(bundle=str(bundle.path), labelled=str(pairs), device="cpu"))
    (bundle.path / "parity.json").write_text(json.dumps({"tensorrt": record}))
    assert "overflows" in seal(bundle).parity_fault("tensorrt")


class _Overflowing(nn.Module):
    def forward(self, pixels_NHWC: torch.Tensor) -> torch.Tensor:
        return torch.full((1, 2, SIZE[0] // 4, SIZE[1] // 4), float("inf"))


def test_a_proof_without_labelled_pictures_proves_nothing_to_the_runtime(
    bundle: Bundle, builder: list[EngineRequest]
) -> None:
    record = prove(ProofRequest(bundle=str(bundle.path), device="cpu"))
    (bundle.path / "parity.json").write_text(json.dumps({"tensorrt": record}))
    assert not seal(bundle).is_verified
