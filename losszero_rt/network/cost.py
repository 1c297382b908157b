"""What a network costs, for tables that compare networks."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


def count_parameters(network: "nn.Module") -> int:
    """Return the number of parameters, trained or frozen, buffers left out."""
    return sum(parameter.numel() for parameter in network.parameters())


def count_flops(network: "nn.Module", *, size: tuple[int, int]) -> int:
    """Count the floating point operations of one picture by running it once.

    Args:
        network: Left as it was.
        size: (height, width) of the picture.

    Returns:
        Operations of convolutions, matrix products and attention; a multiply-add counts as two.
        Normalisation, activations and resampling are left out, as in most published tables. For
        a network that finds objects the number depends on how many regions it proposes for a
        black picture and so, unlike the others, on its weights.
    """
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    first = next(network.parameters())
    values_NCHW = torch.zeros(1, 3, *size, device=first.device, dtype=first.dtype)
    was_training = network.training
    network.eval()
    try:
        # Fused attention on a CPU is one operation that the counter does not know.
        with (
            torch.no_grad(),
            sdpa_kernel(SDPBackend.MATH),
            FlopCounterMode(display=False) as counter,
        ):
            network(values_NCHW)
    finally:
        network.train(was_training)
    return int(counter.get_total_flops())
