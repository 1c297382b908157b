"""Losses that judge every pixel alone.

Shape letters: N pictures, C classes, H, W height and width.
"""

import torch
from torch.nn import functional

from losszero_rt.classmap import IGNORED_ID


def cross_entropy(
    logits_NCHW: torch.Tensor, labels_NHW: torch.Tensor, *, class_weights: torch.Tensor
) -> torch.Tensor:
    """Return the weighted cross entropy, averaged over the weights of the known pixels.

    Args:
        logits_NCHW: float32.
        labels_NHW: Class ids, int64, 255 where nothing is known; at least one pixel is.
        class_weights: float32 (C,).
    """
    return functional.cross_entropy(
        logits_NCHW, labels_NHW, weight=class_weights, ignore_index=IGNORED_ID
    )


def focal_loss(
    logits_NCHW: torch.Tensor,
    labels_NHW: torch.Tensor,
    *,
    class_weights: torch.Tensor,
    gamma: float,
) -> torch.Tensor:
    """Return the cross entropy in which a pixel counts less the surer it is already.

    With ``gamma`` 0 it is :func:`cross_entropy`.

    Source: Lin et al., "Focal Loss for Dense Object Detection" (ICCV 2017),
    https://arxiv.org/abs/1708.02002.
    """
    surprise_NHW = functional.cross_entropy(
        logits_NCHW, labels_NHW, ignore_index=IGNORED_ID, reduction="none"
    )
    known_NHW = labels_NHW != IGNORED_ID
    weights_NHW = class_weights[labels_NHW.where(known_NHW, 0)] * known_NHW
    # 1 - p of the true class, exact near 0; at 0 itself a gamma below 1 has no finite slope.
    doubt_NHW = (-torch.expm1(-surprise_NHW)).clamp(min=1e-7)
    return (weights_NHW * doubt_NHW**gamma * surprise_NHW).sum() / weights_NHW.sum()
