"""``python -m train crossval``: what a recipe is worth on rides it was not trained on."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from losszero_rt.timings import now_s

if TYPE_CHECKING:
    from train.config import TrainConfig
    from train.crossval import CrossValidation
    from train.datasets import PictureSet
    from train.loop import Accelerator


@click.command()
@click.argument("recipe_name", metavar="RECIPE")
@click.option(
    "--then",
    "more_recipes",
    multiple=True,
    metavar="RECIPE",
    help="Go on with this recipe from where the one before ends; may be repeated.",
)
@click.option("--data", "data_folder", type=click.Path(path_type=Path), help="Data folder.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write.")
@click.option("--folds", type=click.IntRange(min=2), default=5, show_default=True)
@click.option(
    "--fold-seed", type=int, default=1, show_default=True, help="Which rides share a fold."
)
@click.option("--seed", type=int, help="Seed of the trainings; the recipe's if left away.")
@click.option("--epochs", type=click.IntRange(min=1), help="Stretch or cut every recipe.")
@click.option("--encoder-weights", help="imagenet-offline, imagenet, none, or a file.")
@click.option("--resume", is_flag=True, help="Go on with what is in --out.")
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--workers", type=click.IntRange(min=0), default=0, show_default=True)
@click.option(
    "--accelerator",
    type=click.Choice(["auto", "cpu", "cuda", "mps"]),
    default="auto",
    show_default=True,
)
@click.option(
    "--time-limit-min", type=click.FloatRange(0), default=math.inf, help="Stop, to be resumed."
)
def crossval(
    recipe_name: str,
    more_recipes: tuple[str, ...],
    data_folder: Path | None,
    out: Path,
    folds: int,
    fold_seed: int,
    seed: int | None,
    epochs: int | None,
    encoder_weights: str | None,
    resume: bool,
    threads: int,
    workers: int,
    accelerator: "Accelerator",
    time_limit_min: float,
) -> None:
    """Train one network a fold and score every picture by the one trained without its ride.

    Writes crossval.json and crossval.md into --out when all folds are done. Several calls with
    --resume may share one --out, each on a device of its own: every fold is trained by one.
    """
    import torch

    from train.commands.pictures import changed_recipe, main_source, open_measured, other_sources
    from train.crossval import cross_validate, fold_split
    from train.datasets.leaks import near_duplicates
    from train.fitting import with_classes

    # Preparing counts too: what is left of the time is for training.
    begun_s = now_s()
    torch.set_num_threads(threads)
    pictures = open_measured(data_folder)
    changes = {"seed": seed, "encoder_weights": encoder_weights}
    names = (recipe_name, *more_recipes)
    recipes = [changed_recipe(name, epochs=epochs, changes=changes) for name in names]
    stages = [with_classes(config, pictures.classes) for config in recipes]
    titled = dict(zip(_stage_titles(names), stages, strict=True))
    click.echo(f"looking for near-duplicates among {len(pictures)} pictures of {pictures.name}")
    duplicates = near_duplicates(pictures)
    split = fold_split(pictures, folds=folds, seed=fold_seed, duplicates=duplicates)
    others = other_sources(data_folder, config=_all_sources(stages))
    result = cross_validate(
        stages,
        pictures=pictures,
        split=split,
        duplicates=duplicates,
        source=main_source(stages[0]),
        others=others,
        out=out,
        resume=resume,
        time_limit_s=60 * time_limit_min - (now_s() - begun_s),
        say=click.echo,
        accelerator=accelerator,
        workers=workers,
    )
    _report(result, pictures, titled, out)


def _stage_titles(names: tuple[str, ...]) -> list[str]:
    """Return one title a stage: a recipe that comes again is numbered, ``fpn`` then ``fpn (2)``."""
    counts = [names[: place + 1].count(name) for place, name in enumerate(names)]
    return [
        name if count == 1 else f"{name} ({count})"
        for name, count in zip(names, counts, strict=True)
    ]


def _report(
    result: "CrossValidation", pictures: "PictureSet", stages: "dict[str, TrainConfig]", out: Path
) -> None:
    """Print what is there; write it if it is everything."""
    from losszero_rt.checkpoint import write_whole
    from train.crossval_report import crossval_markdown, crossval_record

    text = crossval_markdown(result, title=", then ".join(stages)) if result.folds else ""
    click.echo(text)
    if not result.complete:
        planned = len(result.split.parts)
        click.echo(f"{len(result.folds)} of {planned} folds done; go on with --resume")
        return
    recipes: dict[str, Any] = {name: config.as_dict() for name, config in stages.items()}
    record = crossval_record(result, pictures=pictures, recipes=recipes)
    content = json.dumps(record, indent=1, allow_nan=False) + "\n"
    write_whole(out / "crossval.json", content.encode())
    write_whole(out / "crossval.md", text.encode())
    click.echo(f"{out / 'crossval.json'}")


def _all_sources(stages: "list[TrainConfig]") -> "TrainConfig":
    """Return a configuration that wants every source that any of the stages wants."""
    wanted = {name: 1.0 for each in stages for name, share in each.shares.items() if share}
    return replace(
        stages[0],
        shares=wanted,
        num_rides=max(each.num_rides for each in stages),
        walker_share=max(each.walker_share for each in stages),
    )
