"""The planes of a batch of frames on their way to a GPU: one pinned buffer and its twin there.

Planes are uploaded as they were decoded, mostly 4:2:0, which is half of what full-size RGB would
be. Rows lie close in the buffer: luma, then both chroma planes, frame by frame.

Shape letters: H, W height and width of the luma, h, w of the chroma planes.
"""

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from losszero_rt.frame import Planes

if TYPE_CHECKING:
    import torch

Shape = tuple[int, ...]


class PlaneBuffers:
    """Takes batches of frames, one after the other; memory is only asked for by larger ones.

    Args:
        device: Where the twin lies.
    """

    def __init__(self, device: "torch.device") -> None:
        self._device = device
        self._host = zeros_pinned((0,))
        self._twin = self._host
        self._shapes: list[tuple[Shape, Shape]] = []
        self._used = 0

    def fill(self, frames: Sequence[Planes]) -> None:
        """Copy the planes of frames into the pinned buffer; they may be reused on return."""
        self._shapes = [(planes.y.shape, (2, *planes.u.shape)) for planes in frames]
        self._used = sum(planes.nbytes for planes in frames)
        self._make_room(self._used)
        target, start = self._host.numpy(), 0
        for planes in frames:
            for plane in (planes.y, planes.u, planes.v):
                np.copyto(target[start : start + plane.size].reshape(plane.shape), plane)
                start += plane.size

    def upload(self) -> None:
        """Start the copy to the device on the current stream."""
        self._twin[: self._used].copy_(self._host[: self._used], non_blocking=True)

    def on_device(self) -> "list[tuple[torch.Tensor, torch.Tensor]]":
        """Return luma (H, W) and chroma (2, h, w) of each frame, views of the twin."""
        found, start = [], 0
        for shapes in self._shapes:
            views = []
            for shape in shapes:
                views.append(self._twin[start : start + prod(shape)].view(shape))
                start += prod(shape)
            found.append((views[0], views[1]))
        return found

    def _make_room(self, num_bytes: int) -> None:
        import torch

        if self._host.numel() < num_bytes:
            self._host = zeros_pinned((num_bytes,))
            self._twin = torch.empty(num_bytes, dtype=torch.uint8, device=self._device)
            # Whatever lay there before was the default stream's, which others do not wait for.
            torch.cuda.synchronize(self._device)


def zeros_pinned(shape: Shape, *, dtype: "torch.dtype | None" = None) -> "torch.Tensor":
    """Return zeros in pinned memory; in pageable memory, slower but right, where none is left.

    Args:
        shape: Of the tensor.
        dtype: Of the tensor; uint8 if left away.
    """
    import torch

    dtype = dtype or torch.uint8
    try:
        return torch.zeros(shape, dtype=dtype, pin_memory=True)
    except RuntimeError:
        return torch.zeros(shape, dtype=dtype)
