"""What travels from the processes that draw samples to the one that trains.

Shape letters: N pictures, H, W height and width; C colour channels (RGB).
"""

from dataclasses import dataclass

import numpy as np
import torch

from losszero_rt.preprocess import InputSpec
from train.instances import ObjectTargets


@dataclass(frozen=True, kw_only=True, repr=False)
class Batch:
    """Samples of one step, as small as they can be.

    Attributes:
        pixels_NHWC: uint8 RGB (N, H, W, 3).
        labels_NHW: uint8 class ids (N, H, W).
        objects: The objects of each picture; None if nobody wants them.
    """

    pixels_NHWC: np.ndarray
    labels_NHW: np.ndarray
    objects: list[ObjectTargets] | None = None

    def __len__(self) -> int:
        return len(self.labels_NHW)

    def __repr__(self) -> str:
        return f"Batch({self.pixels_NHWC.shape}, objects={self.objects is not None})"

    def parts(self, num_parts: int) -> "list[Batch]":
        """Cut into micro-batches of nearly the same size, in order."""
        return [
            Batch(
                pixels_NHWC=self.pixels_NHWC[chosen],
                labels_NHW=self.labels_NHW[chosen],
                objects=None if self.objects is None else [self.objects[i] for i in chosen],
            )
            for chosen in np.array_split(np.arange(len(self)), num_parts)
        ]

    def values(self, spec: InputSpec, *, device: torch.device) -> torch.Tensor:
        """Return the normalised float32 (N, 3, H, W), channels last, that the network takes."""
        mean = torch.tensor(spec.mean, device=device) * 255
        std = torch.tensor(spec.std, device=device) * 255
        pixels = torch.from_numpy(self.pixels_NHWC).to(device)
        return ((pixels.float() - mean) / std).permute(0, 3, 1, 2)

    def labels(self, *, device: torch.device) -> torch.Tensor:
        """Return the labels, int64 (N, H, W)."""
        return torch.from_numpy(self.labels_NHW).to(device).long()
