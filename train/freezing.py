"""Keep the encoder's first stages, or all of it, as ImageNet or an earlier training left them.

The stages at stride 2 and 4 see the largest maps: a third of a training step on a CPU goes into
them, and a few dozen pictures teach them little that is new. Of a large vision transformer, as
Segment Anything's, few pictures can tune only the last blocks, or none.
"""

import re
from typing import Literal

from torch import nn

from losszero_rt.errors import UsageError
from losszero_rt.network import encoder_of

# The whole encoder is tuned; its last blocks and what follows them; nothing of it.
Tuning = Literal["full", "last-blocks", "frozen"]
_NUMBERED = re.compile(r"(?:layer|stages_|s)\d")


def frozen_stages_of(network: nn.Module, *, tuning: Tuning, num_last: int = 2) -> int:
    """Return how many stages a way of tuning freezes, for ``num_stages`` below.

    Args:
        network: A network with an encoder.
        tuning: The way.
        num_last: Stages that ``last-blocks`` leaves free; blocks, in a vision transformer.

    Raises:
        UsageError: If the encoder has no stages, or not more than ``num_last``.
    """
    if tuning == "full":
        return 0
    num_stages = len(_stages(network)[1])
    if tuning == "frozen":
        return num_stages
    if not 1 <= num_last < num_stages:
        raise UsageError(
            f"the last {num_last} of {num_stages} stages to be tuned",
            accepted=f"1 to {num_stages - 1}",
        )
    return num_stages - num_last


def freeze(network: nn.Module, *, num_stages: int) -> tuple[nn.Module, ...]:
    """Stop the gradients of the first stages.

    Args:
        network: Changed in place.
        num_stages: As for :func:`early_stages`.

    Returns:
        What must stay in evaluation mode while the rest trains.

    Raises:
        UsageError: If the encoder has no such stages.
    """
    frozen = early_stages(network, num_stages=num_stages)
    for module in frozen:
        module.requires_grad_(False)
    if frozen:
        # Position embeddings and tokens enter before the first stage, yet belong to no module.
        for parameter in _model(network).parameters(recurse=False):
            parameter.requires_grad_(False)
    return tuple(frozen)


def early_stages(network: nn.Module, *, num_stages: int) -> list[nn.Module]:
    """Return the stem and the first stages of an encoder.

    Args:
        network: A network with an encoder.
        num_stages: Stages after the stem; 0 returns nothing, not even the stem, all of them the
            whole encoder with what follows them.

    Raises:
        UsageError: If the encoder has no such stages.
    """
    if not num_stages:
        return []
    stem, stages = _stages(network)
    if not 0 < num_stages <= len(stages):
        raise UsageError(
            f"{num_stages} frozen stages", accepted=f"0 to {len(stages)} with this encoder"
        )
    if num_stages == len(stages):
        return [encoder_of(network)]
    return stem + [module for stage in stages[:num_stages] for module in stage]


def _model(network: nn.Module) -> nn.Module:
    """Return the encoder without smp's wrapper around timm's."""
    encoder = encoder_of(network)
    return encoder.get_submodule("model") if hasattr(encoder, "model") else encoder


def _stages(network: nn.Module) -> tuple[list[nn.Module], list[list[nn.Module]]]:
    """Return the stem and the stages, each a list of modules, in the order they are run in."""
    children = dict(_model(network).named_children())
    names = list(children)
    if "block1" in names:
        # A mix transformer: each stage begins with its own patches.
        parts = ("patch_embed", "block", "norm")
        return [], [[children[f"{part}{one}"] for part in parts] for one in (1, 2, 3, 4)]
    for listed in ("blocks", "_blocks"):
        if listed in names:
            stem = [children[name] for name in names[: names.index(listed)]]
            return stem, [[stage] for stage in children[listed].children()]
    numbered = [name for name in names if _NUMBERED.fullmatch(name)]
    if not numbered:
        raise UsageError(
            "frozen stages of an encoder without numbered stages",
            accepted="an EfficientNet, ResNet, RegNet, ConvNeXt, mix transformer or SAM encoder, "
            "or frozen_stages 0",
        )
    stem = [children[name] for name in names[: names.index(numbered[0])]]
    return stem, [[children[name]] for name in numbered]
