"""Losses of segmentation, each a function of a batch, and their weighted sum."""

from train.losses.combined import segmentation_loss
from train.losses.outline import outline_loss, signed_distances
from train.losses.pixels import cross_entropy, focal_loss
from train.losses.regions import dice_loss, lovasz_loss, tversky_loss

__all__ = [
    "cross_entropy",
    "dice_loss",
    "focal_loss",
    "lovasz_loss",
    "outline_loss",
    "segmentation_loss",
    "signed_distances",
    "tversky_loss",
]
