"""Folding normalisation into the kernels before these are rounded.

A compiler folds every batch normalisation into the convolution before it. Were the kernels
rounded first, what is folded later would have to be rounded again. So the fold comes first, and
the rounded kernels are exactly those that run; the network keeps its shape, with normalisations
that only add.

Shape letters: N pictures, H, W height and width.
"""

from itertools import pairwise
from typing import Protocol, runtime_checkable

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


@runtime_checkable
class FoldsItself(Protocol):
    """A part of a network whose kernels fold in a way that only it knows."""

    def fold_kernels(self) -> None:
        """Fold in place; what the part computes stays the same up to rounding."""
        ...


@torch.no_grad()
def fold_normalisation(network: nn.Module, *, size: tuple[int, int]) -> int:
    """Move every batch normalisation that follows a convolution into it, in place.

    A part of the network that knows better how its kernels fold does it itself.

    Args:
        network: In evaluation mode; what it computes stays the same up to rounding.
        size: (height, width) of an input it takes.

    Returns:
        How many were folded.
    """
    fold_parts(network)
    pairs = neighbours(network, size)
    for convolution, norm in pairs:
        _fold(convolution, norm)
    return len(pairs)


def fold_parts(network: nn.Module) -> None:
    """Let those parts fold their kernels that have a way of their own (SegFormer's decoder)."""
    for part in network.modules():
        if isinstance(part, FoldsItself):
            part.fold_kernels()


def neighbours(network: nn.Module, size: tuple[int, int]) -> list[tuple[nn.Conv2d, _BatchNorm]]:
    """Return the normalisations that take what a convolution hands out, with that one."""
    calls: list[tuple[nn.Module, torch.Tensor, torch.Tensor]] = []

    def watch(module: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        calls.append((module, inputs[0], output))

    watched = [m for m in network.modules() if isinstance(m, nn.Conv2d | _BatchNorm)]
    hooks = [module.register_forward_hook(watch) for module in watched]
    network(torch.zeros(1, 3, *size))
    for hook in hooks:
        hook.remove()
    return [
        (first, second)
        for (first, _, made), (second, taken, _) in pairwise(calls)
        if isinstance(first, nn.Conv2d) and isinstance(second, _BatchNorm) and taken is made
    ]


def _fold(convolution: nn.Conv2d, norm: _BatchNorm) -> None:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    convolution.weight.mul_(gain.view(-1, 1, 1, 1))
    start = 0 if convolution.bias is None else convolution.bias
    norm.bias.add_((start - norm.running_mean) * gain)
    if convolution.bias is not None:
        convolution.bias.zero_()
    norm.weight.fill_(1)
    norm.running_mean.zero_()
    norm.running_var.fill_(1 - norm.eps)
