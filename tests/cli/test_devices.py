"""Where a run computes when nobody said: on the GPU that torch sees, else on the CPU, and told."""

from pathlib import Path

import pytest

from losszero_rt.cli.devices import settle_device
from losszero_rt.engine import opening, torch_facts
from tests.cli.program import Program, read_json
from tests.media import write_clip


@pytest.mark.parametrize(
    ("driver", "num_gpus", "asked", "engine", "device"),
    [
        (True, 1, "auto", "auto", "cuda"),
        (True, 1, "auto", "tensorrt", "cuda"),
        (True, 1, "auto", "openvino", "auto"),
        (True, 1, "cpu", "auto", "cpu"),
        (True, 2, "cuda:1", "auto", "cuda:1"),
        (True, 0, "auto", "auto", "auto"),
        (False, 0, "auto", "auto", "auto"),
    ],
)
def test_auto_is_the_gpu_that_torch_sees(
    driver: bool,
    num_gpus: int,
    asked: str,
    engine: str,
    device: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch_facts, "has_nvidia_driver", lambda: driver)
    monkeypatch.setattr(torch_facts, "_num_gpus", lambda: num_gpus)
    options = {"device": asked, "engine": engine, "batch": 0}
    assert settle_device(options) == {**options, "device": device}


def test_gpu_that_torch_does_not_see_is_told(
    bundle: Path, program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = write_clip(tmp_path / "c.mp4")
    for module in (torch_facts, opening):
        monkeypatch.setattr(module, "has_nvidia_driver", lambda: True)
    report = tmp_path / "r.json"
    words = ("run", clip, "--model", bundle, "--force", "--out", tmp_path / "o.mp4")
    told = program.done(*words, "--report", report)
    assert read_json(report)["engine"] == "openvino"
    assert "openvino engine on the CPU: torch " in told.err
    assert "sees no GPU" in told.err
    asked = program.done(*words, "--device", "cpu")
    assert "GPU" not in asked.err
