"""Keep the encoder's first stages as ImageNet or an earlier training left them.

The stages at stride 2 and 4 see the largest maps: a third of a training step on a CPU goes into
them, and a few dozen pictures teach them little that is new.
"""

from torch import nn

from losszero_rt.errors import UsageError


def early_stages(network: nn.Module, *, num_stages: int) -> list[nn.Module]:
    """Return the stem and the first stages of an EfficientNet-Lite0 encoder.

    Args:
        network: A network with an ``encoder``.
        num_stages: Stages after the stem; 0 returns nothing, not even the stem.

    Raises:
        UsageError: If the encoder has no such stages.
    """
    if not num_stages:
        return []
    try:
        model = network.get_submodule("encoder.model")
        blocks = model.get_submodule("blocks")
        stem = [model.get_submodule("conv_stem"), model.get_submodule("bn1")]
    except AttributeError as error:
        raise UsageError(
            "frozen stages of an encoder without numbered stages",
            accepted="the encoder tu-tf_efficientnet_lite0, or frozen_stages 0",
        ) from error
    return stem + list(blocks.children())[:num_stages]
