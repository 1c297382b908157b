"""What a network is worth on labelled pictures, seen exactly as the runtime shows them.

Shape letters: N pictures, C channels or classes, H, W height and width.
"""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import nn

from losszero_rt.classmap import ClassMap
from losszero_rt.metrics import BoundaryKeeper, ScoreKeeper, Scores
from losszero_rt.network import upsample_logits
from losszero_rt.preprocess import InputSpec
from train.datasets.picture import LabelledPicture


@torch.no_grad()
def predict(network: nn.Module, pixels_HWC: np.ndarray, *, spec: InputSpec) -> np.ndarray:
    """Return the labels of one picture at its own size.

    Args:
        network: In evaluation mode.
        pixels_HWC: uint8 RGB (h, w, 3).
        spec: The network's input.

    Returns:
        uint8 labels (h, w): the argmax of the logits at input size, resized by nearest.
    """
    picture = spec.new_input()
    place = spec.fill_pixels(pixels_HWC, picture)
    mean = torch.tensor(spec.mean) * 255
    std = torch.tensor(spec.std) * 255
    values_NCHW = ((torch.from_numpy(picture).float() - mean) / std).permute(2, 0, 1)[None]
    logits_NCHW = upsample_logits(network(values_NCHW), spec.size)
    labels_HW = logits_NCHW[0].argmax(0).to(torch.uint8).numpy()
    shown = place.crop(labels_HW, input_size=spec.size)
    size_wh = (pixels_HWC.shape[1], pixels_HWC.shape[0])
    return cv2.resize(shown, size_wh, interpolation=cv2.INTER_NEAREST)


def score(
    network: nn.Module,
    pictures: Sequence[LabelledPicture],
    *,
    spec: InputSpec,
    classes: ClassMap,
    boundary: BoundaryKeeper | None = None,
) -> Scores:
    """Score a network on pictures, each at the size of its mask.

    Args:
        network: Left in evaluation mode.
        pictures: At least one.
        spec: The network's input.
        classes: The classes of labels and outputs.
        boundary: Also given every pair, where the outlines are wanted too.
    """
    network.eval()
    keeper = ScoreKeeper(classes)
    for picture in pictures:
        labels_HW = predict(network, picture.pixels_HWC, spec=spec)
        keeper.add(labels_HW, truth=picture.labels_HW)
        if boundary is not None:
            boundary.add(labels_HW, truth=picture.labels_HW)
    return keeper.scores()
