"""Recipes of the models for night rides: each a stage that goes on from another one's weights."""

from dataclasses import replace

from train.config import LossWeights, Phase, TrainConfig
from train.family_recipes import fpn, segformer_lite0


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


def night_ride_swept() -> TrainConfig:
    """Return a third stage that a sweep proposed and cross-validation did not confirm.

    See ``benchmarks/sweep``. It is no stage of the model that ships.
    """
    whole = night_ride_whole()
    classes = (1.9, 1.0, 1.4, *whole.loss.classes[3:])
    return replace(
        whole,
        phases=(replace(whole.phases[0], epochs=3),),
        learning_rate=1.5e-4,
        ema_decay=0.98,
        loss=replace(whole.loss, classes=classes, dice=0.2, lovasz=0.6),
        paste_rate=0.22,
        lane_paste_rate=0.5,
        vehicle_paste_rate=0.5,
        seed=41,
    )


def night_ride_free() -> TrainConfig:
    """Return a third stage: every stage of the encoder learns, and magnification varies more."""
    whole = night_ride_whole()
    return replace(
        whole,
        phases=(replace(whole.phases[0], epochs=10, scale=(0.7, 1.4)),),
        learning_rate=8e-4,
        ema_decay=0.997,
        frozen_stages=0,
        seed=11,
    )


def night_ride_wary() -> TrainConfig:
    """Return another third stage: ground that must not be driven on weighs more."""
    free = night_ride_free()
    classes = (1.6, *free.loss.classes[1:])
    return replace(
        free,
        phases=(replace(free.phases[0], epochs=8),),
        loss=replace(free.loss, classes=classes),
        frozen_stages=2,
        seed=23,
    )


def night_ride_last() -> TrainConfig:
    """Return the last stage, from the mean of the two before, warier still."""
    wary = night_ride_wary()
    classes = (2.0, *wary.loss.classes[1:])
    return replace(wary, loss=replace(wary.loss, classes=classes), learning_rate=6e-4, seed=37)


def lean() -> TrainConfig:
    """Return the second stage of a candidate to ship: crops, after ``segformer-lite0``.

    SegFormer's decoder is linear up to its one normalisation, so that export moves its products
    to the coarse maps: 128 channels cost a fraction of a pyramid of 64.
    """
    return replace(
        segformer_lite0(),
        phases=(Phase(epochs=12, crop_size=(256, 448), batch_size=8, scale=(0.6, 1.5)),),
        learning_rate=1.2e-3,
        warmup_share=0.05,
        ema_decay=0.995,
        loss=LossWeights(classes=(1.0, 1.0, 2.0, 1.0, 1.2, 1.5), dice=0.5, lovasz=0.5),
        frozen_stages=2,
    )


def lean_whole() -> TrainConfig:
    """Return the third stage: whole pictures, so that a rider is told by the bike beside it.

    Some of the rendered rides have many people on foot, most of them in dark clothes.
    """
    return replace(
        lean(),
        phases=(Phase(epochs=9, crop_size=(384, 672), batch_size=4, scale=(0.7, 1.4)),),
        shares={"night_ride": 0.5, "comma10k": 0.25, "rides": 0.25},
        walker_share=0.4,
        paste_rate=0.15,
        learning_rate=8e-4,
    )


def lean_wary() -> TrainConfig:
    """Return the last stage: ground that must not be driven on weighs more."""
    whole = lean_whole()
    return replace(
        whole,
        phases=(replace(whole.phases[0], epochs=8),),
        loss=replace(whole.loss, classes=(1.6, *whole.loss.classes[1:])),
        learning_rate=6e-4,
        ema_decay=0.997,
        seed=23,
    )


def lean_last() -> TrainConfig:
    """Return the fifth stage, from the mean of the two before, warier still."""
    wary = lean_wary()
    loss = replace(wary.loss, classes=(2.0, *wary.loss.classes[1:]))
    return replace(wary, loss=loss, seed=37)
