"""The parts of a Mask R-CNN that are compiled, each a network of fixed shape.

What runs between them is :class:`losszero_rt.network.mask_rcnn_split.SplitNetwork`.

Shape letters: N pictures, C channels of the pyramid, H, W height and width of the input, R regions,
S side of what RoIAlign cuts out.
"""

from typing import Any

import torch
from torch import nn

from losszero_rt.network import NetworkSpec
from losszero_rt.network.mask_rcnn_split import HEADS, Part, num_regions, regions_shape


class Trunk(nn.Module):
    """From normalised values (N, 3, H, W) to features, objectness and shifts at five levels."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.backbone, self.head = network.backbone, network.rpn.head

    def forward(self, values_NCHW: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return five features (N, C, h, w), then as many of objectness, then of shifts."""
        features = list(self.backbone(values_NCHW).values())
        objectness, shifts = self.head(features)
        return (*features, *objectness, *shifts)


class BoxHead(nn.Module):
    """From regions (R, C, 7, 7) to class logits (R, classes) and shifts (R, 4 classes)."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.head, self.predictor = network.roi_heads.box_head, network.roi_heads.box_predictor

    def forward(self, regions_RCSS: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return class logits and shifts."""
        logits, shifts = self.predictor(self.head(regions_RCSS))
        return logits, shifts


class MaskHead(nn.Module):
    """From regions (R, C, 14, 14) to mask logits (R, classes, 28, 28)."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.head, self.predictor = network.roi_heads.mask_head, network.roi_heads.mask_predictor

    def forward(self, regions_RCSS: torch.Tensor) -> torch.Tensor:
        """Return mask logits of every class."""
        logits: torch.Tensor = self.predictor(self.head(regions_RCSS))
        return logits


def part_of(network: nn.Module, part: Part) -> nn.Module:
    """Return a part of a Mask R-CNN, which it shares its weights with."""
    makers: dict[Part, type[Trunk | BoxHead | MaskHead]] = {
        "trunk": Trunk,
        "boxes": BoxHead,
        "masks": MaskHead,
    }
    return makers[part](network).eval()


def example_of(spec: NetworkSpec, part: Part, *, dtype: torch.dtype) -> torch.Tensor:
    """Return regions (R, C, S, S) of zeros, as many as a compiled head takes."""
    assert part in HEADS, "the trunk takes pictures"
    return torch.zeros(num_regions(spec, part), *regions_shape(spec, part), dtype=dtype)
