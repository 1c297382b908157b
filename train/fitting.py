"""Fitting a recipe to other data or another length."""

from dataclasses import replace

from losszero_rt.classmap import ClassMap
from train.config import TrainConfig


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


def with_classes(config: TrainConfig, classes: ClassMap) -> TrainConfig:
    """Return the configuration for pictures of other classes, which then train alone.

    What a recipe says about its own classes does not hold for others: class weights, pasted
    objects, rides rendered, and the light of the night.
    """
    if classes.names == config.classes.names:
        return config
    return replace(
        config,
        classes=classes,
        network=replace(
            config.network,
            num_classes=classes.num_classes,
            background_id=classes.background_id,
        ),
        loss=replace(config.loss, classes=(1.0,) * classes.num_classes),
        shares={"pictures": 1.0},
        num_rides=0,
        paste_rate=0.0,
        lane_paste_rate=0.0,
        vehicle_paste_rate=0.0,
        night=False,
    )
