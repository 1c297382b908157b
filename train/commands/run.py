"""``python -m train run``: train a recipe."""

import json
import math
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from losszero_rt.cores import num_cores
from losszero_rt.errors import ModelError, UsageError

if TYPE_CHECKING:
    from train.config import TrainConfig
    from train.data import Data
    from train.state import Progress
    from train.tracking import Tracker

# What a person may change in a recipe without writing one.
_CHANGES = (
    "seed",
    "precision",
    "accumulate",
    "patience",
    "encoder_weights",
    "sync_norms",
    "walker_share",
)


@click.command()
@click.option("--recipe", "recipe_name", required=True, help="Which; an unknown one lists all.")
@click.option("--data", "data_folder", type=click.Path(path_type=Path), help="Data folder.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write.")
@click.option("--resume", is_flag=True, help="Go on from the last state in --out.")
@click.option("--force", is_flag=True, help="Replace the training in --out.")
@click.option("--start-from", type=click.Path(path_type=Path), help="Checkpoint to start from.")
@click.option("--epochs", type=click.IntRange(min=1), help="Stretch or cut the recipe.")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of everything drawn.")
@click.option("--split", "split_path", type=click.Path(path_type=Path), help="Split file.")
@click.option("--fold", type=click.IntRange(min=1), help="Fold of the split file to keep.")
@click.option("--precision", type=click.Choice(["fp32", "bf16", "fp16"]), help="Number format.")
@click.option("--accumulate", type=click.IntRange(min=1), help="Micro-batches a step and device.")
@click.option("--patience", type=click.IntRange(min=1), help="Epochs to wait for a better one.")
@click.option("--encoder-weights", help="imagenet-offline, imagenet, none, or a file.")
@click.option(
    "--walker-share",
    type=click.FloatRange(0, 1),
    help="Share of the rendered rides with many people on foot, most in dark clothes.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="Any other field by dotted name, as network.encoder=resnet18; may be repeated.",
)
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True)
@click.option(
    "--workers", type=click.IntRange(min=0), help="Processes that draw samples.  [spare cores, 1-4]"
)
@click.option(
    "--accelerator",
    type=click.Choice(["auto", "cpu", "cuda", "mps"]),
    default="auto",
    show_default=True,
)
@click.option("--devices", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--sync-norms", is_flag=True, default=None, help="Batch norms over all devices.")
@click.option(
    "--time-limit-min", type=click.FloatRange(0), default=math.inf, help="Stop, to be resumed."
)
@click.option(
    "--track",
    type=click.Choice(["offline", "online", "disabled"]),
    default="offline",
    show_default=True,
    help="Weights & Biases; metrics.jsonl and plots are always written.",
)
@click.option("--cam-class", help="Whose heat the panels show; the weakest class if left away.")
@click.option("--upload-pictures", is_flag=True, help="Let pictures enter the W&B run.")
def run(
    recipe_name: str,
    data_folder: Path | None,
    out: Path,
    resume: bool,
    force: bool,
    start_from: Path | None,
    epochs: int | None,
    split_path: Path | None,
    fold: int | None,
    threads: int,
    workers: int | None,
    accelerator: Any,
    devices: int,
    time_limit_min: float,
    track: Any,
    cam_class: str | None,
    upload_pictures: bool,
    **changes: Any,
) -> None:
    """Train a recipe."""
    import torch

    from train.commands.claiming import check_out, tidied
    from train.commands.training_data import started_from
    from train.loop import train

    check_out(out, resume=resume, force=force)
    torch.set_num_threads(threads)
    config = _config(recipe_name, epochs, changes)
    with tidied(out):
        config, data, tracker = _prepared(
            config,
            data_folder,
            out,
            split_path=split_path,
            fold=fold,
            resume=resume,
            force=force,
            track=track,
            upload_pictures=upload_pictures,
        )
        try:
            weights, data = started_from(start_from, data=data)
            progress = train(
                config,
                data=data,
                out=out,
                resume=resume,
                start_from=weights,
                time_limit_s=60 * time_limit_min,
                say=click.echo,
                tracker=tracker,
                accelerator=accelerator,
                devices=devices,
                workers=_spare_cores(threads) if workers is None else workers,
                cam_class=cam_class,
            )
        finally:
            if tracker is not None:
                tracker.close()
    if _leads():
        click.echo(_ending(progress, config))


def _ending(progress: "Progress", config: "TrainConfig") -> str:
    """Return how a training ended."""
    from train.loop import is_done

    best = f"best epoch {progress.best_epoch}: mIoU {progress.best_miou:.4f}"
    if not is_done(progress, config):
        return f"stopped after step {progress.step} of {config.num_steps}; go on with --resume"
    if progress.step < config.num_steps:
        return f"stopped early, no epoch was better for {config.patience}; {best}"
    return f"done; {best}"


def _config(recipe_name: str, epochs: int | None, changes: dict[str, Any]) -> "TrainConfig":
    from losszero_rt.network import build_network
    from train.dotted import with_values
    from train.fitting import with_epochs
    from train.recipes import recipe

    config = recipe(recipe_name)
    if epochs is not None:
        config = with_epochs(config, epochs)
    asked = {name: changes[name] for name in _CHANGES if changes[name] is not None}
    settings = dict(map(_setting, changes["settings"]))
    try:
        config = with_values(replace(config, **asked), settings)
        if any(name.startswith("network.") for name in settings):
            # Now, not after the data is read; only building tells whether there is such an encoder.
            build_network(config.network)
    except ModelError as error:
        raise UsageError(f"--set: {error}") from error
    return config


def _setting(text: str) -> tuple[str, Any]:
    """Return the name and the value of a ``--set``; what is no JSON is text."""
    name, separator, value = text.partition("=")
    if not (name and separator):
        raise UsageError(f"--set {text}", accepted="NAME=VALUE, as loss.dice=0.5")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _prepared(
    config: "TrainConfig",
    data_folder: Path | None,
    out: Path,
    *,
    split_path: Path | None,
    fold: int | None,
    resume: bool,
    force: bool,
    track: Any,
    upload_pictures: bool,
) -> "tuple[TrainConfig, Data, Tracker | None]":
    """Open the data and, in the process that leads, whoever follows the training."""
    from train.commands.claiming import clear
    from train.commands.training_data import SPLIT_NAME, choose_split, fit_to_data, training_data
    from train.state import has_state, read_step
    from train.tracking import open_tracker

    own_classes = config.classes.names
    config, pictures = fit_to_data(config, data_folder)
    leads = _leads()
    if leads and config.classes.names != own_classes:
        click.echo(f"classes of the data: {', '.join(config.classes.names)}; trained alone")
    if leads and force:
        clear(out)
    split = choose_split(pictures, given=split_path, out=out, fold=fold, writes=leads)
    tracker: Tracker | None = None
    versions: tuple[str, ...] = ()
    if leads:
        tracker = open_tracker(
            out,
            mode=track,
            config=config.as_dict(),
            upload_pictures=upload_pictures,
            resume_step=read_step(out / "state") if resume and has_state(out / "state") else 0,
            say=click.echo,
        )
        noted = tracker.artifact(
            out / SPLIT_NAME, kind="data", name=pictures.name, version=split.data_version
        )
        versions = (noted.ref,)
    data = training_data(
        config, pictures, split=split, fold=fold, given=data_folder, versions=versions
    )
    return config, data, tracker


def _leads() -> bool:
    """Say whether this process is the first: torchrun and Fabric number them by environment."""
    return os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0")) == "0"


def _spare_cores(threads: int) -> int:
    """Return how many processes may draw samples without taking cores from the training."""
    return min(4, max(1, num_cores() - threads))
