"""The loss: weighted cross entropy, dice, and optionally Lovasz-softmax.

Shape letters: N pictures, C classes, H, W height and width, P pixels that count.
"""

import torch
from torch.nn import functional

from losszero_rt.classmap import IGNORED_ID
from losszero_rt.network import upsample_logits
from train.config import LossWeights


def segmentation_loss(
    logits_NCHW: torch.Tensor, labels_NHW: torch.Tensor, *, weights: LossWeights
) -> torch.Tensor:
    """Return the loss of a batch.

    Args:
        logits_NCHW: Network output, float32, at any stride.
        labels_NHW: Class ids, int64, 255 where nothing is known.
        weights: Numbers of the terms.

    Returns:
        A scalar.
    """
    logits = upsample_logits(logits_NCHW, (labels_NHW.shape[1], labels_NHW.shape[2]))
    class_weights = logits.new_tensor(weights.classes)
    loss = functional.cross_entropy(
        logits, labels_NHW, weight=class_weights, ignore_index=IGNORED_ID
    )
    probabilities = logits.softmax(1)
    loss = loss + weights.dice * dice_loss(probabilities, labels_NHW)
    if weights.lovasz:
        # Sorting is dear on a CPU, and every fourth pixel tells as much about a region.
        fourth = lovasz_loss(probabilities[..., ::2, ::2], labels_NHW[:, ::2, ::2])
        loss = loss + weights.lovasz * fourth
    return loss


def dice_loss(probabilities_NCHW: torch.Tensor, labels_NHW: torch.Tensor) -> torch.Tensor:
    """Return 1 - dice, averaged over the classes present in the batch.

    Source: Milletari, Navab, Ahmadi, "V-Net" (3DV 2016), https://arxiv.org/abs/1606.04797.
    """
    known = (labels_NHW != IGNORED_ID).unsqueeze(1)
    truth = _one_hot(labels_NHW, probabilities_NCHW.shape[1])
    probabilities = probabilities_NCHW * known
    shared = (probabilities * truth).sum((0, 2, 3))
    total = probabilities.sum((0, 2, 3)) + truth.sum((0, 2, 3))
    present = truth.sum((0, 2, 3)) > 0
    dice = (2 * shared + 1) / (total + 1)
    return (1 - dice)[present].mean() if present.any() else probabilities.sum() * 0


def lovasz_loss(probabilities_NCHW: torch.Tensor, labels_NHW: torch.Tensor) -> torch.Tensor:
    """Return the Lovasz-softmax loss over the classes present in the batch.

    Source: Berman, Rannen Triki, Blaschko, "The Lovasz-Softmax loss" (CVPR 2018),
    https://arxiv.org/abs/1705.08790.
    """
    known = labels_NHW != IGNORED_ID
    probabilities_PC = probabilities_NCHW.permute(0, 2, 3, 1)[known]
    labels_P = labels_NHW[known]
    losses = []
    for class_id in torch.bincount(labels_P).nonzero().flatten().tolist():
        truth_P = (labels_P == class_id).float()
        errors_P, order = (truth_P - probabilities_PC[:, class_id]).abs().sort(descending=True)
        losses.append(errors_P @ _jaccard_gradient(truth_P[order]))
    return torch.stack(losses).mean() if losses else probabilities_NCHW.sum() * 0


def _jaccard_gradient(truth_P: torch.Tensor) -> torch.Tensor:
    """Growth of the Jaccard loss as errors are added one by one, largest first."""
    total = truth_P.sum()
    shared = total - truth_P.cumsum(0)
    union = total + (1 - truth_P).cumsum(0)
    jaccard = 1 - shared / union
    return torch.cat([jaccard[:1], jaccard[1:] - jaccard[:-1]])


def _one_hot(labels_NHW: torch.Tensor, num_classes: int) -> torch.Tensor:
    """Class ids as float (N, C, H, W); all zero where ignored."""
    ids = torch.arange(num_classes).view(1, -1, 1, 1)
    return (labels_NHW.unsqueeze(1) == ids).float()
