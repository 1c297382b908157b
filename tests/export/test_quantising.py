"""Eight-bit networks by nvidia-modelopt, and what is said without it."""

import sys
from importlib.util import find_spec

import numpy as np
import pytest
import torch

from export.engine_request import TensorRtPrecision
from export.quantising import check_precision, draw_rides, import_modelopt, quantise
from losszero_rt.errors import ModelError
from losszero_rt.preprocess import InputSpec
from tests.needing import need_modelopt

SPEC = InputSpec(size=(64, 96), mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


def test_without_the_library_the_way_to_get_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "modelopt", None)
    monkeypatch.setitem(sys.modules, "modelopt.torch.quantization", None)
    with pytest.raises(ModelError, match=r"need nvidia-modelopt.*\.\[quantise\]"):
        import_modelopt()


@pytest.mark.skipif(find_spec("modelopt") is not None, reason="nvidia-modelopt is here")
@pytest.mark.parametrize("precision", ["int8", "fp8"])
def test_eight_bits_are_refused_without_their_library(precision: TensorRtPrecision) -> None:
    check_precision("fp16")
    with pytest.raises(ModelError, match=rf"{precision} needs nvidia-modelopt"):
        check_precision(precision)


def test_ranges_are_measured_on_many_different_pictures() -> None:
    rides_NHWC = draw_rides(SPEC)
    assert rides_NHWC.shape == (64, *SPEC.size, 3)
    assert len({pixels_HWC.tobytes() for pixels_HWC in rides_NHWC}) == 64


@pytest.mark.trt_plan
@pytest.mark.parametrize("precision", ["int8", "fp8"])
def test_a_quantised_graph_is_near_its_own(precision: TensorRtPrecision) -> None:
    need_modelopt()
    from tests.export.trt_plan.cases import deployed

    graph = deployed("fpn", dtype=torch.float32, cams=False, ending="logits")
    rng = np.random.default_rng(0)
    pixels_NHWC = rng.integers(0, 256, (2, *SPEC.size, 3), np.uint8)
    with torch.inference_mode():
        truth = graph(torch.from_numpy(pixels_NHWC))
        quantised = quantise(graph, spec=SPEC, precision=precision, inputs_NHWC=pixels_NHWC)
        found = quantised(torch.from_numpy(pixels_NHWC))
    error = (found - truth).square().mean().sqrt() / truth.square().mean().sqrt()
    assert 0 < error < 0.25
