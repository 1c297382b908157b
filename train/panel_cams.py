"""Where a network looked on the pictures that are shown while it trains, at no extra pass.

The maps are those of the runtime (:mod:`losszero_rt.network.forward_cam`): forward only, of the
head's input. Those of all classes are kept, small as they are, because which class is the weakest
is known only when all pictures are scored.

Shape letters: C classes, K features, h, w height and width at the head, H, W of the picture.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import cv2
import numpy as np
import torch
from torch import nn

from losszero_rt.metrics import Scores
from losszero_rt.network import ObjectNetwork, head_of
from losszero_rt.network.forward_cam import head_cams, watched
from losszero_rt.preprocess import InputSpec

# As in the runtime: a class that is absent stays dark, instead of its faintest trace in full heat.
_LEAST_PEAK = 1.0


@dataclass
class Maps:
    """The maps of one picture.

    Attributes:
        cams_Chw: float32, 0 and more, in logits; None for a network without a linear head.
    """

    cams_Chw: np.ndarray | None = field(default=None, repr=False)

    def heat(self, class_id: int, *, size: tuple[int, int], spec: InputSpec) -> np.ndarray | None:
        """Return the map of a class on the picture, float32 (H, W), 0..1.

        Args:
            class_id: The class.
            size: (H, W) of the picture.
            spec: The input in which the network saw it.
        """
        if self.cams_Chw is None:
            return None
        whole_HW = cv2.resize(self.cams_Chw[class_id], spec.size[::-1])
        shown_HW = spec.place(size).crop(whole_HW, input_size=spec.size)
        peak = max(_LEAST_PEAK, float(shown_HW.max()))
        return np.asarray(cv2.resize(shown_HW / peak, size[::-1]), np.float32)


@contextmanager
def maps_of(network: nn.Module) -> Iterator[Maps]:
    """Collect the maps of the one picture that a network sees inside a ``with`` block."""
    maps = Maps()
    if isinstance(network, ObjectNetwork):
        yield maps
        return
    head = head_of(network)
    with watched(head) as passes:
        yield maps
    with torch.no_grad():
        maps.cams_Chw = head_cams(head, *passes[-1])[0].float().cpu().numpy()


def weakest_class(scores: Scores) -> int:
    """Return the id of the class with the lowest IoU; absent classes do not count."""
    return int(np.where(np.isnan(scores.class_iou), np.inf, scores.class_iou).argmin())
