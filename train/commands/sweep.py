"""``python -m train sweep``: search for a better configuration, without any network."""

import json
import math
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from losszero_rt.errors import UsageError

if TYPE_CHECKING:
    import torch

    from losszero_rt.checkpoint import Checkpoint
    from train.config import TrainConfig
    from train.data import Data
    from train.datasets import PictureSet, Split
    from train.tracking import Tracker

START_NAME = "start.json"


@click.command()
@click.argument("sweep_file", metavar="SWEEP.yaml", type=click.Path(path_type=Path))
@click.option("--data", "data_folder", type=click.Path(path_type=Path), help="Data folder.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write.")
@click.option(
    "--trials", type=click.IntRange(min=1), help="How many in all.  [run_cap of the file, or 20]"
)
@click.option(
    "--start-from",
    type=click.Path(path_type=Path),
    help="Checkpoint that every trial starts from; its network and input replace the recipe's.",
)
@click.option("--split", "split_path", type=click.Path(path_type=Path), help="Split file.")
@click.option("--fold", type=click.IntRange(min=1), help="Fold of the split file to keep.")
@click.option("--resume", is_flag=True, help="Go on with the sweep in --out.")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True)
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True)
@click.option(
    "--time-limit-min", type=click.FloatRange(0), default=math.inf, help="Stop, to be resumed."
)
@click.option(
    "--track",
    type=click.Choice(["offline", "online", "disabled"]),
    default="disabled",
    show_default=True,
    help="Weights & Biases run of each trial, with its checkpoints.",
)
def sweep(
    sweep_file: Path,
    data_folder: Path | None,
    out: Path,
    trials: int | None,
    start_from: Path | None,
    split_path: Path | None,
    fold: int | None,
    resume: bool,
    seed: int,
    threads: int,
    time_limit_min: float,
    track: Any,
) -> None:
    """Search the parameters of a sweep file, in the format of W&B's sweep.yaml.

    Writes report.md, trials.json, best.json, history.png, parallel.png and importance.png into
    --out. Parameters are fields of the configuration by dotted name, e.g. learning_rate,
    loss.dice, phases.0.epochs.
    """
    import torch

    from train.commands.pictures import open_measured
    from train.commands.training_data import choose_split, keep_split
    from train.sole import sole_training
    from train.study import check_resume
    from train.sweep import BEST_NAME, config_for, run_sweep
    from train.sweep_file import read_sweep
    from train.trial import training

    with sole_training(out):
        check_resume(out, resume=resume)
        torch.set_num_threads(threads)
        asked = read_sweep(sweep_file)
        pictures = open_measured(data_folder)
        split = choose_split(pictures, given=split_path, out=out, fold=fold, warns=True)
        keep_split(split, out=out)
        read = partial(_read, pictures=pictures, split=split, fold=fold, given=data_folder, out=out)
        weights, record = _start(start_from, out)
        study = run_sweep(
            asked,
            configure=partial(config_for, fit=partial(_fitted, pictures=pictures, record=record)),
            objective=training(
                partial(read, kept={}, start_from=start_from),
                metric=asked.metric,
                mode=track,
                start_from=weights,
                say=click.echo,
            ),
            out=out,
            num_trials=trials,
            time_limit_s=60 * time_limit_min,
            resume=resume,
            seed=seed,
            start=_told(start_from, record, metric=asked.metric),
            say=click.echo,
        )
    best = study.best()
    if best is not None:
        click.echo(f"best: {asked.metric} {best.value:.4f} in {best.folder}, see {out / BEST_NAME}")


def _start(
    start_from: Path | None, out: Path
) -> "tuple[dict[str, torch.Tensor] | None, Checkpoint | None]":
    """Return the weights to start from and their record; UsageError if ``out`` began elsewhere."""
    from losszero_rt.checkpoint import load_network, write_whole

    network, record = (None, None) if start_from is None else load_network(start_from)
    digest = None if record is None else record.weights_sha256
    path = out / START_NAME
    if path.exists() and json.loads(path.read_bytes())["weights_sha256"] != digest:
        raise UsageError(
            f"{out} holds a sweep from other weights than {start_from or 'none'}",
            remedy="--resume with the --start-from of the first run, or choose another --out",
        )
    out.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps({"weights_sha256": digest}).encode())
    return None if network is None else network.state_dict(), record


def _fitted(
    config: "TrainConfig", *, pictures: "PictureSet", record: "Checkpoint | None"
) -> "TrainConfig":
    """Fit a recipe to the classes of the data and to the network that is started from."""
    from train.fitting import with_classes

    if record is not None:
        config = replace(config, network=record.network, input=record.input)
    return with_classes(config, pictures.classes)


def _told(
    start_from: Path | None, record: "Checkpoint | None", *, metric: str
) -> dict[str, Any] | None:
    """Return what the report says of the start: its value is that of its own record."""
    if start_from is None or record is None:
        return None
    value = record.scores.get("miou") if metric == "val/miou" else None
    return {"name": str(start_from), "weights_sha256": record.weights_sha256, "value": value}


def _read(
    config: "TrainConfig",
    tracker: "Tracker",
    *,
    pictures: "PictureSet",
    split: "Split",
    fold: int | None,
    given: Path | None,
    out: Path,
    kept: "dict[str, Data]",
    start_from: Path | None,
) -> "Data":
    """Return the pictures of a trial; those of the one before where it wants the same."""
    from train.commands.training_data import SPLIT_NAME, started_from, training_data

    noted = tracker.artifact(
        out / SPLIT_NAME, kind="data", name=pictures.name, version=split.data_version
    )
    wanted = [name for name, share in config.shares.items() if share]
    key = repr((config.num_rides, config.walker_share, config.input, wanted))
    if key not in kept:
        kept.clear()
        data = training_data(config, pictures, split=split, fold=fold, given=given)
        kept[key] = started_from(start_from, data=data)[1]
    return replace(kept[key], versions=(noted.ref,))
