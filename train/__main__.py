"""Command line of the training: ``python -m train run`` and ``python -m train evaluate``."""

import math
import os
from dataclasses import replace
from pathlib import Path

import click
import torch

from losszero_rt.checkpoint import load_network
from losszero_rt.errors import LossZeroError, UsageError
from losszero_rt.metrics import BoundaryKeeper
from train.config import SourceName, TrainConfig
from train.datasets import LabelledPicture, read_folder, read_rides
from train.evaluate import score
from train.loop import Data, train
from train.recipes import RECIPES, recipe, with_epochs

# comma10k calls its own car "my car". A bonnet is no bike: trained as undrivable, it teaches the
# network not to see the rider's machine in a car's clip.
COMMA10K_ID_MAP = {3: 0}
DEFAULT_DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"
NUM_PROBE = 6


@click.group()
def main() -> None:
    """Train networks and measure checkpoints."""


@main.command()
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


@main.command()
@click.argument("checkpoint_folder", type=click.Path(path_type=Path))
@click.option("--data", "data_folder", type=click.Path(path_type=Path), help="Data folder.")
def evaluate(checkpoint_folder: Path, data_folder: Path | None) -> None:
    """Print what a checkpoint is worth on the validation pictures."""
    network, checkpoint = load_network(checkpoint_folder)
    pictures = read_folder(
        _data_folder(data_folder) / "night_ride", classes=checkpoint.classes, split="val"
    )
    boundary = BoundaryKeeper(checkpoint.classes)
    scores = score(
        network, pictures, spec=checkpoint.input, classes=checkpoint.classes, boundary=boundary
    )
    outlines = boundary.scores()
    intervals = scores.bootstrap()
    low, high = intervals["miou"]
    click.echo(f"mIoU {scores.miou:.4f}  95% CI {low:.3f}..{high:.3f}  n={scores.n}")
    for class_id, name in enumerate(checkpoint.classes.names):
        low, high = intervals["class_iou"][name]
        click.echo(
            f"{name:>12}  IoU {scores.class_iou[class_id]:.3f} ({low:.3f}..{high:.3f})"
            f"  boundary IoU {outlines.class_iou[class_id]:.3f}"
        )
    for name, rate in scores.rates().items():
        click.echo(f"{name:>20}  {'not measured' if rate is None else f'{rate:.4f}'}")


def _data_folder(given: Path | None) -> Path:
    return given or Path(os.environ.get("LOSSZERO_DATA", DEFAULT_DATA))


def _read_data(given: Path | None, config: TrainConfig) -> Data:
    folder = _data_folder(given)
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


if __name__ == "__main__":
    try:
        main()
    except LossZeroError as error:
        click.echo(f"error: {error}", err=True)
        raise SystemExit(int(error.exit_code)) from None
