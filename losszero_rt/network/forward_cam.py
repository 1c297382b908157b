"""Class activation maps without gradients, for networks that end in a linear head.

The head is one convolution, so the derivative of a class's summed logits by a feature is the sum
of that class's kernel, the same at every place but the border. Grad-CAM at the head's input
(the ReLU of the features, weighted by their mean gradients) is then the ReLU of the features,
weighted by those sums: a forward pass gives it, at every frame, in any engine. At the border some
taps of a kernel fall outside; each counts by the share of places where it does not, and so the
mean gradients are met exactly.

Source: Selvaraju et al., "Grad-CAM", ICCV 2017, equations 1 and 2; Zhou et al., "Learning Deep
Features for Discriminative Localization", CVPR 2016, for the linear case.

Shape letters: N pictures, C classes, K features, k kernel, h, w height and width at the head.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import nn


def forward_cam(features_NKhw: "torch.Tensor", weight_CKkk: "torch.Tensor") -> "torch.Tensor":
    """Return the class activation maps of some classes.

    Args:
        features_NKhw: What the head takes.
        weight_CKkk: The head's weights, all classes or some of them; the head keeps height and
            width, its surroundings are zero.

    Returns:
        (N, C, h, w), 0 and more, in the unit of the logits: what the features add to the class.
    """
    return _weighted(features_NKhw, weight_CKkk).relu()


def _weighted(features_NKhw: "torch.Tensor", weight_CKkk: "torch.Tensor") -> "torch.Tensor":
    from torch.nn import functional

    rows_k = _inside(weight_CKkk, axis=2, length=int(features_NKhw.shape[2]))
    columns_k = _inside(weight_CKkk, axis=3, length=int(features_NKhw.shape[3]))
    taps_CKkk = weight_CKkk * rows_k[:, None] * columns_k
    return functional.conv2d(features_NKhw, taps_CKkk.sum((2, 3), keepdim=True))


def _inside(weight_CKkk: "torch.Tensor", *, axis: int, length: int) -> "torch.Tensor":
    """Share of ``length`` places at which each tap along an axis lies inside, (k,)."""
    import torch

    num_taps = int(weight_CKkk.shape[axis])
    reach_k = (torch.arange(num_taps, device=weight_CKkk.device) - num_taps // 2).abs()
    return (1 - reach_k / length).clamp(min=0).to(weight_CKkk)


def head_cams(
    head: "nn.Conv2d", features_NKhw: "torch.Tensor", output_NChw: "torch.Tensor"
) -> "torch.Tensor":
    """Return :func:`forward_cam` of all classes, from the head's own output where that has it.

    See :func:`head_sums` for what is given.
    """
    return head_sums(head, features_NKhw, output_NChw).relu()


def head_sums(
    head: "nn.Conv2d", features_NKhw: "torch.Tensor", output_NChw: "torch.Tensor"
) -> "torch.Tensor":
    """Return the class activation maps of all classes before their ReLU (N, C, h, w).

    The output of a head of one pixel is that, plus the bias: then nothing has to be computed twice.
    Before the ReLU an overflow of the features can still be seen, behind it it may be zero.

    Args:
        head: The head.
        features_NKhw: What it takes.
        output_NChw: What it returns.
    """
    if tuple(head.kernel_size) != (1, 1):
        return _weighted(features_NKhw, head.weight)
    if head.bias is None:
        return output_NChw
    return output_NChw - head.bias.view(1, -1, 1, 1)


@contextmanager
def watched(head: "nn.Conv2d") -> "Iterator[list[tuple[torch.Tensor, torch.Tensor]]]":
    """Collect what a head takes and returns inside a ``with`` block; nothing stays behind it.

    Yields:
        A list that grows by one (features, output) with each pass through the head.
    """
    passes: list[tuple[torch.Tensor, torch.Tensor]] = []

    def keep(
        _: "nn.Module", inputs: "tuple[torch.Tensor, ...]", output_NChw: "torch.Tensor"
    ) -> None:
        passes.append((inputs[0], output_NChw))

    hook = head.register_forward_hook(keep)
    try:
        yield passes
    finally:
        hook.remove()
