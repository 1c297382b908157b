"""The eager engine."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from losszero_rt.bundle import WEIGHTS_NAME, Bundle, seal
from losszero_rt.engine import EngineOptions
from losszero_rt.engine import torch_facts as torch_facts_module
from losszero_rt.engine.eager_engine import EagerEngine
from losszero_rt.engine.overflowing import FrameOverflowError
from losszero_rt.engine.torch_facts import torch_facts
from losszero_rt.errors import ModelError, NotFiniteError
from tests.bundles import draw_inputs
from tests.engine.promises import EnginePromises


class TestEagerEngine(EnginePromises):
    name = "eager"

    @pytest.fixture(autouse=True)
    def _restore_threads(self) -> Iterator[None]:
        num_threads = torch.get_num_threads()
        yield
        torch.set_num_threads(num_threads)


def test_missing_torch_names_the_command(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ModelError, match=r"pip install -e '\.\[export\]' in the checkout"):
        EagerEngine(bundle, options=EngineOptions())
    assert "pip install -e '.[export]'" in torch_facts()["absent"]


@pytest.mark.parametrize("module", ["torch", "safetensors"])
def test_what_is_missing_is_named(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    if module == "torch":  # the base install has neither
        monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    with pytest.raises(ModelError, match=f"import of {module}") as refusal:
        EagerEngine(bundle, options=EngineOptions())
    assert "GPU" not in str(refusal.value)


def test_gpu_that_is_not_there_is_said_before_torch_is(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    for there in (False, True):
        monkeypatch.setattr(torch_facts_module, "has_nvidia_driver", lambda there=there: there)
        with pytest.raises(ModelError, match="needs torch") as refusal:
            EagerEngine(bundle, options=EngineOptions(device="cuda"))
        assert ("no NVIDIA GPU is here for --device cuda" in str(refusal.value)) is not there


def test_precision_auto_is_fp32(bundle: Bundle) -> None:
    assert EagerEngine(bundle, options=EngineOptions()).info.precision == "fp32"


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_cuda_without_a_gpu_is_refused_not_replaced(bundle: Bundle) -> None:
    with pytest.raises(ModelError, match="sees 0 GPUs"):
        EagerEngine(bundle, options=EngineOptions(device="cuda"))


def test_logits_are_float_at_labels_size(bundle: Bundle) -> None:
    logits = EagerEngine(bundle, options=EngineOptions()).logits(draw_inputs(2))
    assert logits.shape == (2, 2, 64, 96)
    assert logits.dtype == torch.float32


@pytest.mark.parametrize("fault", ["nan", "missing", "unknown", "shape"])
def test_weights_that_do_not_fit_are_refused(bundle: Bundle, tmp_path: Path, fault: str) -> None:
    for name in bundle.files:
        (tmp_path / name).write_bytes(bundle.read(name))
    weights = load_file(tmp_path / WEIGHTS_NAME)
    key = "encoder.conv1.weight"
    if fault == "nan":
        weights[key][0] = torch.nan
    elif fault == "missing":
        del weights[key]
    elif fault == "unknown":
        weights["stranger"] = weights[key].clone()
    else:
        weights[key] = weights[key][:1].clone()
    save_file(weights, tmp_path / WEIGHTS_NAME)
    broken = seal(replace(bundle, path=tmp_path))
    with pytest.raises(ModelError, match="stranger" if fault == "unknown" else key):
        EagerEngine(broken, options=EngineOptions())


def test_truncated_safetensors_with_a_true_digest_are_refused(
    bundle: Bundle, tmp_path: Path
) -> None:
    for name in bundle.files:
        (tmp_path / name).write_bytes(bundle.read(name))
    (tmp_path / WEIGHTS_NAME).write_bytes(bundle.read(WEIGHTS_NAME)[:1000])
    with pytest.raises(ModelError, match="is not safetensors"):
        EagerEngine(seal(replace(bundle, path=tmp_path)), options=EngineOptions())


def test_frames_that_overflow_are_told_apart(bundle: Bundle) -> None:
    engine = EagerEngine(bundle, options=EngineOptions(batch=3))
    inputs_NHWC = draw_inputs(3)
    truth_NHW = engine.submit(inputs_NHWC).result()
    inner = engine._network
    assert inner is not None

    class Spoiled(torch.nn.Module):
        def forward(self, pixels_NCHW: torch.Tensor) -> torch.Tensor:
            assert inner is not None
            logits_NCHW: torch.Tensor = inner(pixels_NCHW)
            logits_NCHW[len(pixels_NCHW) // 2, 0, 0, 0] = torch.inf
            return logits_NCHW

    engine._network = Spoiled()
    ticket = engine.submit(inputs_NHWC)
    for _ in range(2):
        with pytest.raises(FrameOverflowError, match="the network overflows in fp32") as caught:
            ticket.result()
        assert caught.value.rows == {1}
        assert (caught.value.labels_nhw[[0, 2]] == truth_NHW[[0, 2]]).all()
    with pytest.raises(NotFiniteError):
        engine.logits(inputs_NHWC)
