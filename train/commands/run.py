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
from losszero_rt.timings import now_s

if TYPE_CHECKING:
    from train.config import TrainConfig
    from train.state import Progress

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
    from train.commands.preparing import followed, prepared
    from train.loop import open_session, train
    from train.sole import sole_training

    # Preparing counts too: what is left of the time is for training.
    begun_s = now_s()
    check_out(out, resume=resume, force=force)
    torch.set_num_threads(threads)
    config = _config(recipe_name, epochs, changes)
    is_first = _leads()
    with tidied(out, leads=is_first) as replace_training, sole_training(out, leads=is_first):
        # Another one may have ended there since.
        check_out(out, resume=resume, force=force)
        ready = prepared(
            config,
            data_folder=data_folder,
            out=out,
            split_path=split_path,
            fold=fold,
            start_from=start_from,
            replaces=force,
            warns=is_first,
        )
        config = ready.config
        session = open_session(config, ready.weights, accelerator=accelerator, devices=devices)
        session.show_heat_of(cam_class)
        leads = session.team.leads
        if leads and force:
            # By now every process has read what it starts from, which may lie in --out.
            replace_training()
        with followed(
            ready, out, leads=leads, resume=resume, mode=track, upload_pictures=upload_pictures
        ) as (data, tracker):
            progress = train(
                config,
                session=session,
                data=data,
                out=out,
                resume=resume,
                time_limit_s=60 * time_limit_min - (now_s() - begun_s),
                say=click.echo,
                tracker=tracker,
                workers=_spare_cores(threads) if workers is None else workers,
            )
    if leads:
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


def _leads() -> bool:
    """Say whether this process is the first: torchrun and Fabric number them by environment."""
    return os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0")) == "0"


def _spare_cores(threads: int) -> int:
    """Return how many processes may draw samples without taking cores from the training."""
    return min(4, max(1, num_cores() - threads))
