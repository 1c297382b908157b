"""Losses that judge a class's whole region in the batch, so that small classes count.

Shape letters: N pictures, C classes, H, W height and width, P pixels that count.
"""

import torch

from losszero_rt.classmap import IGNORED_ID


def dice_loss(probabilities_NCHW: torch.Tensor, labels_NHW: torch.Tensor) -> torch.Tensor:
    """Return 1 - dice, averaged over the classes present in the batch.

    Source: Milletari, Navab, Ahmadi, "V-Net" (3DV 2016), https://arxiv.org/abs/1606.04797.
    """
    return tversky_loss(probabilities_NCHW, labels_NHW, false_positives=0.5)


def tversky_loss(
    probabilities_NCHW: torch.Tensor, labels_NHW: torch.Tensor, *, false_positives: float
) -> torch.Tensor:
    """Return 1 - Tversky index, averaged over the classes present in the batch.

    Source: Salehi, Erdogmus, Gholipour, "Tversky loss function for image segmentation using 3D
    fully convolutional deep networks" (MLMI 2017), https://arxiv.org/abs/1706.05721.

    Args:
        probabilities_NCHW: float32, summing to one over C.
        labels_NHW: Class ids, int64, 255 where nothing is known.
        false_positives: Weight of a false positive, 0..1; a false negative weighs the rest. At
            0.5 it is dice; the paper finds 0.3 best for small regions.
    """
    known = (labels_NHW != IGNORED_ID).unsqueeze(1)
    truth = one_hot(labels_NHW, probabilities_NCHW.shape[1])
    probabilities = probabilities_NCHW * known
    shared = (probabilities * truth).sum((0, 2, 3))
    claimed, true = probabilities.sum((0, 2, 3)), truth.sum((0, 2, 3))
    wrong = false_positives * (claimed - shared) + (1 - false_positives) * (true - shared)
    index = (shared + 0.5) / (shared + wrong + 0.5)
    present = true > 0
    return (1 - index)[present].mean() if present.any() else probabilities.sum() * 0


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


def one_hot(labels_NHW: torch.Tensor, num_classes: int) -> torch.Tensor:
    """Class ids as float (N, C, H, W); all zero where ignored."""
    ids = torch.arange(num_classes, device=labels_NHW.device).view(1, -1, 1, 1)
    return (labels_NHW.unsqueeze(1) == ids).float()


def _jaccard_gradient(truth_P: torch.Tensor) -> torch.Tensor:
    """Growth of the Jaccard loss as errors are added one by one, largest first."""
    total = truth_P.sum()
    shared = total - truth_P.cumsum(0)
    union = total + (1 - truth_P).cumsum(0)
    jaccard = 1 - shared / union
    return torch.cat([jaccard[:1], jaccard[1:] - jaccard[:-1]])
