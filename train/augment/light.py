"""Photometry: the light, the lens and the sensor of a night ride, one transform each.

Shape letters: H, W height and width; C colour channels (RGB).
"""

import math
from typing import Any

import cv2
import numpy as np
import torch
from torchvision import tv_tensors
from torchvision.transforms import v2

from train.augment.sample import as_image, current_rng, pixels_of


class PixelTransform(v2.Transform):  # type: ignore[misc]
    """A transform of the pixels of an image alone, drawn anew for each.

    Args:
        p: Chance that it happens.
    """

    _transformed_types = (tv_tensors.Image,)

    def __init__(self, *, p: float = 1.0) -> None:
        super().__init__()
        self.p = p

    def transform(self, inpt: torch.Tensor, params: dict[str, Any]) -> torch.Tensor:
        """Return a new image, or the one that came in, which is left alone."""
        rng = current_rng()
        return as_image(self.drawn(pixels_of(inpt), rng)) if rng.random() < self.p else inpt

    def drawn(self, pixels_HWC: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return new pixels, uint8 (H, W, 3)."""
        raise NotImplementedError


class Exposure(PixelTransform):
    """Gamma, gain, lift and colour cast: one table of 256 values a channel.

    Args:
        is_night: Whether the picture is dark already; a day picture is darkened far more.
    """

    def __init__(self, *, is_night: bool) -> None:
        super().__init__()
        self.is_night = is_night

    def drawn(self, pixels_HWC: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Look every value up."""
        ramp = np.linspace(0.0, 1.0, 256)[:, None]
        darken = 0.0 if self.is_night or rng.random() < 0.25 else rng.uniform(0.3, 1.3)
        gamma = math.exp(rng.normal(0.0, 0.25) + 0.6 * darken)
        gain = math.exp(rng.normal(0.0, 0.3) - 0.9 * darken)
        cast = np.exp(rng.normal(0.0, 0.1, 3))
        lift = max(0.0, rng.normal(-0.01, 0.02))
        curve = np.clip(gain * cast * ramp**gamma + lift, 0.0, 1.0)
        return cv2.LUT(pixels_HWC, np.rint(255 * curve).astype(np.uint8)[None])


class Headlights(v2.Transform):  # type: ignore[misc]
    """Leaves a pool of light on the road, dark beyond it; not where a bike or rider is seen.

    Who learns that black corners are a rider sees riders in every black corner.

    Args:
        bike_ids: Classes of bike and rider.
        p: Chance for a picture without them.
    """

    _transformed_types = (tv_tensors.Image, tv_tensors.Mask)

    def __init__(self, *, bike_ids: tuple[int, ...], p: float) -> None:
        super().__init__()
        self.bike_ids = bike_ids
        self.p = p

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw whether, and which light, float32 (H, W)."""
        rng = current_rng()
        if rng.random() >= self.p:
            return {"light": None}
        for inpt in flat_inputs:
            is_labels = isinstance(inpt, tv_tensors.Mask) and inpt.dtype == torch.uint8
            if is_labels and any((inpt.numpy() == one).any() for one in self.bike_ids):
                return {"light": None}
        height, width = flat_inputs[0].shape[-2:]
        return {"light": _pool_of_light(height, width, rng)}

    def transform(self, inpt: torch.Tensor, params: dict[str, Any]) -> torch.Tensor:
        """Dim an image; masks stay."""
        if params["light"] is None or not isinstance(inpt, tv_tensors.Image):
            return inpt
        light = cv2.merge([params["light"]] * 3)
        return as_image(cv2.multiply(pixels_of(inpt), light, dtype=cv2.CV_8U))


def _pool_of_light(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    rows = np.arange(height, dtype=np.float32)[:, None] / height
    columns = np.arange(width, dtype=np.float32)[None] / width
    y = (rows - rng.uniform(0.45, 0.8)) / rng.uniform(0.2, 0.6)
    x = (columns - rng.uniform(0.3, 0.7)) / rng.uniform(0.25, 0.7)
    floor = rng.uniform(0.0, 0.3)
    return np.asarray(floor + (1 - floor) * np.exp(-(x * x + y * y)), np.float32)


class Blur(PixelTransform):
    """Blurs by focus or by motion along one direction."""

    def drawn(self, pixels_HWC: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Filter the picture."""
        if rng.random() < 0.5:
            return cv2.GaussianBlur(pixels_HWC, (0, 0), rng.uniform(0.4, 1.6))
        length = int(rng.integers(3, 10))
        kernel = np.zeros((length, length), np.float32)
        angle = rng.uniform(0, math.pi)
        reach = (length - 1) / 2
        shift = np.array([math.cos(angle), math.sin(angle)]) * reach
        start, end = np.rint(reach - shift).astype(int), np.rint(reach + shift).astype(int)
        cv2.line(kernel, start.tolist(), end.tolist(), (1.0,))
        return cv2.filter2D(pixels_HWC, -1, kernel / kernel.sum())


class SensorNoise(PixelTransform):
    """Adds noise, fine or of two pixels' grain."""

    def drawn(self, pixels_HWC: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Add it."""
        height, width = pixels_HWC.shape[:2]
        grain = int(rng.integers(1, 3))
        # torch's normal numbers take a third of the time of NumPy's.
        noise = torch.randn(height // grain, width // grain, 3).numpy()
        noise *= np.float32(rng.uniform(1.0, 8.0))
        fine = cv2.resize(noise, (width, height), interpolation=cv2.INTER_LINEAR)
        return cv2.add(pixels_HWC, fine, dtype=cv2.CV_8U)


class Compression(PixelTransform):
    """Compresses as JPEG and back: torchvision's own way there is deprecated since 0.29."""

    def drawn(self, pixels_HWC: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Encode and decode; red and blue change places on both ways, so the colours stay."""
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 90))]
        packet = cv2.imencode(".jpg", pixels_HWC, quality)[1]
        return np.asarray(cv2.imdecode(packet, cv2.IMREAD_COLOR))
