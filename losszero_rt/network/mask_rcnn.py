"""Mask R-CNN over a ResNet: finds objects, and paints them into logits for the common metrics.

With the encoder ``resnet50`` and 256 decoder channels its tensors are those of torchvision's
``maskrcnn_resnet50_fpn_v2``; a smaller ResNet and fewer channels make it small throughout.

Source: He et al., "Mask R-CNN" (2017), https://arxiv.org/abs/1703.06870; second version:
Li et al., "Benchmarking Detection Transfer Learning with Vision Transformers" (2021),
https://arxiv.org/abs/2111.11429.

Shape letters: N pictures, K objects, H, W height and width.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from losszero_rt.errors import ModelError
from losszero_rt.network.objects import DetectedObjects, Detections, lay_out, paint
from losszero_rt.network.spec import NetworkSpec

if TYPE_CHECKING:
    import torch
    from torch import nn

RESNETS = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152")
# torchvision's 32..512 are meant for pictures of 800 pixels; the sides here are half of that,
# yet a road still fills the whole width.
_ANCHOR_SIZES = ((16,), (40,), (96,), (216,), (512,))
_ASPECT_RATIOS = (0.5, 1.0, 2.0)


def build_mask_rcnn(spec: NetworkSpec) -> "nn.Module":
    """Build a Mask R-CNN with random weights; see :class:`ObjectNetwork` for what it can do.

    Unlike torchvision's it takes one tensor of pictures that are normalised and sized already.

    Raises:
        ModelError: If the encoder is no ResNet of torchvision, or there is no class but the
            background.
    """
    return network_of(spec, detector=_detector(spec))


def network_of(spec: NetworkSpec, *, detector: Any) -> "nn.Module":
    """Return the network that paints what a detector of torchvision finds.

    Args:
        spec: What it was built of.
        detector: Has ``backbone``, ``rpn`` and ``roi_heads``.
    """
    import torch
    from torch import nn

    class MaskRcnn(nn.Module):
        """Backbone, region proposals, heads; torchvision's class ids have the background first."""

        class_ids: torch.Tensor

        def __init__(self) -> None:
            super().__init__()
            self.backbone = detector.backbone
            self.rpn = detector.rpn
            self.roi_heads = detector.roi_heads
            others = [one for one in range(spec.num_classes) if one != spec.background_id]
            order = torch.tensor([spec.background_id, *others])
            self.register_buffer("class_ids", order, persistent=False)

        def forward(self, values_NCHW: torch.Tensor) -> torch.Tensor:
            return self._paint(_detect(self, values_NCHW), _size(values_NCHW))

        def _paint(self, found: list[Detections], size: tuple[int, int]) -> torch.Tensor:
            return paint(
                found, num_classes=spec.num_classes, background_id=spec.background_id, size=size
            )

        def objects(self, values_NCHW: torch.Tensor) -> list[DetectedObjects]:
            size = _size(values_NCHW)
            return [lay_out(found, size=size) for found in _detect(self, values_NCHW)]

        def logits_and_objects(
            self, values_NCHW: torch.Tensor
        ) -> tuple[torch.Tensor, list[DetectedObjects]]:
            found, size = _detect(self, values_NCHW), _size(values_NCHW)
            return self._paint(found, size), [lay_out(one, size=size) for one in found]

        def losses(
            self, values_NCHW: torch.Tensor, targets: Sequence[dict[str, torch.Tensor]]
        ) -> dict[str, torch.Tensor]:
            return _losses(self, values_NCHW, targets)

        def parts(self) -> dict[str, list[nn.Parameter]]:
            return {
                "backbone": list(self.backbone.parameters()),
                "rpn": list(self.rpn.parameters()),
                "roi": list(self.roi_heads.parameters()),
            }

    return MaskRcnn()


def _detector(spec: NetworkSpec) -> Any:
    from torch import nn
    from torchvision.models.detection import faster_rcnn, mask_rcnn, rpn

    if spec.encoder not in RESNETS or spec.num_classes < 2:
        raise ModelError(
            f"mask-rcnn of {spec.num_classes} classes over the encoder {spec.encoder}",
            accepted=f"two classes or more; encoders: {', '.join(RESNETS)}",
        )
    width, num_classes = spec.decoder_channels, spec.num_classes
    return detector_of(
        spec,
        backbone=_backbone(spec),
        rpn_head=rpn.RPNHead(width, len(_ASPECT_RATIOS), conv_depth=2),
        box_head=faster_rcnn.FastRCNNConvFCHead(
            (width, 7, 7), [width] * 4, [4 * width], norm_layer=nn.BatchNorm2d
        ),
        box_predictor=faster_rcnn.FastRCNNPredictor(4 * width, num_classes),
        mask_head=mask_rcnn.MaskRCNNHeads(width, [width] * 4, 1, norm_layer=nn.BatchNorm2d),
        mask_predictor=mask_rcnn.MaskRCNNPredictor(width, width, num_classes),
    )


