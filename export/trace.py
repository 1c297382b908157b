"""The graph that is compiled: uint8 pictures in, logits out, normalisation inside.

Shape letters: N pictures, H, W height and width, C classes, h, w the decoder's height and width,
s its stride.
"""

import torch
from torch import nn

from losszero_rt.errors import ModelError
from losszero_rt.network import head_of
from losszero_rt.network.forward_cam import head_cams, watched
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


class CamsGraph(nn.Module):
    """A network from uint8 (N, H, W, 3) to logits and class activation maps (N, C, h, w).

    Args:
        graph: Gives the logits; its network ends in a linear head.

    Raises:
        ModelError: If the network has no such head.
    """

    def __init__(self, graph: LogitsGraph) -> None:
        super().__init__()
        head_of(graph.network)
        # A traced module has a ``graph`` of its own already.
        self.inner = graph

    def forward(self, pixels_NHWC: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the logits and the maps of uint8 pictures."""
        head = head_of(self.inner.network)
        with watched(head) as passes:
            logits_NChw: torch.Tensor = self.inner(pixels_NHWC)
        ((features_NKhw, output_NChw),) = passes
        return logits_NChw, head_cams(head, features_NKhw, output_NChw)


def compiled_graph(graph: LogitsGraph) -> LogitsGraph | CamsGraph:
    """Return what is compiled: with class activation maps where the network can give them."""
    try:
        return CamsGraph(graph).eval()
    except ModelError:
        return graph
