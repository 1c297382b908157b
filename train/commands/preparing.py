"""What a training needs before it begins: all of it read before anything on disk changes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import torch

from train.commands.training_data import (
    SPLIT_NAME,
    choose_split,
    fit_to_data,
    keep_split,
    started_from,
    training_data,
)
from train.config import TrainConfig
from train.data import Data
from train.datasets import PictureSet, Split
from train.state import has_state, read_step
from train.tracking import Tracker, open_tracker


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A training that could begin.

    Attributes:
        config: The recipe, with the classes of the data.
        pictures: The data set.
        split: Its parts.
        data: What is learnt from and what is kept.
        weights: Weights to start from; None for the encoder weights of the recipe.
    """

    config: TrainConfig
    pictures: PictureSet
    split: Split
    data: Data
    weights: dict[str, torch.Tensor] | None


def prepared(
    config: TrainConfig,
    *,
    data_folder: Path | None,
    out: Path,
    split_path: Path | None,
    fold: int | None,
    start_from: Path | None,
    replaces: bool,
    warns: bool,
) -> Prepared:
    """Read the data, its split and the weights; nothing is written.

    Args:
        config: The recipe.
        data_folder: What ``--data`` says.
        out: The training's folder.
        split_path: A split file.
        fold: The fold of it that is kept.
        start_from: Checkpoint to start from.
        replaces: Whether the training that lies in ``out`` goes: then it has no say in the split.
        warns: Whether this process is the one that speaks.

    Raises:
        LossZeroError: If anything of it cannot be read or does not fit.
    """
    own_classes = config.classes.names
    config, pictures = fit_to_data(config, data_folder)
    if warns and config.classes.names != own_classes:
        click.echo(f"classes of the data: {', '.join(config.classes.names)}; trained alone")
    split = choose_split(
        pictures, given=split_path, out=None if replaces else out, fold=fold, warns=warns
    )
    data = training_data(config, pictures, split=split, fold=fold, given=data_folder)
    weights, data = started_from(start_from, data=data)
    return Prepared(config=config, pictures=pictures, split=split, data=data, weights=weights)


@contextmanager
def followed(
    ready: Prepared, out: Path, *, leads: bool, resume: bool, mode: Any, upload_pictures: bool
) -> Iterator[tuple[Data, Tracker | None]]:
    """Keep the split in a training's folder, and follow the training from there until it ends.

    Yields:
        The data with its place in the lineage, and who follows: nobody but in the process that
        ``leads``.
    """
    if not leads:
        yield ready.data, None
        return
    keep_split(ready.split, out=out)
    tracker = open_tracker(
        out,
        mode=mode,
        config=ready.config.as_dict(),
        upload_pictures=upload_pictures,
        resume_step=read_step(out / "state") if resume and has_state(out / "state") else 0,
        say=click.echo,
    )
    try:
        noted = tracker.artifact(
            out / SPLIT_NAME,
            kind="data",
            name=ready.pictures.name,
            version=ready.split.data_version,
        )
        yield replace(ready.data, versions=(noted.ref,)), tracker
    finally:
        tracker.close()
