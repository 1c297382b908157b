"""Rounding kernels once, to what every engine can hold, without moving what layers say on average.

Rounding to bf16 shifts each output channel by a constant: the sum of its kernels' rounding errors,
each times the mean of its input. After a few dozen layers that shift is most of the difference
between bf16 and fp32, and it is known beforehand. So the kernels are rounded here, once and for
all engines, and every bias takes the shift back. What remains in bf16 is the noise of rounded
activations.

Source: Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction",
2019 (section 4.2, with drawn rides as data).

Shape letters: N pictures, H, W height and width.
"""

from collections.abc import Callable
from copy import deepcopy
from functools import partial

import numpy as np
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from losszero_rt.errors import ModelError
from losszero_rt.preprocess import InputSpec
from losszero_rt.ride import Ride, RideSpec
from losszero_rt.ride.spec import Viewpoint

NUM_RIDES = 12
FIRST_SEED = 500


@torch.no_grad()
def round_kernels(network: nn.Module, *, values_NCHW: torch.Tensor) -> None:
    """Round all kernels to bf16 and mend the biases, in place.

    Args:
        network: In evaluation mode, its normalisations folded.
        values_NCHW: Normalised pictures, float32, of the kind it will see.

    Raises:
        ModelError: If a kernel is beyond fp16, in which it will be stored.
    """
    exact = deepcopy(network)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.weight.copy_(module.weight.bfloat16().half().float())
            if not bool(module.weight.isfinite().all()):
                raise _beyond()
    wanted: dict[str, torch.Tensor] = {}
    _visit_biases(exact, values_NCHW, lambda name, mean_C: wanted.setdefault(name, mean_C) - mean_C)
    _visit_biases(network, values_NCHW, lambda name, mean_C: wanted[name] - mean_C)


@torch.no_grad()
def halve_kernels(network: nn.Module) -> None:
    """Round all kernels to fp16, in which they are stored, in place.

    Nothing is mended: in a network that runs one head on many maps, or on as many regions as it
    finds, no bias could take a shift back that differs from one to the next. So they are rounded
    no more than they must be.

    Raises:
        ModelError: If a kernel is beyond fp16.
    """
    for parameter in network.parameters():
        if parameter.dim() > 1:
            parameter.copy_(parameter.half().float())
            if not bool(parameter.isfinite().all()):
                raise _beyond()


def _beyond() -> ModelError:
    return ModelError(
        "a kernel is beyond fp16",
        accepted=f"values within {torch.finfo(torch.float16).max:.0f}",
        remedy="train it again, with more weight decay or a lower learning rate",
    )


def ride_values(spec: InputSpec) -> torch.Tensor:
    """Draw rides, a third of them from a car; normalised float32 (N, 3, H, W)."""
    size = (spec.size[0] * 5 // 4, spec.size[1] * 5 // 4)
    inputs_NHWC = np.zeros((NUM_RIDES, *spec.size, 3), np.uint8)
    for index, pixels_HWC in enumerate(inputs_NHWC):
        seat: Viewpoint = "car" if index % 3 == 2 else "motorcycle"
        ride = Ride(RideSpec(size=size, seed=FIRST_SEED + index, viewpoint=seat))
        spec.fill_pixels(ride.render(40 + 17 * index).pixels_HWC, pixels_HWC)
    mean, std = torch.tensor(spec.mean) * 255, torch.tensor(spec.std) * 255
    return ((torch.from_numpy(inputs_NHWC).float() - mean) / std).permute(0, 3, 1, 2)


def _visit_biases(
    network: nn.Module,
    values_NCHW: torch.Tensor,
    shift_of: Callable[[str, torch.Tensor], torch.Tensor],
) -> None:
    """Run a network and shift each bias as soon as the mean before it is known.

    Args:
        network: Changed in place; what comes after a bias already sees it shifted.
        values_NCHW: Its input.
        shift_of: From a module's name and the mean of its values by channel to the shift.
    """

    def before_norm(name: str, norm: _BatchNorm, inputs: tuple[torch.Tensor, ...]) -> None:
        norm.bias.add_(shift_of(name, inputs[0].mean((0, 2, 3))))

    def after_convolution(
        name: str, convolution: nn.Conv2d, _: object, output_NCHW: torch.Tensor
    ) -> torch.Tensor:
        assert convolution.bias is not None
        shift_C = shift_of(name, output_NCHW.mean((0, 2, 3)))
        convolution.bias.add_(shift_C)
        return output_NCHW + shift_C.view(1, -1, 1, 1)

    hooks = []
    for name, module in network.named_modules():
        if isinstance(module, _BatchNorm):
            hooks.append(module.register_forward_pre_hook(partial(before_norm, name)))
        elif isinstance(module, nn.Conv2d) and module.bias is not None:
            hooks.append(module.register_forward_hook(partial(after_convolution, name)))
    network(values_NCHW)
    for hook in hooks:
        hook.remove()
