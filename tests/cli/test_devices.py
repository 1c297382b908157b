"""Where a run computes when nobody said: on the GPU that torch sees, else on the CPU, and told."""

from pathlib import Path

import pytest
import torch

from losszero_rt.cli.devices import settle_device
from losszero_rt.engine import opening, torch_facts
from tests.cli.program import Program, read_json
from tests.media import write_clip


@pytest.mark.parametrize(
    ("driver", "num_gpus", "asked", "engine", "precision", "device"),
    [
        (True, 1, "auto", "auto", "auto", "cuda"),
        (True, 1, "auto", "auto", "fp16", "cuda"),
        (True, 1, "auto", "tensorrt", "int8", "cuda"),
        (True, 1, "auto", "auto", "int8", "auto"),
        (True, 1, "auto", "openvino", "auto", "auto"),
        (True, 1, "cpu", "auto", "auto", "cpu"),
        (True, 2, "cuda:1", "auto", "auto", "cuda:1"),
        (True, 0, "auto", "auto", "auto", "auto"),
        (False, 0, "auto", "auto", "auto", "auto"),
    ],
)
def test_auto_is_the_gpu_that_torch_sees(
    driver: bool,
    num_gpus: int,
    asked: str,
    engine: str,
    precision: str,
    device: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch_facts, "has_nvidia_driver", lambda: driver)
    monkeypatch.setattr(torch_facts, "_num_gpus", lambda: num_gpus)
    monkeypatch.setattr(torch_facts, "_gpu_fault", lambda: "")
    options = {"device": asked, "engine": engine, "precision": precision, "batch": 0}
    assert settle_device(options) == {**options, "device": device}


@pytest.mark.parametrize("lacking", ["segmentation_models_pytorch", "a working GPU"])
def test_auto_is_the_cpu_where_the_gpu_could_not_run_anything(
    lacking: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch_facts, "has_nvidia_driver", lambda: True)
    monkeypatch.setattr(torch_facts, "_num_gpus", lambda: 1)
    fault = "no kernel image is available" if lacking == "a working GPU" else ""
    monkeypatch.setattr(torch_facts, "_gpu_fault", lambda: fault)
    if not fault:
        monkeypatch.setattr(torch_facts, "find_spec", lambda name: None)
    options = {"device": "auto", "engine": "auto", "precision": "auto"}
    assert settle_device(options) == options
    assert (fault or "networks are built with") in torch_facts.why_no_gpu()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_what_a_gpu_that_cannot_compute_says_is_told() -> None:
    assert torch_facts._gpu_fault()


def test_gpu_that_torch_does_not_see_is_told(
    bundle: Path, program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = write_clip(tmp_path / "c.mp4")
    for module in (torch_facts, opening):
        monkeypatch.setattr(module, "has_nvidia_driver", lambda: True)
    monkeypatch.setattr(torch_facts, "_num_gpus", lambda: 0)
    monkeypatch.delenv("LOSSZERO_DEVICE", raising=False)
    report = tmp_path / "r.json"
    words = ("run", clip, "--model", bundle, "--force", "--out", tmp_path / "o.mp4")
    told = program.done(*words, "--report", report)
    assert read_json(report)["engine"] == "openvino"
    assert "openvino engine on the CPU: torch " in told.err
    assert "sees no GPU" in told.err
    asked = program.done(*words, "--device", "cpu")
    assert "GPU" not in asked.err
