"""Geometry: one affine map, so image and masks are resampled once.

Shape letters: H, W height and width; C colour channels (RGB).
"""

import math
from typing import Any

import cv2
import numpy as np
import torch
from torchvision import tv_tensors
from torchvision.transforms import v2

from losszero_rt.preprocess import InputSpec
from train.augment.sample import as_image, current_rng, outside_of, pixels_of
from train.config import Phase


class AffineCrop(v2.Transform):  # type: ignore[misc]
    """Draws a crop: magnification, aspect, a slight turn and a place.

    Beyond the picture the pixels are mirrored, the labels ignored, and there is no instance.

    Args:
        phase: Crop size and range of magnifications.
        spec: The network input that magnification 1 refers to.
    """

    _transformed_types = (tv_tensors.Image, tv_tensors.Mask)

    def __init__(self, *, phase: Phase, spec: InputSpec) -> None:
        super().__init__()
        self.phase = phase
        self.spec = spec

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw the map from the picture to the crop, float64 (2, 3), x before y."""
        height, width = flat_inputs[0].shape[-2:]
        crop_h, crop_w = self.phase.crop_size
        rng = current_rng()
        magnify = math.exp(rng.uniform(*np.log(self.phase.scale)))
        aspect = math.exp(rng.uniform(-0.08, 0.08))
        base_y, base_x = _input_scale((height, width), self.spec)
        scale_y, scale_x = base_y * magnify / aspect, base_x * magnify * aspect
        centre_y = _centre(height * scale_y, crop_h, rng)
        centre_x = _centre(width * scale_x, crop_w, rng)
        turn = math.radians(rng.normal(0.0, 2.0))
        cos, sin = math.cos(turn), math.sin(turn)
        linear = np.array([[cos * scale_x, -sin * scale_y], [sin * scale_x, cos * scale_y]])
        source = np.array([centre_x / scale_x, centre_y / scale_y])
        offset = np.array([crop_w / 2, crop_h / 2]) - linear @ source
        return {"affine": np.hstack([linear, offset[:, None]]), "scale": max(scale_x, scale_y)}

    def transform(self, inpt: torch.Tensor, params: dict[str, Any]) -> torch.Tensor:
        """Resample an image bilinearly, a mask by nearest."""
        size_wh = self.phase.crop_size[::-1]
        if isinstance(inpt, tv_tensors.Image):
            pixels_HWC = pixels_of(inpt)
            if params["scale"] < 0.75:  # bilinear alone would alias
                kernel = (2, 2) if params["scale"] > 0.4 else (3, 3)
                pixels_HWC = cv2.blur(pixels_HWC, kernel)
            warped = cv2.warpAffine(
                pixels_HWC, params["affine"], size_wh, borderMode=cv2.BORDER_REFLECT
            )
            return as_image(warped)
        warped = cv2.warpAffine(
            inpt.numpy(),
            params["affine"],
            size_wh,
            flags=cv2.INTER_NEAREST,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=(outside_of(inpt),),
        )
        mask: torch.Tensor = tv_tensors.Mask(torch.from_numpy(warped))
        return mask


def _input_scale(size: tuple[int, int], spec: InputSpec) -> tuple[float, float]:
    """Scale (y, x) by which the runtime stretches a picture, or fills the input's width."""
    place = spec.place(size)
    if (place.height, place.width) == spec.size:
        return place.height / size[0], place.width / size[1]
    scale = spec.size[1] / size[1]
    return scale, scale


def _centre(length: float, crop: int, rng: np.random.Generator) -> float:
    """Draw the centre of a crop along one axis, in pixels of the magnified picture."""
    if length <= crop:
        return float(length / 2 + rng.uniform(-0.5, 0.5) * (crop - length))
    return float(rng.uniform(crop / 2, length - crop / 2))
