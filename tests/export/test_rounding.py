"""Rounding kernels to what every engine can hold."""

from copy import deepcopy

import pytest
import torch
from torch import nn

from export.folding import fold_normalisation
from export.rounding import ride_values, round_kernels
from losszero_rt.errors import ModelError
from losszero_rt.network import NetworkSpec
from losszero_rt.preprocess import InputSpec
from tests.bundles import SIZE
from tests.export.test_folding import unsettled

INPUT = InputSpec(size=SIZE, mean=(0.5, 0.4, 0.3), std=(0.5, 0.25, 0.2))


@pytest.fixture
def folded() -> nn.Module:
    network = unsettled(NetworkSpec(decoder_channels=16))
    fold_normalisation(network, size=SIZE)
    return network


@torch.no_grad()
def test_kernels_fit_bf16_and_fp16_exactly(folded: nn.Module) -> None:
    round_kernels(folded, values_NCHW=ride_values(INPUT))
    for module in folded.modules():
        if isinstance(module, nn.Conv2d):
            assert torch.equal(module.weight.bfloat16().float().half().float(), module.weight)


@torch.no_grad()
def test_mended_biases_bring_logits_closer(folded: nn.Module) -> None:
    mended, plain = deepcopy(folded), deepcopy(folded)
    round_kernels(mended, values_NCHW=ride_values(INPUT))
    for module in plain.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.copy_(module.weight.bfloat16().float())
    values_NCHW = torch.rand(2, 3, *SIZE) * 0.5 - 1
    truth = folded(values_NCHW)
    error = [float((network(values_NCHW) - truth).norm()) for network in (mended, plain)]
    assert error[0] < 0.8 * error[1]


def test_a_kernel_beyond_fp16_is_refused(folded: nn.Module) -> None:
    with torch.no_grad():
        next(folded.parameters())[0] = 1e6
    with pytest.raises(ModelError, match="beyond fp16"):
        round_kernels(folded, values_NCHW=ride_values(INPUT))


def test_rides_are_normalised_and_repeatable() -> None:
    values_NCHW = ride_values(INPUT)
    assert values_NCHW.shape == (12, 3, *SIZE)
    low = -torch.tensor(INPUT.mean) / torch.tensor(INPUT.std)
    assert bool((values_NCHW.amin((0, 2, 3)) >= low - 1e-5).all())
    assert torch.equal(values_NCHW, ride_values(INPUT))
