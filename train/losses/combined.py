"""The loss of a batch: the recipe's weights times the terms; a term of weight 0 is not computed.

Shape letters: N pictures, C classes, H, W height and width.
"""

import torch

from losszero_rt.classmap import IGNORED_ID
from losszero_rt.network import upsample_logits
from train.config import LossWeights
from train.losses.outline import outline_loss
from train.losses.pixels import cross_entropy, focal_loss
from train.losses.regions import dice_loss, lovasz_loss, tversky_loss


def segmentation_loss(
    logits_NCHW: torch.Tensor, labels_NHW: torch.Tensor, *, weights: LossWeights
) -> torch.Tensor:
    """Return the loss of a batch.

    Args:
        logits_NCHW: Network output, float32, at any stride.
        labels_NHW: Class ids, int64, 255 where nothing is known.
        weights: Numbers of the terms.

    Returns:
        A scalar; 0 where no pixel of the batch is known.
    """
    if not (labels_NHW != IGNORED_ID).any():
        return logits_NCHW.sum() * 0
    logits = upsample_logits(logits_NCHW, (labels_NHW.shape[1], labels_NHW.shape[2]))
    loss = logits.new_zeros(())
    class_weights = logits.new_tensor(weights.classes)
    if weights.cross_entropy:
        term = cross_entropy(logits, labels_NHW, class_weights=class_weights)
        loss = loss + weights.cross_entropy * term
    if weights.focal:
        term = focal_loss(
            logits, labels_NHW, class_weights=class_weights, gamma=weights.focal_gamma
        )
        loss = loss + weights.focal * term
    if weights.of_regions:
        loss = loss + _region_terms(logits.softmax(1), labels_NHW, weights)
    return loss


def _region_terms(
    probabilities_NCHW: torch.Tensor, labels_NHW: torch.Tensor, weights: LossWeights
) -> torch.Tensor:
    """Return the sum of the terms that are made from probabilities."""
    loss = probabilities_NCHW.new_zeros(())
    if weights.dice:
        loss = loss + weights.dice * dice_loss(probabilities_NCHW, labels_NHW)
    if weights.tversky:
        share = weights.tversky_false_positives
        term = tversky_loss(probabilities_NCHW, labels_NHW, false_positives=share)
        loss = loss + weights.tversky * term
    if weights.lovasz:
        # Sorting is dear on a CPU, and every fourth pixel tells as much about a region.
        fourth = lovasz_loss(probabilities_NCHW[..., ::2, ::2], labels_NHW[:, ::2, ::2])
        loss = loss + weights.lovasz * fourth
    if weights.boundary:
        loss = loss + weights.boundary * outline_loss(probabilities_NCHW, labels_NHW)
    return loss
