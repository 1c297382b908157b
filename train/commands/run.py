"""``python -m train run``: train a recipe."""

import math
from dataclasses import replace
from pathlib import Path

import click
import torch

from losszero_rt.checkpoint import load_network
from losszero_rt.errors import UsageError
from train.commands.data import data_folder as find_data
from train.config import SourceName, TrainConfig
from train.datasets import LabelledPicture, read_folder, read_rides
from train.loop import Data, train
from train.recipes import RECIPES, recipe, with_epochs

# comma10k calls its own car "my car". A bonnet is no bike: trained as undrivable, it teaches the
# network not to see the rider's machine in a car's clip.
COMMA10K_ID_MAP = {3: 0}
NUM_PROBE = 6


@click.command()
@click.option("--recipe", "recipe_name", type=click.Choice(sorted(RECIPES)), required=True)
@click.option("--data", "data_folder", type=click.Path(path_type=Path), help="Data folder.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write.")
@click.option("--resume", is_flag=True, help="Go on from the last state in --out.")
@click.option("--start-from", type=click.Path(path_type=Path), help="Checkpoint to start from.")
@click.option("--epochs", type=click.IntRange(min=1), help="Stretch or cut the recipe.")
@click.option("--seed", type=int, help="Seed of everything drawn.")
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--time-limit-min", type=float, default=math.inf, help="Stop, to be resumed.")
def run(
    recipe_name: str,
    data_folder: Path | None,
    out: Path,
    resume: bool,
    start_from: Path | None,
    epochs: int | None,
    seed: int | None,
    threads: int,
    time_limit_min: float,
) -> None:
    """Train a recipe."""
    torch.set_num_threads(threads)
    config = recipe(recipe_name)
    if epochs is not None:
        config = with_epochs(config, epochs)
    if seed is not None:
        config = replace(config, seed=seed)
    if (out / "state").exists() and not resume:
        raise UsageError(
            f"{out} already holds a training", remedy="add --resume or choose another --out"
        )
    weights = None if start_from is None else load_network(start_from)[0].state_dict()
    train(
        config,
        data=_read_data(data_folder, config),
        out=out,
        resume=resume,
        start_from=weights,
        time_limit_s=60 * time_limit_min,
        say=click.echo,
    )


def _read_data(given: Path | None, config: TrainConfig) -> Data:
    folder = find_data(given)
    ours = read_folder(folder / "night_ride", classes=config.classes, split="train")
    val = read_folder(folder / "night_ride", classes=config.classes, split="val")
    sources: dict[SourceName, list[LabelledPicture]] = {"night_ride": ours}
    if (folder / "comma10k").is_dir():
        sources["comma10k"] = read_folder(
            folder / "comma10k", classes=config.classes, id_map=COMMA10K_ID_MAP
        )
    if config.num_rides:
        sources["rides"] = read_rides(config.num_rides, spec=config.input)
    return Data(sources=sources, val=val, train_probe=ours[:NUM_PROBE])
