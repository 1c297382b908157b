"""The graph that is compiled: uint8 pictures in, logits out, normalisation inside.

Shape letters: N pictures, H, W height and width, C classes, s the decoder's stride.
"""

import torch
from torch import nn

from losszero_rt.preprocess import InputSpec


class LogitsGraph(nn.Module):
    """A network from uint8 (N, H, W, 3) to logits (N, C, H / s, W / s).

    The mean is subtracted before and the deviation divided out after the layout change: so the
    differences (whole or half steps for the usual mean of a half) stay exact in bf16, and the
    division folds into the first convolution's weights, while its padding remains the true zero.

    Args:
        network: From normalised float to logits.
        spec: Input size, mean and deviation.
    """

    mean: torch.Tensor
    gain: torch.Tensor

    def __init__(self, network: nn.Module, *, spec: InputSpec) -> None:
        super().__init__()
        self.network = network
        self.spec = spec
        self.register_buffer("mean", torch.tensor(spec.mean) * 255)
        self.register_buffer("gain", (1 / (torch.tensor(spec.std) * 255)).view(1, 3, 1, 1))

    def forward(self, pixels_NHWC: torch.Tensor) -> torch.Tensor:
        """Return the logits of uint8 pictures."""
        values_NCHW = (pixels_NHWC.float() - self.mean).permute(0, 3, 1, 2) * self.gain
        logits_NChw: torch.Tensor = self.network(values_NCHW)
        return logits_NChw
