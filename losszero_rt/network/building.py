"""From a specification to a network, and what all networks have in common.

Shape letters: N pictures, C channels or classes, H, W height and width.
"""

from typing import TYPE_CHECKING

from losszero_rt.errors import ModelError
from losszero_rt.network.spec import NetworkSpec

if TYPE_CHECKING:
    import torch
    from torch import nn


def build_network(spec: NetworkSpec) -> "nn.Module":
    """Build a network with random weights; no hub is asked.

    Args:
        spec: What to build.

    Returns:
        A module that in evaluation mode maps normalised float (N, 3, H, W) to logits
        (N, num_classes, h, w); H and W are multiples of 32. The logits are left at the decoder's
        stride, mostly 4: whoever needs them finer upsamples them bilinearly. ``mask-rcnn`` is an
        :class:`~losszero_rt.network.objects.ObjectNetwork` besides.

    Raises:
        ModelError: If the encoder does not exist or does not fit the architecture.
    """
    if spec.architecture == "mask-rcnn":
        from losszero_rt.network.mask_rcnn import build_mask_rcnn

        return build_mask_rcnn(spec)
    if spec.architecture == "sam":
        from losszero_rt.network.sam import build_sam

        return build_sam(spec)
    from losszero_rt.network.smp_networks import build_smp

    return build_smp(spec)


def encoder_of(network: "nn.Module") -> "nn.Module":
    """Return the part that pretrained weights are for: what turns a picture into features."""
    name = "backbone.body" if hasattr(network, "backbone") else "encoder"
    return network.get_submodule(name)


def head_of(network: "nn.Module") -> "nn.Conv2d":
    """Return the linear convolution that turns the last features into logits.

    Raises:
        ModelError: If the network paints objects instead.
    """
    from torch import nn

    if not hasattr(network, "segmentation_head"):
        raise no_linear_head()
    head = network.get_submodule("segmentation_head")
    return [one for one in head.modules() if isinstance(one, nn.Conv2d)][-1]


def no_linear_head() -> ModelError:
    """Return the error of whoever needs a linear head, of a network that paints objects."""
    return ModelError(
        "this network has no linear head: it finds objects and paints them",
        accepted="any architecture but mask-rcnn",
    )


def upsample_logits(logits_NCHW: "torch.Tensor", size: tuple[int, int]) -> "torch.Tensor":
    """Resize logits bilinearly to ``size`` (height, width), corners not aligned."""
    from torch.nn import functional

    return functional.interpolate(logits_NCHW, size=size, mode="bilinear", align_corners=False)
