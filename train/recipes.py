"""Recipes: a recipe is a function that returns a configuration."""

from collections.abc import Callable
from dataclasses import replace

from losszero_rt.errors import UsageError
from losszero_rt.network import Architecture, NetworkSpec
from train.config import LossWeights, Phase, TrainConfig

SHORT_CROPS = Phase(epochs=8, crop_size=(256, 448), batch_size=8, scale=(0.6, 1.5))


def candidate(architecture: Architecture, decoder_channels: int) -> TrainConfig:
    """Return the short training by which architectures are compared."""
    network = NetworkSpec(architecture=architecture, decoder_channels=decoder_channels)
    return TrainConfig(network=network, phases=(SHORT_CROPS,))


def deeplabv3plus() -> TrainConfig:
    """DeepLabV3+ with a decoder of 128 channels."""
    return candidate("deeplabv3plus", 128)


def deeplabv3plus_wide() -> TrainConfig:
    """DeepLabV3+ with a decoder of 256 channels."""
    return candidate("deeplabv3plus", 256)


def unet() -> TrainConfig:
    """U-Net whose finest level, at stride 4, has 32 channels."""
    return candidate("unet", 16)


def fpn() -> TrainConfig:
    """Feature pyramid with 64 channels a level."""
    return candidate("fpn", 64)


def night_ride() -> TrainConfig:
    """Return the first stage of the model that ships: crops."""
    return replace(
        fpn(),
        phases=(Phase(epochs=24, crop_size=(256, 448), batch_size=8, scale=(0.6, 1.5)),),
        learning_rate=1.5e-3,
        warmup_share=0.05,
        ema_decay=0.995,
        loss=LossWeights(classes=(1.0, 1.0, 2.0, 1.0, 1.2, 1.5), dice=0.5, lovasz=0.5),
        frozen_stages=2,
    )


def night_ride_whole() -> TrainConfig:
    """Return the second stage: whole pictures, so that a rider is told by the bike beside it."""
    return replace(
        night_ride(),
        phases=(Phase(epochs=9, crop_size=(384, 672), batch_size=4, scale=(0.85, 1.3)),),
        shares={"night_ride": 0.5, "comma10k": 0.25, "rides": 0.25},
        paste_rate=0.15,
        learning_rate=6e-4,
    )


RECIPES: dict[str, Callable[[], TrainConfig]] = {
    "deeplabv3plus": deeplabv3plus,
    "deeplabv3plus-wide": deeplabv3plus_wide,
    "unet": unet,
    "fpn": fpn,
    "night-ride": night_ride,
    "night-ride-whole": night_ride_whole,
}


def recipe(name: str) -> TrainConfig:
    """Return the configuration of a named recipe."""
    if name not in RECIPES:
        raise UsageError(f"unknown recipe {name!r}", accepted=f"recipes: {', '.join(RECIPES)}")
    return RECIPES[name]()


def with_epochs(config: TrainConfig, epochs: int) -> TrainConfig:
    """Return the configuration stretched or cut to a number of epochs, phases in proportion."""
    total = config.num_epochs
    ends = [0]
    for phase in config.phases:
        ends.append(ends[-1] + phase.epochs)
    cuts = [round(end * epochs / total) for end in ends]
    phases = tuple(
        replace(phase, epochs=until - since)
        for phase, since, until in zip(config.phases, cuts[:-1], cuts[1:], strict=True)
        if until > since
    )
    return replace(config, phases=phases)
