"""``python -m train compare``: recipes and checkpoints beside each other."""

import math
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from losszero_rt.classmap import NIGHT_RIDE, ClassMap
from losszero_rt.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from train.compare import Clip, Contestant, Weights
    from train.datasets import LabelledPicture, PictureSet, Split

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("contestants", metavar="RECIPE_OR_CHECKPOINT...", nargs=-1, required=True)
@click.option("--data", "data_folder", type=PATH, help="Data folder.")
@click.option(
    "--split", "split_path", type=PATH, help="Split file with train and val; else the data's own."
)
@click.option("--clip", "clip_path", type=PATH, help="Video to run; a drawn ride if left away.")
@click.option("--seconds", type=float, default=10.0, show_default=True, help="Of the clip.")
@click.option("--rounds", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--out", type=PATH, required=True, help="Folder to write.")
@click.option("--epochs", type=click.IntRange(min=1), help="Stretch or cut every recipe.")
@click.option(
    "--pictures",
    "shown",
    default="rides",
    show_default=True,
    metavar="rides|none|DIR",
    help="What to show side by side: rendered rides, or a data set of your own.",
)
@click.option(
    "--weights",
    type=click.Choice(["last", "best"]),
    default="last",
    show_default=True,
    help="Which checkpoint of a training; the best epoch is chosen on the scored pictures.",
)
@click.option(
    "--time-limit-min",
    type=click.FloatRange(0),
    default=math.inf,
    help="Training time of each recipe; what it reaches by then is compared.",
)
@click.option("--encoder-weights", help="imagenet-offline, imagenet, none, or a file.")
@click.option("--seed", type=int, help="Seed of the trainings; the recipes' if left away.")
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True)
def compare(
    contestants: tuple[str, ...],
    data_folder: Path | None,
    split_path: Path | None,
    clip_path: Path | None,
    seconds: float,
    rounds: int,
    out: Path,
    epochs: int | None,
    shown: str,
    weights: "Weights",
    time_limit_min: float,
    encoder_weights: str | None,
    seed: int | None,
    threads: int,
) -> None:
    """Train recipes, or take checkpoint folders, and compare them in one report.

    Writes report.html, report.md, report.json, pictures and one overlay clip a network into
    --out. The same command again goes on with trainings that were interrupted.
    """
    import torch

    from train.commands.pictures import open_measured
    from train.commands.training_data import choose_split, keep_split
    from train.compare import check_names, common_classes, planned_names, trained
    from train.compare import compare as make_comparison

    torch.set_num_threads(threads)
    recipes = _recipes_among(contestants)
    check_names(planned_names(contestants, recipes=recipes))
    pictures = open_measured(data_folder)
    split = choose_split(pictures, given=split_path, out=out, fold=None, warns=True)
    keep_split(split, out=out)
    _check_parts(split)
    clip = _clip(clip_path, out, seconds=seconds, rounds=rounds)
    changes = {"seed": seed, "encoder_weights": encoder_weights}
    limited = partial(trained, weights=weights, time_limit_s=60 * time_limit_min, say=click.echo)
    ready = [
        _ready(name, limited, pictures, split, data_folder, out, epochs=epochs, changes=changes)
        for name in contestants
    ]
    classes = common_classes(ready)
    make_comparison(
        ready,
        pictures=open_measured(data_folder, classes=classes).subset(split.parts["val"]),
        part="val",
        shown=_shown(shown, classes),
        drawn_pictures=shown == "rides",
        clip=clip,
        out=out,
        weights=weights,
        data_version=split.data_version,
        say=click.echo,
    )
    click.echo(f"{out / 'report.html'}")


def _ready(
    name: str,
    train: "Callable[..., Contestant]",
    pictures: "PictureSet",
    split: "Split",
    data_folder: Path | None,
    out: Path,
    *,
    epochs: int | None,
    changes: dict[str, Any],
) -> "Contestant":
    """Train a recipe, or take a checkpoint as it is."""
    from train.commands.pictures import changed_recipe
    from train.commands.training_data import training_data
    from train.compare import contestant_of
    from train.fitting import with_classes
    from train.recipes import RECIPES

    if name not in RECIPES:
        return contestant_of(Path(name))
    config = changed_recipe(name, epochs=epochs, changes=changes)
    config = with_classes(config, pictures.classes)
    data = training_data(config, pictures, split=split, fold=None, given=data_folder)
    return train(name, config, data=data, out=out / "trainings" / name)


def _clip(given: Path | None, out: Path, *, seconds: float, rounds: int) -> "Clip":
    """Return the clip to run, before anything is trained: a drawn ride where none is given."""
    from train.compare import Clip, draw_clip

    if given is not None and not given.is_file():
        raise UsageError(f"--clip {given} is no file", accepted="a video file")
    path = given or draw_clip(out / "ride.mp4", seconds=seconds)
    return Clip(path=path, seconds=seconds, rounds=rounds, drawn=given is None)


def _check_parts(split: "Split") -> None:
    if "val" not in split.parts:
        raise UsageError(f"a split into {', '.join(split.parts)}", accepted="parts train and val")


def _recipes_among(contestants: tuple[str, ...]) -> list[str]:
    """Return the names of recipes; every other contestant must be a checkpoint."""
    from train.compare import is_checkpoint
    from train.recipes import RECIPES

    for name in contestants:
        if name not in RECIPES and not is_checkpoint(Path(name)):
            raise UsageError(
                f"{name} is neither a recipe nor a checkpoint folder",
                accepted=f"recipes: {', '.join(RECIPES)}; or a folder with checkpoint.json",
            )
    return [name for name in contestants if name in RECIPES]


def _shown(name: str, classes: ClassMap) -> "list[LabelledPicture]":
    from train.compare.pictures import ride_pictures
    from train.datasets import open_pictures

    if name == "none":
        return []
    if name == "rides" and classes.names != NIGHT_RIDE.names:
        raise UsageError(
            f"--pictures rides with the classes {', '.join(classes.names)}",
            accepted="rendered rides for networks of the night-ride classes",
            remedy="--pictures none, or a folder",
        )
    if name == "rides":
        return ride_pictures(classes)
    return list(open_pictures(Path(name), classes=classes))
