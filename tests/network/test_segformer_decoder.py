"""The decoder that maps first and doubles afterwards, against the one that stacks."""

from typing import cast

import pytest
import segmentation_models_pytorch as smp
import torch
from torch import nn

from export.folding import FoldsItself
from losszero_rt.network import NetworkSpec, build_network, count_flops
from losszero_rt.network.segformer_decoder import lean_decoder

ENCODERS = ("tu-tf_efficientnet_lite0", "mit_b0")
WIDTH = 32


def shaken(network: nn.Module) -> nn.Module:
    """Give normalisations statistics that a training might have left."""
    generator = torch.Generator().manual_seed(3)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values, low, high in (
                (module.running_mean, -1.0, 1.0),
                (module.running_var, 0.5, 2.0),
                (module.weight.data, 0.5, 1.5),
                (module.bias.data, -0.5, 0.5),
            ):
                cast(torch.Tensor, values).uniform_(low, high, generator=generator)
    return network


def stacking(encoder: str) -> nn.Module:
    network = smp.Segformer(
        encoder_name=encoder,
        encoder_weights=None,
        classes=6,
        decoder_segmentation_channels=WIDTH,
        upsampling=1,
    )
    return shaken(network.eval())


def lean(encoder: str, *, like: nn.Module) -> nn.Module:
    spec = NetworkSpec(architecture="segformer", encoder=encoder, decoder_channels=WIDTH)
    network = build_network(spec).eval()
    network.load_state_dict(like.state_dict())
    return network


@pytest.mark.parametrize("encoder", ENCODERS)
def test_maps_first_gives_the_logits_of_stacking_first(encoder: str) -> None:
    reference = stacking(encoder)
    network = lean(encoder, like=reference)
    values_NCHW = torch.randn(2, 3, 96, 160, generator=torch.Generator().manual_seed(5))
    with torch.inference_mode():
        torch.testing.assert_close(
            network(values_NCHW), reference(values_NCHW), rtol=1e-4, atol=1e-4
        )


@pytest.mark.parametrize("encoder", ENCODERS)
def test_folded_kernels_give_the_same_logits_and_fit_the_same_names(encoder: str) -> None:
    network = lean(encoder, like=stacking(encoder))
    values_NCHW = torch.randn(1, 3, 96, 160, generator=torch.Generator().manual_seed(7))
    with torch.inference_mode():
        before = network(values_NCHW)
        names = set(network.state_dict())
        cast(FoldsItself, network.decoder).fold_kernels()
        torch.testing.assert_close(network(values_NCHW), before, rtol=1e-4, atol=1e-4)
        assert set(network.state_dict()) == names
        again = network(values_NCHW)
        cast(FoldsItself, network.decoder).fold_kernels()
        torch.testing.assert_close(network(values_NCHW), again, rtol=1e-5, atol=1e-5)


def test_training_reaches_every_parameter_of_the_decoder() -> None:
    network = build_network(NetworkSpec(architecture="segformer", decoder_channels=WIDTH)).train()
    network(torch.randn(2, 3, 64, 96)).square().sum().backward()
    decoder = cast(nn.Module, network.decoder)
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in decoder.parameters())


def test_maps_first_takes_less_work() -> None:
    reference = smp.Segformer(
        encoder_name="tu-tf_efficientnet_lite0",
        encoder_weights=None,
        classes=6,
        decoder_segmentation_channels=128,
        upsampling=1,
    ).eval()
    spec = NetworkSpec(architecture="segformer", decoder_channels=128)
    ratio = count_flops(build_network(spec), size=(192, 320)) / count_flops(
        reference, size=(192, 320)
    )
    assert ratio < 0.65


def test_parameters_are_shared_with_the_decoder_it_was_made_of() -> None:
    decoder = cast(nn.Module, stacking("mit_b0").decoder)
    made = lean_decoder(decoder)
    assert {id(p) for p in made.parameters()} == {id(p) for p in decoder.parameters()}
