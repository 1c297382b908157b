"""Folding normalisation into kernels."""

import pytest
import torch
from torch import nn

from export.folding import fold_normalisation
from losszero_rt.network import NetworkSpec, build_network

SIZE = (64, 96)


def unsettled(spec: NetworkSpec) -> nn.Module:
    """A random network whose normalisations have statistics that matter."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = build_network(spec)
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.normal_(module.bias, std=0.2)
        network.train()
        with torch.no_grad():
            network(torch.randn(2, 3, *SIZE))
    return network.eval()


@pytest.mark.parametrize("architecture", ["deeplabv3plus", "fpn", "unet"])
@torch.no_grad()
def test_folded_network_computes_the_same_without_gains(architecture: str) -> None:
    spec = NetworkSpec(architecture=architecture, decoder_channels=32)  # type: ignore[arg-type]
    network = unsettled(spec)
    values_NCHW = torch.randn(1, 3, *SIZE)
    before = network(values_NCHW)
    num_folded = fold_normalisation(network, size=SIZE)
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    assert num_folded == len(norms) > 40
    for norm in norms:
        assert norm.running_var is not None
        assert torch.equal(norm.running_var + norm.eps, torch.ones_like(norm.running_var))
        assert bool((norm.weight == 1).all())
    error = network(values_NCHW) - before
    assert float(error.norm()) < 1e-4 * float(before.norm())


@torch.no_grad()
def test_a_bias_of_the_convolution_is_folded_as_well() -> None:
    convolution, norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
    assert convolution.bias is not None
    nn.init.normal_(convolution.bias)
    nn.init.uniform_(norm.weight, 0.5, 2)
    network = nn.Sequential(convolution, norm).eval()
    values_NCHW = torch.randn(1, 3, 8, 8)
    before = network(values_NCHW)
    assert fold_normalisation(network, size=(8, 8)) == 1
    torch.testing.assert_close(network(values_NCHW), before)
    assert not convolution.bias.any()


def test_a_normalisation_that_follows_no_convolution_is_left_alone() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.BatchNorm2d(4)).eval()
    assert fold_normalisation(network, size=(8, 8)) == 0
