"""What a network makes of one picture, and where it looks, both laid on the picture itself.

Shape letters: N pictures, C channels, H, W height and width.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import nn

from losszero_rt.network import upsample_logits
from losszero_rt.overlay.cam import grad_cam
from losszero_rt.preprocess import InputSpec, Placement
from train.datasets.picture import LabelledPicture


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Seen:
    """A picture with what the network made of it.

    Attributes:
        picture: Pixels and truth.
        labels_HW: uint8 labels at the picture's size.
        values_NCHW: The network's input, one picture, normalised float32.
        place: Where the picture lies in that input.
    """

    picture: LabelledPicture
    labels_HW: np.ndarray
    values_NCHW: torch.Tensor
    place: Placement

    def __repr__(self) -> str:
        return f"Seen({self.picture.name!r})"


@torch.no_grad()
def see(network: nn.Module, picture: LabelledPicture, *, spec: InputSpec) -> Seen:
    """Run a network in evaluation mode on a picture, as the runtime does."""
    pixels_HWC = spec.new_input()
    place = spec.fill_pixels(picture.pixels_HWC, pixels_HWC)
    mean, std = torch.tensor(spec.mean) * 255, torch.tensor(spec.std) * 255
    values_NCHW = ((torch.from_numpy(pixels_HWC).float() - mean) / std).permute(2, 0, 1)[None]
    logits_NCHW = upsample_logits(network(values_NCHW), spec.size)
    labels_HW = logits_NCHW[0].argmax(0).to(torch.uint8).numpy()
    return Seen(
        picture=picture,
        labels_HW=_on_picture(labels_HW, place=place, picture=picture, way=cv2.INTER_NEAREST),
        values_NCHW=values_NCHW,
        place=place,
    )


def look(
    network: nn.Module,
    seen: Seen,
    *,
    layer: str,
    class_id: int,
    method: str,
    mask_HW: np.ndarray | None = None,
) -> np.ndarray:
    """Return where a layer speaks for a class, float32 (H, W) at the picture's size, 0..1.

    Args:
        network: In evaluation mode.
        seen: The picture.
        layer: See :func:`losszero_rt.overlay.cam.grad_cam`.
        class_id: The class.
        method: One of its methods.
        mask_HW: bool pixels of the picture whose logits count; None for all.
    """
    masks_NHW = None if mask_HW is None else _in_input(mask_HW, seen)[None]
    maps_NHW = grad_cam(
        network,
        seen.values_NCHW,
        layer=layer,
        target_class=class_id,
        method=method,
        masks_NHW=masks_NHW,
    )
    return _on_picture(maps_NHW[0], place=seen.place, picture=seen.picture, way=cv2.INTER_LINEAR)


def _on_picture(
    map_HW: np.ndarray, *, place: Placement, picture: LabelledPicture, way: int
) -> np.ndarray:
    """Bring a map over the network input to the picture."""
    shown = place.crop(map_HW, input_size=(map_HW.shape[0], map_HW.shape[1]))
    size_wh = (picture.labels_HW.shape[1], picture.labels_HW.shape[0])
    return cv2.resize(shown, size_wh, interpolation=way)


def _in_input(mask_HW: np.ndarray, seen: Seen) -> np.ndarray:
    """Bring a mask of the picture to the network input, bool; a speck is never lost."""
    place = seen.place
    whole = np.zeros(seen.values_NCHW.shape[2:], bool)
    shares = cv2.resize(
        mask_HW.astype(np.float32), (place.width, place.height), interpolation=cv2.INTER_AREA
    )
    rows = slice(place.top, place.top + place.height)
    columns = slice(place.left, place.left + place.width)
    whole[rows, columns] = shares >= min(0.5, float(shares.max()) or 1.0)
    return whole
