"""From a labelled picture to a training crop, as the runtime would show it at night.

Geometry is one affine map, so image and labels are resampled once. Photometry is one table of
256 values a channel, then light falloff, blur, noise and JPEG: all in OpenCV, because on one
thread torchvision's float pipeline costs more than the network's forward pass on such a crop.

Shape letters: H, W height and width; C colour channels (RGB).
"""

import math

import cv2
import numpy as np

from losszero_rt.classmap import IGNORED_ID
from losszero_rt.preprocess import InputSpec
from train.config import Phase

Pair = tuple[np.ndarray, np.ndarray]


def crop_pair(pair: Pair, *, phase: Phase, spec: InputSpec, rng: np.random.Generator) -> Pair:
    """Draw a crop: magnification, aspect, a slight turn, a mirror image and a place.

    Args:
        pair: uint8 RGB (h, w, 3) and uint8 labels (h, w).
        phase: Crop size and range of magnifications.
        spec: The network input that magnification 1 refers to.
        rng: Source of all draws.

    Returns:
        uint8 RGB (H, W, 3) and uint8 labels (H, W) of the crop size; beyond the picture the
        pixels are mirrored and the labels ignored.
    """
    pixels_HWC, labels_HW = pair
    height, width = labels_HW.shape
    crop_h, crop_w = phase.crop_size
    magnify = math.exp(rng.uniform(math.log(phase.scale[0]), math.log(phase.scale[1])))
    aspect = math.exp(rng.uniform(-0.08, 0.08))
    base_y, base_x = _input_scale((height, width), spec)
    scale_y, scale_x = base_y * magnify / aspect, base_x * magnify * aspect
    centre_y = _centre(height * scale_y, crop_h, rng)
    centre_x = _centre(width * scale_x, crop_w, rng)
    mirror = -1.0 if rng.random() < 0.5 else 1.0
    turn = math.radians(rng.normal(0.0, 2.0))
    cos, sin = math.cos(turn), math.sin(turn)
    linear = np.array(
        [[cos * scale_x * mirror, -sin * scale_y], [sin * scale_x * mirror, cos * scale_y]]
    )
    source = np.array([centre_x / scale_x, centre_y / scale_y])
    offset = np.array([crop_w / 2, crop_h / 2]) - linear @ source
    affine = np.hstack([linear, offset[:, None]])
    if max(scale_x, scale_y) < 0.75:
        pixels_HWC = cv2.blur(pixels_HWC, (2, 2) if max(scale_x, scale_y) > 0.4 else (3, 3))
    pixels = cv2.warpAffine(
        pixels_HWC, affine, (crop_w, crop_h), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    labels = cv2.warpAffine(
        labels_HW,
        affine,
        (crop_w, crop_h),
        flags=cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(IGNORED_ID,),
    )
    return pixels, labels


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


def night(
    pixels_HWC: np.ndarray, *, is_night: bool, has_bike: bool, rng: np.random.Generator
) -> np.ndarray:
    """Draw a light: exposure, colour, falloff, blur, noise and compression.

    Args:
        pixels_HWC: uint8 RGB (H, W, 3).
        is_night: Whether the picture is dark already; a day picture is darkened far more.
        has_bike: Whether a bike or rider is labelled in it. Then nothing is left in the dark:
            who learns that black corners are a rider sees riders in every black corner.
        rng: Source of all draws.

    Returns:
        uint8 RGB (H, W, 3), a new array.
    """
    pixels = cv2.LUT(pixels_HWC, _tone_table(is_night, rng))
    if not has_bike and rng.random() < 0.6:
        pixels = _falloff(pixels, rng)
    if rng.random() < 0.3:
        pixels = _blurred(pixels, rng)
    if rng.random() < 0.5:
        pixels = _noisy(pixels, rng)
    if rng.random() < 0.3:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 90))]
        packet = cv2.imencode(".jpg", pixels, quality)[1]
        pixels = np.asarray(cv2.imdecode(packet, cv2.IMREAD_COLOR))
    return pixels


def _tone_table(is_night: bool, rng: np.random.Generator) -> np.ndarray:
    """Gamma, gain, lift, colour cast and saturation of the channels, uint8 (1, 256, 3)."""
    ramp = np.linspace(0.0, 1.0, 256)[:, None]
    darken = 0.0 if is_night or rng.random() < 0.25 else rng.uniform(0.3, 1.3)
    gamma = math.exp(rng.normal(0.0, 0.25) + 0.6 * darken)
    gain = math.exp(rng.normal(0.0, 0.3) - 0.9 * darken)
    cast = np.exp(rng.normal(0.0, 0.1, 3))
    lift = max(0.0, rng.normal(-0.01, 0.02))
    curve = np.clip(gain * cast * ramp**gamma + lift, 0.0, 1.0)
    return np.rint(255 * curve).astype(np.uint8)[None]


def _falloff(pixels_HWC: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Leave a pool of light on the road, dark beyond it, as headlights do."""
    height, width = pixels_HWC.shape[:2]
    y = (
        np.arange(height, dtype=np.float32)[:, None] / height - rng.uniform(0.45, 0.8)
    ) / rng.uniform(0.2, 0.6)
    x = (np.arange(width, dtype=np.float32)[None] / width - rng.uniform(0.3, 0.7)) / rng.uniform(
        0.25, 0.7
    )
    floor = rng.uniform(0.0, 0.3)
    light = floor + (1 - floor) * np.exp(-(x * x + y * y))
    return cv2.multiply(pixels_HWC, cv2.merge([light] * 3), dtype=cv2.CV_8U)


def _blurred(pixels_HWC: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Blur by focus or by motion along one direction."""
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


def _noisy(pixels_HWC: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Add sensor noise, fine or of two pixels' grain."""
    height, width = pixels_HWC.shape[:2]
    grain = int(rng.integers(1, 3))
    noise = rng.standard_normal((height // grain, width // grain, 3), np.float32)
    noise *= rng.uniform(1.0, 8.0)
    fine = cv2.resize(noise, (width, height), interpolation=cv2.INTER_LINEAR)
    return cv2.add(pixels_HWC, fine, dtype=cv2.CV_8U)
