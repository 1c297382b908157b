"""Objects in a picture, and the logits that they paint.

Shape letters: N pictures, C classes, K objects, H, W height and width of the network input,
h, w of a map at a stride; S side of a mask head's square output.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import torch
    from torch import nn

# A pixel belongs to an object from this probability on.
MASK_MIN = 0.5
# A certain object with a certain mask has half of this as its logit, the background 0.
LOGIT_GAIN = 12.0
STRIDE = 4
_PASTED_AT_ONCE = 16


@dataclass(frozen=True, kw_only=True, eq=False)
class DetectedObjects:
    """Objects found in one picture, most certain first, on the network's device.

    Attributes:
        class_ids: int64 (K,) class of each object.
        scores: float32 (K,) confidence of each object, 0..1.
        boxes: float32 (K, 4) x0, y0, x1, y1 in pixels of the network input.
        masks: bool (K, H, W) at the size of the network input.
    """

    class_ids: "torch.Tensor"
    scores: "torch.Tensor"
    boxes: "torch.Tensor"
    masks: "torch.Tensor"

    def __repr__(self) -> str:
        return f"DetectedObjects({len(self.class_ids)})"


@runtime_checkable
class ObjectNetwork(Protocol):
    """A network that finds objects, and paints them when it is asked for logits."""

    def objects(self, values_NCHW: "torch.Tensor") -> list[DetectedObjects]:
        """Return the objects of each picture; in evaluation mode only.

        Args:
            values_NCHW: Normalised float pictures.
        """
        ...

    def logits_and_objects(
        self, values_NCHW: "torch.Tensor"
    ) -> "tuple[torch.Tensor, list[DetectedObjects]]":
        """Return what ``forward`` and :meth:`objects` return, for the price of one of them.

        Args:
            values_NCHW: Normalised float pictures.
        """
        ...

    def losses(
        self, values_NCHW: "torch.Tensor", targets: "Sequence[dict[str, torch.Tensor]]"
    ) -> "dict[str, torch.Tensor]":
        """Return the losses by name; in training mode only.

        Args:
            values_NCHW: Normalised float pictures.
            targets: For each picture ``boxes`` float (K, 4) x0, y0, x1, y1 in pixels, ``labels``
                int64 (K,) class ids other than the background's, ``masks`` uint8 (K, H, W); K may
                be 0.
        """
        ...

    def parts(self) -> "dict[str, list[nn.Parameter]]":
        """Return all parameters by part: ``backbone``, ``rpn`` and ``roi``."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Detections:
    """Objects of one picture before their masks are laid into it.

    Attributes:
        class_ids: int64 (K,).
        scores: float32 (K,), 0..1.
        boxes: float32 (K, 4) x0, y0, x1, y1 in pixels of the network input.
        masks_KSS: float32 (K, S, S) probability within the box.
    """

    class_ids: "torch.Tensor"
    scores: "torch.Tensor"
    boxes: "torch.Tensor"
    masks_KSS: "torch.Tensor"


def paste(found: Detections, *, size: tuple[int, int], stride: int = 1) -> "torch.Tensor":
    """Lay masks into the picture, all at once.

    Args:
        found: The objects.
        size: (H, W) of the picture.
        stride: Pixels of the picture a pixel of the result.

    Returns:
        Probabilities (K, h, w), sampled bilinearly at pixel centres, 0 outside of the boxes.
    """
    import torch
    from torch.nn import functional

    boxes = found.boxes
    h, w = (-(-side // stride) for side in size)
    ys = (torch.arange(h, device=boxes.device, dtype=boxes.dtype) + 0.5) * stride
    xs = (torch.arange(w, device=boxes.device, dtype=boxes.dtype) + 0.5) * stride
    x0, y0, x1, y1 = boxes.unbind(1)
    # From pixels to -1..1 across the box, which is where grid_sample has the mask.
    grid_y = (ys - y0[:, None]) / (y1 - y0)[:, None] * 2 - 1
    grid_x = (xs - x0[:, None]) / (x1 - x0)[:, None] * 2 - 1
    grid = torch.stack(
        [grid_x[:, None, :].expand(-1, h, w), grid_y[:, :, None].expand(-1, h, w)], dim=-1
    )
    return functional.grid_sample(found.masks_KSS[:, None], grid, align_corners=False)[:, 0]


def lay_out(found: Detections, *, size: tuple[int, int]) -> DetectedObjects:
    """Return the objects with their masks at picture size, laid out a few at a time."""
    import torch

    bounds = range(0, len(found.scores), _PASTED_AT_ONCE)
    masks = [found.masks_KSS.new_zeros((0, *size), dtype=torch.bool)]
    for start in bounds:
        part = slice(start, start + _PASTED_AT_ONCE)
        some = Detections(
            class_ids=found.class_ids[part],
            scores=found.scores[part],
            boxes=found.boxes[part],
            masks_KSS=found.masks_KSS[part],
        )
        masks.append(paste(some, size=size) > MASK_MIN)
    return DetectedObjects(
        class_ids=found.class_ids,
        scores=found.scores,
        boxes=found.boxes,
        masks=torch.cat(masks),
    )


def paint(
    found: Sequence[Detections], *, num_classes: int, background_id: int, size: tuple[int, int]
) -> "torch.Tensor":
    """Paint the objects of a batch into logits.

    A class is worth, at each pixel, the largest ``score * (mask probability - 0.5)`` of its
    objects; the background is worth 0. So a pixel is an object's where its mask reaches 0.5,
    whatever its score, and the more certain of two objects that overlap lies on top. The values
    are continuous, so that they may be upsampled like other logits.

    Args:
        found: The objects of each picture.
        num_classes: C.
        background_id: The class that is no object.
        size: (H, W) of the pictures.

    Returns:
        Logits (N, C, h, w) at stride 4.
    """
    import torch

    counts = [len(one.scores) for one in found]
    together = Detections(
        class_ids=torch.cat([one.class_ids for one in found]),
        scores=torch.cat([one.scores for one in found]),
        boxes=torch.cat([one.boxes for one in found]),
        masks_KSS=torch.cat([one.masks_KSS for one in found]),
    )
    maps_Khw = paste(together, size=size, stride=STRIDE)
    values_Khw = LOGIT_GAIN * together.scores[:, None, None] * (maps_Khw - MASK_MIN)
    h, w = maps_Khw.shape[1:]
    device = values_Khw.device
    picture = torch.repeat_interleave(torch.tensor(counts, device=device))
    row = (picture * num_classes + together.class_ids)[:, None].expand(-1, h * w)
    nothing = values_Khw.new_full((len(found) * num_classes, h * w), -LOGIT_GAIN * MASK_MIN)
    painted = nothing.scatter_reduce(0, row, values_Khw.flatten(1), "amax")
    logits_NChw = painted.view(len(found), num_classes, h, w)
    return logits_NChw.index_fill(1, torch.tensor([background_id], device=device), 0.0)
