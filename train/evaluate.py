"""What a network is worth on labelled pictures, seen exactly as the runtime shows them.

Test-time augmentation is offered here and nowhere else: what it gains costs several passes a
picture, so its scores never enter a checkpoint and never stand beside a frame rate.

Shape letters: N pictures, C channels or classes, H, W height and width.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

import cv2
import numpy as np
import torch
from torch import nn

from losszero_rt.classmap import ClassMap
from losszero_rt.metrics import BandKeeper, BoundaryKeeper, ScoreKeeper, Scores
from losszero_rt.network import upsample_logits
from losszero_rt.preprocess import InputSpec
from train.datasets.picture import LabelledPicture

Augmentation = Literal["none", "flips", "scales", "both"]
SCALES = (0.75, 1.0, 1.25)
# Every encoder halves its input five times at most.
STRIDE = 32


@torch.no_grad()
def predict(
    network: nn.Module,
    pixels_HWC: np.ndarray,
    *,
    spec: InputSpec,
    test_time: Augmentation = "none",
) -> np.ndarray:
    """Return the labels of one picture at its own size.

    Args:
        network: In evaluation mode, on any device.
        pixels_HWC: uint8 RGB (h, w, 3).
        spec: The network's input.
        test_time: Average the probabilities over the picture and its mirror image (``flips``),
            over three input sizes (``scales``), or over ``both``.

    Returns:
        uint8 labels (h, w): the argmax of the logits at input size, resized by nearest.
    """
    if test_time == "none":
        labels_HW = _logits(network, pixels_HWC, spec=spec).argmax(0)
        place = spec.place((pixels_HWC.shape[0], pixels_HWC.shape[1]))
        shown = place.crop(_as_labels(labels_HW), input_size=spec.size)
    else:
        shown = _as_labels(_averaged(network, pixels_HWC, spec=spec, test_time=test_time).argmax(0))
    size_wh = (pixels_HWC.shape[1], pixels_HWC.shape[0])
    return cv2.resize(shown, size_wh, interpolation=cv2.INTER_NEAREST)


def _logits(network: nn.Module, pixels_HWC: np.ndarray, *, spec: InputSpec) -> torch.Tensor:
    """Return the logits (C, H, W) over the whole network input, bars included."""
    picture = spec.new_input()
    spec.fill_pixels(pixels_HWC, picture)
    mean = torch.tensor(spec.mean) * 255
    std = torch.tensor(spec.std) * 255
    values_NCHW = ((torch.from_numpy(picture).float() - mean) / std).permute(2, 0, 1)[None]
    return upsample_logits(network(values_NCHW.to(_device_of(network))), spec.size)[0]


def _averaged(
    network: nn.Module, pixels_HWC: np.ndarray, *, spec: InputSpec, test_time: Augmentation
) -> torch.Tensor:
    """Return the mean of the probabilities (C, h, w) over all views, where the picture lies."""
    size = pixels_HWC.shape[0], pixels_HWC.shape[1]
    shown = spec.place(size)
    views = []
    for view, mirrored in _views(spec, test_time):
        seen_HWC = np.ascontiguousarray(pixels_HWC[:, ::-1]) if mirrored else pixels_HWC
        logits_CHW = _logits(network, seen_HWC, spec=view)
        place = view.place(size)
        rows = slice(place.top, place.top + place.height)
        inside_CHW = logits_CHW[:, rows, place.left : place.left + place.width].softmax(0)
        inside_CHW = inside_CHW.flip(-1) if mirrored else inside_CHW
        views.append(upsample_logits(inside_CHW[None], (shown.height, shown.width))[0])
    return torch.stack(views).mean(0)


def _views(spec: InputSpec, test_time: Augmentation) -> Iterator[tuple[InputSpec, bool]]:
    """Yield the input of every view, and whether it sees the picture mirrored."""
    scales = (1.0,) if test_time == "flips" else SCALES
    for scale in scales:
        height, width = (max(1, round(side * scale / STRIDE)) * STRIDE for side in spec.size)
        view = spec if scale == 1 else replace(spec, size=(height, width))
        yield view, False
        if test_time != "scales":
            yield view, True


def _as_labels(ids_HW: torch.Tensor) -> np.ndarray:
    return np.asarray(ids_HW.to(torch.uint8).cpu().numpy())


def _device_of(network: nn.Module) -> torch.device:
    """Return where the network's weights lie; the CPU for one without weights."""
    return next((weight.device for weight in network.parameters()), torch.device("cpu"))


def score(
    network: nn.Module,
    pictures: Sequence[LabelledPicture],
    *,
    spec: InputSpec,
    classes: ClassMap,
    boundary: BoundaryKeeper | None = None,
    bands: BandKeeper | None = None,
    test_time: Augmentation = "none",
) -> Scores:
    """Score a network on pictures, each at the size of its mask.

    Args:
        network: Left in evaluation mode.
        pictures: At least one.
        spec: The network's input.
        classes: The classes of labels and outputs.
        boundary: Also given every pair, where the outlines are wanted too.
        bands: Also given every pair, where far, middle and near are wanted apart.
        test_time: See :func:`predict`; anything but ``none`` must be told beside the scores.
    """
    network.eval()
    keeper = ScoreKeeper(classes)
    keepers = [each for each in (keeper, boundary, bands) if each is not None]
    for picture in pictures:
        labels_HW = predict(network, picture.pixels_HWC, spec=spec, test_time=test_time)
        for each in keepers:
            each.add(labels_HW, truth=picture.labels_HW)
    return keeper.scores()
