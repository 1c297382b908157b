"""The gate of TensorRT engines, asked of the runtime's own runner over doubles of GPU and library.

The double of an engine says what is bright, whatever its bundle's network says; so what the gate
records can only have come out of the engine's file.
"""

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from export import tensorrt_parity
from export.child import ROOT
from export.deployed import DeployedGraph
from export.engine_request import EngineRequest
from export.gate import GateRequest, read_truth
from export.parity import compare, judge_labels
from export.tensorrt_parity import ProofRequest, prove
from losszero_rt.bundle import GATE, Bundle, find_bundle, seal
from losszero_rt.checkpoint import load_network
from losszero_rt.engine import tensorrt_engine
from losszero_rt.errors import ModelError
from tests.bundles import INPUT, SIZE, write_pairs, write_small_checkpoint
from tests.engine.tensorrt_double import TOO_MUCH, Compiled, Library, without_gpu, write_engines

pytestmark = [
    pytest.mark.skipif(
        find_spec("torch_tensorrt") is not None,
        reason="the real library is here: tests/gpu runs it",
    ),
    pytest.mark.slow,
]
TWIN = b"twin"


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    """What the runner asked of the library."""
    with without_gpu(monkeypatch, cache_folder=tmp_path / "cache") as (_, library):
        yield library


@pytest.fixture
def network(tmp_path: Path) -> nn.Module:
    return load_network(write_small_checkpoint(tmp_path / "checkpoint"))[0].eval()


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    return write_pairs(tmp_path / "pairs")


@pytest.fixture(autouse=True)
def builder(library: Library, network: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    """Builds a twin that is the network; engines are read from their files as ever."""
    load = tensorrt_engine.load_engine
    graph = DeployedGraph(
        network, spec=INPUT, labels_size=SIZE, dtype=torch.float32, ending="logits"
    )

    def load_either(content: bytes, *, device: torch.device) -> nn.Module:
        return graph.eval() if content == TWIN else load(content, device=device)

    def build(request: EngineRequest) -> None:
        Path(request.out).write_bytes(TWIN)

    monkeypatch.setattr(tensorrt_parity, "build_in_child", build)
    monkeypatch.setattr(tensorrt_engine, "load_engine", load_either)
    monkeypatch.setattr(tensorrt_engine, "find_gpu", torch.device)


def proof_of(bundle: Bundle, pairs: Path) -> dict[str, Any]:
    return prove(ProofRequest(bundle=str(bundle.path), labelled=str(pairs), device="cpu"))


def sealed_with(bundle: Bundle, record: dict[str, Any]) -> Bundle:
    text = json.dumps({"tensorrt": record}, allow_nan=False)
    (bundle.path / "parity.json").write_text(text)
    return seal(bundle)


def engine_that_says(threshold: int, *, batch: int) -> bytes:
    """A program whose engine calls bright what is above a threshold."""
    graph = Compiled(num_engines=1, cams=False).eval()
    graph.engine.fill_(threshold)
    file = io.BytesIO()
    torch.export.save(
        torch.export.export(graph, (torch.zeros(batch, *SIZE, 3, dtype=torch.float16),)), file
    )
    return file.getvalue()


def test_what_is_recorded_came_out_of_the_engine_as_the_runtime_runs_it(
    tmp_path: Path, network: nn.Module, pairs: Path, library: Library
) -> None:
    bundle = write_engines(tmp_path / "bundle", network=network)
    record = proof_of(bundle, pairs)
    assert (record["gate"], record["n"], record["device"]) == (GATE, 4, "Test GPU")
    assert set(record["precisions"]) == {"fp32 batch 1", "fp32 batch 3"}
    assert library.calls, "the runner replays through the library"
    truth = read_truth(GateRequest(bundle=str(bundle.path), labelled=str(pairs)))
    assert truth.verdict is not None

    def bright(inputs_NHWC: np.ndarray) -> np.ndarray:
        labels_NHW: np.ndarray = (inputs_NHWC[..., 0] > 127).astype(np.uint8)
        return labels_NHW

    verdict = judge_labels(bright, truth.pictures, spec=INPUT, classes=bundle.classmap)
    expected = compare(verdict, reference=truth.verdict)
    for batch in (1, 3):
        found = record["precisions"][f"fp32 batch {batch}"]
        assert {key: found[key] for key in expected} == expected
        assert set(found) == {*expected, "logits", "probes", "batches"}
        assert found["logits"]["share"] < 1e-3, "the twin's, which is the network"
        sizes = range(batch, 0, -1)
        assert set(found["batches"]) == {f"{size} of {batch}" for size in sizes}


def test_an_engine_that_is_not_the_network_is_refused_by_its_labels(
    tmp_path: Path, network: nn.Module, pairs: Path
) -> None:
    contents = {batch: engine_that_says(60, batch=batch) for batch in (1, 3)}
    bundle = write_engines(tmp_path / "bundle", network=network, contents=contents)
    proved = sealed_with(bundle, proof_of(bundle, pairs))
    assert "moves the mean IoU" in proved.parity_fault("tensorrt")
    with pytest.raises(ModelError, match=r"unverified: tensorrt: fp32 batch 1 moves"):
        find_bundle(proved.path)


def test_a_frozen_engine_is_refused(tmp_path: Path, network: nn.Module, pairs: Path) -> None:
    contents = {batch: engine_that_says(255, batch=batch) for batch in (1, 3)}
    bundle = write_engines(tmp_path / "bundle", network=network, contents=contents)
    proved = sealed_with(bundle, proof_of(bundle, pairs))
    assert "it is frozen" in proved.parity_fault("tensorrt")


def test_an_engine_that_overflows_is_asked_all_the_same(
    tmp_path: Path, network: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = write_engines(tmp_path / "bundle", network=network, cams=True)
    monkeypatch.setattr(
        "export.gate.edge_inputs", lambda spec: np.full((3, *spec.size, 3), TOO_MUCH, np.uint8)
    )
    record = prove(ProofRequest(bundle=str(bundle.path), device="cpu"))
    assert set(record["precisions"]) == {"fp32 batch 1", "fp32 batch 3"}


def test_the_proof_of_other_engines_is_none(
    tmp_path: Path, network: nn.Module, pairs: Path
) -> None:
    bundle = write_engines(tmp_path / "bundle", network=network)
    record = proof_of(bundle, pairs)
    (bundle.path / "tensorrt-b3.pt2").write_bytes(engine_that_says(127, batch=3) + b" ")
    assert sealed_with(bundle, record).parity_fault("tensorrt").startswith("no parity record")


def test_the_proving_process_answers_in_one_line_where_it_cannot(tmp_path: Path) -> None:
    bundle = write_engines(tmp_path / "bundle")
    words = json.dumps(asdict(ProofRequest(bundle=str(bundle.path))))
    command = [sys.executable, "-m", "export.tensorrt_parity", words]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert "not safetensors" in done.stderr or "weights" in done.stderr
