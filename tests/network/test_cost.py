import torch
from torch import nn
from torch.nn import functional

from losszero_rt.network import NetworkSpec, build_network, count_flops, count_parameters


class Attention(nn.Module):
    """One map of 8 channels whose pixels attend to each other."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1, bias=False)

    def forward(self, values_NCHW: torch.Tensor) -> torch.Tensor:
        tokens = self.conv(values_NCHW).flatten(2).transpose(1, 2)[:, None]
        return functional.scaled_dot_product_attention(tokens, tokens, tokens)


def test_a_multiply_add_counts_as_two_in_convolutions_and_attention() -> None:
    pixels = 8 * 12
    convolution = 2 * pixels * 8 * 3 * 9
    attention = 2 * (2 * pixels * pixels * 8)
    assert count_flops(Attention(), size=(8, 12)) == convolution + attention


def test_cost_grows_with_the_picture_and_leaves_the_network_alone() -> None:
    network = build_network(NetworkSpec(architecture="fpn", decoder_channels=32)).train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    small, large = (count_flops(network, size=(64, 32 * factor)) for factor in (2, 4))
    assert large == 2 * small
    assert network.training
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_parameters_count_whether_trained_or_not() -> None:
    network = Attention().requires_grad_(False)
    assert count_parameters(network) == 3 * 8 * 9


def test_a_network_of_objects_has_a_cost() -> None:
    spec = NetworkSpec(
        architecture="mask-rcnn", encoder="resnet18", decoder_channels=16, proposals_max=20
    )
    torch.manual_seed(0)
    assert count_flops(build_network(spec), size=(64, 96)) > 10**8
