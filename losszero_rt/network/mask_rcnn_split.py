"""Mask R-CNN in parts: those that can be compiled, and what is left between them.

    pixels -> [trunk] -> features, objectness, shifts of anchors, at five levels
                         anchors, the best of them, overlaps, RoIAlign
              [boxes] -> classes and shifts of each region
                         overlaps, RoIAlign
              [masks] -> objects, painted into logits

What stands in brackets has a fixed shape and nearly all of the work. Between them there are as
many boxes as the picture has: that stays torchvision's own code, the very lines that the eager
network runs, around heads that ask compiled parts.

Shape letters: N pictures, C channels of the pyramid, H, W height and width of the network input,
h, w of a level, R regions, S side of what RoIAlign cuts out.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from losszero_rt.errors import NotFiniteError
from losszero_rt.network.mask_rcnn import detector_of, network_of
from losszero_rt.network.objects import DetectedObjects
from losszero_rt.network.spec import NetworkSpec

if TYPE_CHECKING:
    import torch
    from torch import nn

Part = Literal["trunk", "boxes", "masks"]
PARTS: tuple[Part, ...] = get_args(Part)
HEADS: tuple[Part, ...] = ("boxes", "masks")
# The levels of the pyramid as torchvision calls them.
LEVELS = ("0", "1", "2", "3", "pool")
# Regions that a compiled head takes at once; the last of them are padding. A picture has as many
# proposals as its clutter makes, but rarely more than a dozen objects.
NUM_REGIONS: dict[Part, int] = {"boxes": 128, "masks": 16}
# Side of what RoIAlign cuts out for each head.
_SIDES: dict[Part, int] = {"boxes": 7, "masks": 14}
# From regions (R, C, S, S) to the outputs of a head, float32.
Head = Callable[["torch.Tensor"], "Sequence[torch.Tensor]"]


def is_split(spec: NetworkSpec) -> bool:
    """Say whether a network is compiled in parts."""
    return spec.architecture == "mask-rcnn"


def num_regions(spec: NetworkSpec, part: Part) -> int:
    """Return how many regions the compiled head of a network takes at once."""
    most = spec.proposals_max if part == "boxes" else spec.detections_max
    return min(NUM_REGIONS[part], most)


def regions_shape(spec: NetworkSpec, part: Part) -> tuple[int, int, int]:
    """Return (C, S, S) of the regions that a head takes."""
    return spec.decoder_channels, _SIDES[part], _SIDES[part]


def in_pieces(head: Head, *, num: int) -> Head:
    """Let a head of a fixed number of regions take any number of them.

    Args:
        head: Takes exactly ``num`` regions; its outputs may be overwritten by its next call.
        num: How many.
    """
    import torch

    def ask(regions_RCSS: "torch.Tensor") -> "list[torch.Tensor]":
        found = []
        # Even of no regions the outputs have a shape.
        for start in range(0, max(1, len(regions_RCSS)), num):
            some = regions_RCSS[start : start + num]
            missing = num - len(some)
            # Only the last piece can be short.
            full = (
                torch.cat([some, some.new_zeros((missing, *some.shape[1:]))]) if missing else some
            )
            found.append([output[: len(some)].clone() for output in head(full)])
        return [torch.cat(pieces) for pieces in zip(*found, strict=True)]

    return ask


class SplitNetwork:
    """A Mask R-CNN whose parts run elsewhere: what is left of it, in torch and torchvision.

    Args:
        spec: The network.
        boxes: From regions (R, C, 7, 7) to class logits (R, classes) and shifts (R, 4 classes).
        masks: From regions (R, C, 14, 14) to mask logits (R, classes, 28, 28).
        precision: Arithmetic of the parts, for a message.
        device: Where features and regions lie.
    """

    def __init__(
        self,
        spec: NetworkSpec,
        *,
        boxes: Head,
        masks: Head,
        precision: str,
        device: "torch.device | str" = "cpu",
    ) -> None:
        from torch import nn

        self._precision = precision
        self._trunk: Sequence[torch.Tensor] = ()
        backbone = _asking(lambda _: self._features())
        backbone.out_channels = spec.decoder_channels  # type: ignore[assignment]
        detector = detector_of(
            spec,
            backbone=backbone,
            rpn_head=_asking(lambda _: self._guesses()),
            box_head=_asking(lambda regions: self._finite(boxes(regions), part="boxes")),
            box_predictor=nn.Identity(),
            mask_head=_asking(lambda regions: self._finite(masks(regions), part="masks")[0]),
            mask_predictor=nn.Identity(),
        )
        self._network: Any = network_of(spec, detector=detector).eval().to(device)

    def logits(self, trunk: "Sequence[torch.Tensor]", *, size: tuple[int, int]) -> "torch.Tensor":
        """Return the painted logits alone; see :meth:`logits_and_objects`."""
        return cast("torch.Tensor", self._go_on(self._network, trunk, size))

    def logits_and_objects(
        self, trunk: "Sequence[torch.Tensor]", *, size: tuple[int, int]
    ) -> "tuple[torch.Tensor, list[DetectedObjects]]":
        """Return what :meth:`ObjectNetwork.logits_and_objects` does, of what the trunk found.

        Args:
            trunk: Features (N, C, h, w) of the five levels, then objectness, then shifts of
                anchors; float32, for boxes are coordinates. They are not needed afterwards.
            size: (H, W) of the pictures.

        Raises:
            NotFiniteError: If a part gave values that are not finite.
        """
        found = self._go_on(self._network.logits_and_objects, trunk, size)
        return cast("tuple[torch.Tensor, list[DetectedObjects]]", found)

    def _go_on(
        self, ask: Callable[[Any], Any], trunk: "Sequence[torch.Tensor]", size: tuple[int, int]
    ) -> Any:
        import torch

        self._trunk = self._finite(trunk, part="trunk")
        # Of the pictures only their number and size matter from here on.
        shape = (len(trunk[0]), 3, *size)
        try:
            with torch.inference_mode():
                return ask(torch.empty(shape, device="meta"))
        finally:
            self._trunk = ()

    def _finite(self, outputs: "Sequence[torch.Tensor]", *, part: Part) -> "Sequence[torch.Tensor]":
        """Refuse what overflowed: its objects would only be left out, and nobody would notice."""
        import torch

        # The sum of all is no number where one is none; a GPU is waited for once.
        if not bool(torch.stack([one.sum() for one in outputs]).sum().isfinite()):
            raise NotFiniteError(f"the compiled {part} part", precision=self._precision)
        return outputs

    def _features(self) -> "dict[str, torch.Tensor]":
        return dict(zip(LEVELS, self._trunk, strict=False))

    def _guesses(self) -> "tuple[list[torch.Tensor], list[torch.Tensor]]":
        num = len(LEVELS)
        return list(self._trunk[num : 2 * num]), list(self._trunk[2 * num :])


def _asking(run: Callable[[Any], Any]) -> "nn.Module":
    """Return a module without weights that asks a function."""
    from torch import nn

    class Asking(nn.Module):
        """Stands where torchvision has a network of its own."""

        def forward(self, given: Any) -> Any:
            return run(given)

    return Asking()