def detector_of(spec: NetworkSpec, *, backbone: "nn.Module", **heads: "nn.Module") -> Any:
    """Assemble torchvision's Mask R-CNN: anchors, proposals, overlaps and RoIAlign around heads.

    Args:
        spec: Scores and limits.
        backbone: From values to the features of five levels, ``out_channels`` wide.
        **heads: ``rpn_head``, ``box_head``, ``box_predictor``, ``mask_head``, ``mask_predictor``.
    """
    from torchvision.models.detection import anchor_utils, mask_rcnn

    anchors = anchor_utils.AnchorGenerator(
        sizes=_ANCHOR_SIZES, aspect_ratios=(_ASPECT_RATIOS,) * len(_ANCHOR_SIZES)
    )
    return mask_rcnn.MaskRCNN(
        backbone,
        rpn_anchor_generator=anchors,
        rpn_pre_nms_top_n_train=2 * spec.proposals_max,
        rpn_post_nms_top_n_train=2 * spec.proposals_max,
        rpn_pre_nms_top_n_test=spec.proposals_max,
        rpn_post_nms_top_n_test=spec.proposals_max,
        box_score_thresh=spec.score_min,
        box_detections_per_img=spec.detections_max,
        box_batch_size_per_image=min(512, spec.proposals_max),
        **heads,
    )


def _backbone(spec: NetworkSpec) -> Any:
    from torch import nn
    from torchvision.models import get_model
    from torchvision.models.detection.backbone_utils import BackboneWithFPN

    trunk = get_model(spec.encoder, weights=None)
    widths = [trunk.inplanes // 8 * factor for factor in (1, 2, 4, 8)]
    layers = {f"layer{number}": str(number - 1) for number in (1, 2, 3, 4)}
    return BackboneWithFPN(trunk, layers, widths, spec.decoder_channels, norm_layer=nn.BatchNorm2d)


def _size(values_NCHW: "torch.Tensor") -> tuple[int, int]:
    return int(values_NCHW.shape[2]), int(values_NCHW.shape[3])


def _run(network: Any, values_NCHW: "torch.Tensor", targets: Any) -> tuple[Any, Any]:
    """Return torchvision's detections and losses, without its resizing and normalising."""
    from torchvision.models.detection.image_list import ImageList

    sizes = [_size(values_NCHW)] * len(values_NCHW)
    features = network.backbone(values_NCHW)
    regions, region_losses = network.rpn(ImageList(values_NCHW, sizes), features, targets)
    found, head_losses = network.roi_heads(features, regions, sizes, targets)
    return found, {**region_losses, **head_losses}


def _detect(network: Any, values_NCHW: "torch.Tensor") -> list[Detections]:
    if network.training:
        raise ModelError(
            "mask-rcnn was asked for objects in training mode",
            accepted="its losses in training mode, objects and logits in evaluation mode",
            remedy="call eval() first, or losses() with targets",
        )
    found, _ = _run(network, values_NCHW, None)
    return [
        Detections(
            class_ids=network.class_ids[one["labels"]],
            scores=one["scores"],
            boxes=one["boxes"],
            masks_KSS=one["masks"][:, 0],
        )
        for one in found
    ]


def _losses(
    network: Any, values_NCHW: "torch.Tensor", targets: Sequence[dict[str, "torch.Tensor"]]
) -> "dict[str, torch.Tensor]":
    import torch

    if not network.training:
        raise ModelError("mask-rcnn has losses in training mode only", remedy="call train() first")
    # Where a class id stands in the order that has the background first.
    label_of = torch.argsort(network.class_ids)
    ordered = []
    for index, target in enumerate(targets):
        _check_target(target, index=index, network=network, size=_size(values_NCHW))
        ordered.append({**target, "labels": label_of[target["labels"]]})
    if len(ordered) != len(values_NCHW):
        raise ModelError(f"{len(ordered)} targets for {len(values_NCHW)} pictures")
    return cast("dict[str, torch.Tensor]", _run(network, values_NCHW, ordered)[1])


def _check_target(
    target: dict[str, "torch.Tensor"], *, index: int, network: Any, size: tuple[int, int]
) -> None:
    """Refuse a target that torchvision would trip over, or learn nonsense from."""
    boxes, labels, masks = target["boxes"], target["labels"], target["masks"]
    count = len(labels)
    fits = boxes.shape == (count, 4) and masks.shape == (count, *size)
    background_id, num_classes = int(network.class_ids[0]), len(network.class_ids)
    objects = (labels >= 0) & (labels < num_classes) & (labels != background_id)
    if not fits or not bool((boxes[:, 2:] > boxes[:, :2]).all()) or not bool(objects.all()):
        raise ModelError(
            f"target {index}: boxes {tuple(boxes.shape)}, labels {sorted(set(labels.tolist()))}, "
            f"masks {tuple(masks.shape)}",
            accepted=f"boxes (K, 4) of positive width and height, masks (K, {size[0]}, {size[1]}), "
            f"class ids below {num_classes} other than the background's {background_id}",
        )
