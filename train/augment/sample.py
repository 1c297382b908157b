"""What the transforms work on, and where their chance comes from.

An image is a (C, H, W) view of pixels that lie as (H, W, C) in memory, so that OpenCV's kernels
need no copy. The first mask of a sample holds labels (uint8), the second instances (int16).

Shape letters: H, W height and width; C colour channels (RGB).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np
import torch
from torchvision import tv_tensors

from losszero_rt.classmap import IGNORED_ID

Sample = dict[str, torch.Tensor]
_RNG: ContextVar[np.random.Generator | None] = ContextVar("rng of the sample", default=None)
# Around a picture nothing is known, and there is no instance.
_OUTSIDE = {torch.uint8: IGNORED_ID, torch.int16: 0}


def to_sample(
    pixels_HWC: np.ndarray, labels_HW: np.ndarray, *, instances_HW: np.ndarray | None = None
) -> Sample:
    """Wrap uint8 RGB, uint8 labels and, if given, instances below 32768, which are copied."""
    sample = {
        "image": as_image(pixels_HWC),
        "labels": tv_tensors.Mask(torch.from_numpy(np.ascontiguousarray(labels_HW))),
    }
    if instances_HW is not None:
        instances = torch.from_numpy(instances_HW.astype(np.int16))
        sample["instances"] = tv_tensors.Mask(instances)
    return sample


def from_sample(sample: Sample) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return uint8 RGB (H, W, 3), uint8 labels (H, W), and int16 instances (H, W) or None."""
    instances = sample.get("instances")
    return (
        pixels_of(sample["image"]),
        sample["labels"].numpy(),
        None if instances is None else instances.numpy(),
    )


def as_image(pixels_HWC: np.ndarray) -> torch.Tensor:
    """Wrap pixels as an image, without a copy where they are contiguous."""
    image: torch.Tensor = tv_tensors.Image(
        torch.from_numpy(np.ascontiguousarray(pixels_HWC)).permute(2, 0, 1)
    )
    return image


def pixels_of(image_CHW: torch.Tensor) -> np.ndarray:
    """Return the pixels of an image, uint8 (H, W, 3), without a copy where they lie so."""
    return np.ascontiguousarray(image_CHW.permute(1, 2, 0).numpy())


def outside_of(mask_HW: torch.Tensor) -> int:
    """Return what a mask holds beyond the edge of its picture."""
    return _OUTSIDE[mask_HW.dtype]


def current_rng() -> np.random.Generator:
    """Return the generator of the sample being drawn, else one that torch's state decides."""
    return _RNG.get() or np.random.default_rng(int(torch.randint(1 << 62, ()).item()))


@contextmanager
def drawn_from(*seed: int) -> Iterator[np.random.Generator]:
    """Let everything that transforms draw within follow from a seed; torch's state is restored.

    Only the CPU's generator is touched: nothing here draws on another device.

    Args:
        seed: Numbers, none below 0.

    Yields:
        The generator that our own transforms draw from.
    """
    seeds = np.random.SeedSequence(seed)
    before = torch.default_generator.get_state()
    rng = np.random.default_rng(seeds)
    token = _RNG.set(rng)
    # torchvision's own draw from torch.
    torch.default_generator.manual_seed(int(seeds.generate_state(1)[0]))
    try:
        yield rng
    finally:
        _RNG.reset(token)
        torch.default_generator.set_state(before)
