"""Recipes by name: a recipe is a function that returns a configuration."""

from collections.abc import Callable

from losszero_rt.errors import UsageError
from train import family_recipes, ride_recipes
from train.config import TrainConfig

RECIPES: dict[str, Callable[[], TrainConfig]] = {
    "deeplabv3plus": family_recipes.deeplabv3plus,
    "deeplabv3plus-wide": family_recipes.deeplabv3plus_wide,
    "unet": family_recipes.unet,
    "unetplusplus": family_recipes.unetplusplus,
    "fpn": family_recipes.fpn,
    "segformer-lite0": family_recipes.segformer_lite0,
    "segformer-b0": family_recipes.segformer_b0,
    "segformer-b2": family_recipes.segformer_b2,
    "mask-rcnn": family_recipes.mask_rcnn,
    "mask-rcnn-small": family_recipes.mask_rcnn_small,
    "sam-small": family_recipes.sam_small,
    "sam-b": family_recipes.sam_b,
    "parking-unet": family_recipes.parking_unet,
    "parking-deeplabv3plus": family_recipes.parking_deeplabv3plus,
    "parking-mask-rcnn": family_recipes.parking_mask_rcnn,
    "night-ride": ride_recipes.night_ride,
    "night-ride-whole": ride_recipes.night_ride_whole,
    "night-ride-swept": ride_recipes.night_ride_swept,
    "night-ride-free": ride_recipes.night_ride_free,
    "night-ride-wary": ride_recipes.night_ride_wary,
    "night-ride-last": ride_recipes.night_ride_last,
    "lean": ride_recipes.lean,
    "lean-whole": ride_recipes.lean_whole,
    "lean-wary": ride_recipes.lean_wary,
    "lean-last": ride_recipes.lean_last,
}


def recipe(name: str) -> TrainConfig:
    """Return the configuration of a named recipe."""
    if name not in RECIPES:
        raise UsageError(f"unknown recipe {name!r}", accepted=f"recipes: {', '.join(RECIPES)}")
    return RECIPES[name]()
