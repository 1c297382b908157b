"""Eight-bit networks for TensorRT, by NVIDIA's Model Optimizer: optional, and proved like others.

TensorRT 11 takes int8 and fp8 from the graph alone: operations that round inputs and weights of
every convolution and matrix product, whose ranges were measured on pictures before.

Source: nvidia-modelopt 0.47, modelopt/torch/quantization (``quantize``, ``export_torch_mode``).

Shape letters: N pictures, H, W height and width.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from export.engine_request import QUANTISED, TensorRtPrecision
from losszero_rt.errors import ModelError
from losszero_rt.preprocess import InputSpec

if TYPE_CHECKING:
    from torch import nn

# Night rides whose frames are looked at for the range of values, and frames of each.
NUM_RIDES, FRAMES_EACH = 16, 4
_INSTALL = "pip install -e '.[quantise]'"
_CONFIGS = {"int8": "INT8_DEFAULT_CFG", "fp8": "FP8_DEFAULT_CFG"}


def import_modelopt() -> ModuleType:
    """Import the quantisation of nvidia-modelopt.

    Raises:
        ModelError: If it is not installed, or does not import here.
    """
    try:
        import modelopt.torch.quantization as library
    # On a machine without its tools it raises whatever its parts raise.
    except Exception as error:
        raise ModelError(
            f"int8 and fp8 engines need nvidia-modelopt ({error})",
            accepted="fp16 and fp32 without it",
            remedy=f"{_INSTALL}, or --precision fp16",
        ) from error
    module: ModuleType = library
    return module


def check_precision(precision: TensorRtPrecision) -> None:
    """Refuse eight bits where nothing here can make them; nothing heavy is imported.

    Raises:
        ModelError: If nvidia-modelopt is not installed.
    """
    if precision in QUANTISED and find_spec("modelopt") is None:
        raise ModelError(
            f"a TensorRT engine in {precision} needs nvidia-modelopt, which is not installed",
            accepted="--precision fp16 or fp32 without it",
            remedy=f"{_INSTALL}, or --precision fp16",
        )


def quantise(
    graph: "nn.Module",
    *,
    spec: InputSpec,
    precision: TensorRtPrecision,
    inputs_NHWC: np.ndarray | None = None,
) -> "nn.Module":
    """Return a graph whose convolutions and products round their operands to eight bits.

    Args:
        graph: From uint8 (N, H, W, 3), in half precision and evaluation mode.
        spec: Its input.
        precision: ``int8`` or ``fp8``.
        inputs_NHWC: uint8 pictures that the ranges are measured on; drawn night rides if left
            away.

    Raises:
        ModelError: If nvidia-modelopt is absent.
    """
    import torch

    library = import_modelopt()
    pictures = draw_rides(spec) if inputs_NHWC is None else inputs_NHWC
    device = next(graph.parameters()).device

    def run(candidate: "nn.Module") -> None:
        with torch.inference_mode():
            for pixels_HWC in pictures:
                candidate(torch.from_numpy(pixels_HWC[None]).to(device))

    config = copy.deepcopy(getattr(library, _CONFIGS[precision]))
    # What turns features into logits is one product of hundreds, and the one that decides.
    config["quant_cfg"].append({"quantizer_name": "*segmentation_head*", "enable": False})
    quantised: nn.Module = library.quantize(graph, config, run)
    return quantised.eval()


@contextmanager
def exporting(precision: TensorRtPrecision) -> Iterator[None]:
    """Let quantised layers be exported as operations that the compiler knows."""
    if precision not in QUANTISED:
        yield
        return
    import_modelopt()
    from modelopt.torch.quantization.utils import export_torch_mode

    with export_torch_mode():
        yield


def draw_rides(spec: InputSpec) -> np.ndarray:
    """Draw frames of many night rides as network inputs, uint8 (N, H, W, 3).

    None of them is one that engines are proved with.
    """
    from losszero_rt.ride import Ride, RideSpec

    inputs_NHWC = np.zeros((NUM_RIDES * FRAMES_EACH, *spec.size, 3), np.uint8)
    size = (spec.size[0] * 5 // 4, spec.size[1] * 5 // 4)
    rows = iter(inputs_NHWC)
    for seed in range(100, 100 + NUM_RIDES):
        ride = Ride(RideSpec(size=size, seed=seed))
        for index in range(FRAMES_EACH):
            spec.fill_pixels(ride.render(40 * index + 7).pixels_HWC, next(rows))
    return inputs_NHWC
