"""The pictures of one training: what to learn from, what to keep, and what is trained on beside."""

from dataclasses import replace
from pathlib import Path

import click
import torch

from losszero_rt.checkpoint import load_network
from losszero_rt.errors import InputError, UsageError
from train.commands.pictures import main_source, open_measured, other_sources
from train.config import TrainConfig
from train.data import Data
from train.datasets import PictureSet, Split, check_split, make_split, read_split, write_split
from train.datasets.leaks import find_leaks, near_duplicates
from train.datasets.splits import OWN_SCHEME, own_split
from train.datasets.splitting import DEFAULT_RATIOS
from train.fitting import with_classes
from train.state import has_state

SPLIT_NAME = "split.json"
NUM_PROBE = 6


def fit_to_data(config: TrainConfig, given: Path | None) -> tuple[TrainConfig, PictureSet]:
    """Open the data set that ``--data`` means, and fit a recipe to its classes.

    Returns:
        The recipe, changed where the classes are others than its own, and the pictures.
    """
    pictures = open_measured(given)
    return with_classes(config, pictures.classes), pictures


def choose_split(
    pictures: PictureSet, *, given: Path | None, out: Path | None, fold: int | None, warns: bool
) -> Split:
    """Return the split of a training; :func:`keep_split` writes it.

    Args:
        pictures: The data set.
        given: A split file; without one the split that ``out`` keeps, else the data set's own,
            else 6:2:2 by ride.
        out: The training's folder; None if nothing that lies there counts.
        fold: Which fold is asked for; needs a file.
        warns: Whether this process is the one that speaks.

    Raises:
        UsageError: If ``fold`` is given without a file, or a training in ``out`` has another split.
        InputError: If a split is of other data, or its parts share a ride: a split that a data set
            was published with is only warned of, for others report their scores on it.
    """
    kept = None if out is None else _kept(out)
    if given is not None:
        split = read_split(given)
    elif fold is not None:
        raise UsageError(
            f"--fold {fold} without --split",
            remedy="python -m train split DATA --folds 5 --out split.json",
        )
    elif kept is not None:
        split = kept
    else:
        split = own_split(pictures)
        if not {"train", "val"} <= set(split.parts):
            pairs = [(pair.first, pair.second) for pair in near_duplicates(pictures)]
            split = make_split(pictures, ratios=DEFAULT_RATIOS, joined=pairs)
    if split.scheme != OWN_SCHEME:
        check_split(split, pictures)
    _check_rides(split, pictures, fold=fold, warns=warns)
    if out is not None and kept not in (None, split) and has_state(out / "state"):
        raise UsageError(
            f"{out} holds a training with another split than {given}",
            accepted="the split of the first run",
            remedy=f"--resume with --split {out / SPLIT_NAME}, or choose another --out",
        )
    return split


def keep_split(split: Split, *, out: Path) -> None:
    """Write the split of a training into its folder, if it does not lie there."""
    if _kept(out) != split:
        write_split(split, out / SPLIT_NAME)


def _kept(out: Path) -> Split | None:
    path = out / SPLIT_NAME
    return read_split(path) if path.is_file() else None


def _check_rides(split: Split, pictures: PictureSet, *, fold: int | None, warns: bool) -> None:
    """Refuse a split whose scores would be of rides that were trained on, or warn of it."""
    judged = replace(
        split,
        parts={
            part: names
            for part, names in split.parts.items()
            if fold is not None or part in ("train", "val")
        },
    )
    leaks = find_leaks(pictures, judged, duplicates=())
    if not leaks:
        return
    shared = ", ".join(leak.reason.removeprefix("ride ") for leak in leaks)
    remedy = "python -m train split DATA --out split.json, then --split split.json"
    if not (split.scheme == OWN_SCHEME and pictures.published_split):
        raise InputError(
            f"the split of {pictures.name} has rides in "
            f"{'several folds' if fold is not None else 'both train and val'}: {shared}",
            accepted="every ride in one part",
            remedy=remedy,
        )
    if warns:
        click.echo(
            f"warning: the published split of {pictures.name} has rides in both train and val: "
            f"{shared}. Its scores are partly of what was trained on and look better than those "
            f"of a new ride. For honest ones: {remedy}",
            err=True,
        )


def training_data(
    config: TrainConfig,
    pictures: PictureSet,
    *,
    split: Split,
    fold: int | None,
    given: Path | None,
) -> Data:
    """Return the parts of a data set, and what a recipe wants beside it.

    Args:
        config: The recipe.
        pictures: The data set.
        split: Its parts.
        fold: The fold that is kept, from 1; None keeps the part ``val``.
        given: The folder where other data sets may lie.

    Raises:
        UsageError: If the split has no such parts.
    """
    if fold is not None:
        trained_on, kept = split.fold(fold)
    elif {"train", "val"} <= set(split.parts):
        trained_on, kept = split.parts["train"], split.parts["val"]
    else:
        raise UsageError(
            f"a split into {', '.join(split.parts)}",
            accepted="parts train and val, or --fold K of its folds",
        )
    learnt = pictures.subset(trained_on)
    others = other_sources(given, config=config)
    return Data(
        sources={main_source(config): learnt, **others},
        val=pictures.subset(kept),
        train_probe=learnt[:NUM_PROBE],
        split_version=split.data_version,
    )


def started_from(
    checkpoint: Path | None, *, data: Data
) -> tuple[dict[str, torch.Tensor] | None, Data]:
    """Return the weights of a checkpoint to start from, and the data with what these have seen.

    Args:
        checkpoint: Its folder; None starts from the encoder weights of the recipe.
        data: What is trained on from there.

    Raises:
        ModelError: If it is no checkpoint.
    """
    if checkpoint is None:
        return None, data
    network, record = load_network(checkpoint)
    return network.state_dict(), data.after(record)
