"""The boundary loss: how far from the true outline the probability lies.

Shape letters: N pictures, C classes, H, W height and width.
"""

import math

import cv2
import numpy as np
import torch

from losszero_rt.classmap import IGNORED_ID


def outline_loss(probabilities_NCHW: torch.Tensor, labels_NHW: torch.Tensor) -> torch.Tensor:
    """Return the mean over known pixels of probability times signed distance to the outline.

    Below zero where a class lies inside its true outline, above where it lies outside; so its
    least value is not 0. It says little about a region that is missed altogether: use it beside
    a loss of pixels or regions.

    Source: Kervadec et al., "Boundary loss for highly unbalanced segmentation" (MIDL 2019),
    https://arxiv.org/abs/1812.07032; the distances are those of :func:`signed_distances`.

    Args:
        probabilities_NCHW: float32, summing to one over C.
        labels_NHW: Class ids, int64, 255 where nothing is known.
    """
    num_classes = probabilities_NCHW.shape[1]
    pictures = labels_NHW.to("cpu", torch.uint8).numpy()
    maps = np.stack([signed_distances(picture, num_classes=num_classes) for picture in pictures])
    distances_NCHW = torch.from_numpy(maps).to(probabilities_NCHW)
    num_known = (labels_NHW != IGNORED_ID).sum().clamp(min=1)
    return (probabilities_NCHW * distances_NCHW).sum() / num_known


def signed_distances(labels_HW: np.ndarray, *, num_classes: int) -> np.ndarray:
    """Return how far every pixel is from the outline of every class.

    Args:
        labels_HW: Class ids, uint8 (H, W), 255 where nothing is known.
        num_classes: C.

    Returns:
        float32 (C, H, W) in picture diagonals: outside a class the distance to its nearest
        pixel, inside minus the distance to the nearest pixel of another class, less one pixel
        (as the authors do). 0 on ignored pixels, and for classes that are absent or fill all
        that is known.
    """
    known = labels_HW != IGNORED_ID
    maps_CHW = np.zeros((num_classes, *labels_HW.shape), np.float32)
    for class_id in np.unique(labels_HW[known]).tolist():
        own = labels_HW == class_id
        others = known & ~own
        if not others.any():
            continue
        # Distance from every pixel to the nearest zero of what is given.
        outside = cv2.distanceTransform((~own).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        inside = cv2.distanceTransform((~others).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        maps_CHW[class_id] = np.where(own, 1 - inside, outside) * known
    return maps_CHW / np.float32(math.hypot(*labels_HW.shape))
