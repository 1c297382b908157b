"""The graph that TensorRT compiles: pictures in, int32 labels out, half precision throughout.

Beside the labels it gives the class activation maps of all classes before their ReLU, at the
decoder's stride: of a head of one pixel they are its own output less the bias, so that the maps of
six classes cost less than picking one of them inside of the engine would. They also show an
overflow, which labels cannot: see :mod:`losszero_rt.engine.cuda_slots`.

Numbers 0..255 come in as halves, in which they are exact: the library's runtime takes no uint8
(:mod:`losszero_rt.engine.engine_program`). int32 comes last, because the compiler cannot end in
uint8 and int64 would cost a cast. Both casts are made outside.

Shape letters: N pictures, C classes, H, W height and width, h, w the decoder's.
"""

from typing import Literal

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from export.folding import fold_parts, neighbours
from losszero_rt.network import head_of, upsample_logits
from losszero_rt.network.forward_cam import head_sums, watched
from losszero_rt.preprocess import InputSpec


class DeployedGraph(nn.Module):
    """A network from 0..255 (N, H, W, 3) to int32 labels (N, H, W), and raw maps (N, C, h, w).

    Args:
        network: From normalised values to logits, in evaluation mode, of one floating dtype.
        spec: Input size, mean and deviation.
        labels_size: (height, width) of the labels.
        dtype: Arithmetic of the network.
        ending: ``labels``, or ``logits`` (at the decoder's stride) for a twin that shows what the
            labels were made of.
        cams: Give the class activation maps of all classes beside the labels, before their ReLU.

    Raises:
        ModelError: If maps are asked of a network without a linear head.
    """

    mean: torch.Tensor
    gain: torch.Tensor

    def __init__(
        self,
        network: nn.Module,
        *,
        spec: InputSpec,
        labels_size: tuple[int, int],
        dtype: torch.dtype = torch.float16,
        ending: Literal["labels", "logits"] = "labels",
        cams: bool = False,
    ) -> None:
        super().__init__()
        self.ending = ending
        self.cams = cams
        if cams:
            head_of(network)
        self.network = network.to(dtype)
        self.labels_size = labels_size
        # Levels and the usual mean of a half are exact in fp16; the small gain comes after.
        self.register_buffer("mean", (torch.tensor(spec.mean) * 255).view(1, 3, 1, 1).to(dtype))
        gain = 1 / (torch.tensor(spec.std) * 255)
        self.register_buffer("gain", gain.view(1, 3, 1, 1).to(dtype))

    def forward(
        self, pixels_NHWC: torch.Tensor
    ) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
        """Return the labels of pictures, int32, or their logits, and maps."""
        values = pixels_NHWC.to(self.mean.dtype)
        # Contiguous, or channels-last strides reach the pooling and split the graph.
        values_NCHW = (values.permute(0, 3, 1, 2).contiguous() - self.mean) * self.gain
        if not self.cams:
            return self._end(self.network(values_NCHW))
        head = head_of(self.network)
        with watched(head) as passes:
            ending = self._end(self.network(values_NCHW))
        ((features_NKhw, output_NChw),) = passes
        return ending, head_sums(head, features_NKhw, output_NChw)

    def _end(self, logits_NChw: torch.Tensor) -> torch.Tensor:
        if self.ending == "logits":
            return logits_NChw
        return upsample_logits(logits_NChw, self.labels_size).argmax(1).to(torch.int32)


@torch.no_grad()
def merge_normalisation(network: nn.Module, *, size: tuple[int, int]) -> int:
    """Replace every batch normalisation that follows a convolution by that one's kernels and bias.

    Unlike :func:`export.folding.fold_normalisation` this removes the layer, so that the compiler
    does not compute one scale a layer from half-precision statistics.

    Args:
        network: In evaluation mode and fp32; changed in place, the same up to rounding.
        size: (height, width) of an input it takes.

    Returns:
        How many were merged.
    """
    fold_parts(network)
    names = {module: name for name, module in network.named_modules()}
    pairs = neighbours(network, size)
    for convolution, norm in pairs:
        plain = nn.BatchNorm2d(norm.num_features, norm.eps)
        plain.load_state_dict(norm.state_dict())
        merged = fuse_conv_bn_eval(convolution, plain.eval())
        _replace(network, names[convolution], merged)
        # timm's normalisations carry their activation inside.
        rest = [child for name, child in norm.named_children() if name in ("drop", "act")]
        _replace(network, names[norm], nn.Sequential(*rest) if rest else nn.Identity())
    return len(pairs)


def _replace(network: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, child = name.rpartition(".")
    setattr(network.get_submodule(parent), child, module)
