"""Which pictures a command works on: a data set, a part of it, and what is trained on beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import click

from losszero_rt.classmap import ClassMap
from losszero_rt.errors import UsageError
from losszero_rt.preprocess import InputSpec
from train.commands.data import data_folder
from train.config import SourceName, TrainConfig
from train.datasets import (
    LabelledPicture,
    PictureSet,
    check_split,
    open_pictures,
    read_rides,
    read_split,
)
from train.datasets.comma10k import OWN_CAR_ID_MAP
from train.fitting import with_epochs
from train.recipes import recipe

EXTRA_SOURCES = ("comma10k", "rides")
# Where the real pairs lie when --data names the folder of all data sets.
NIGHT_RIDE_FOLDER = "night_ride"


def measured_folder(given: Path | None) -> Path:
    """Return the data set that ``--data`` means: its night ride, or the folder itself."""
    folder = data_folder(given)
    inner = folder / NIGHT_RIDE_FOLDER
    return inner if inner.is_dir() else folder


def open_measured(given: Path | None, *, classes: ClassMap | None = None) -> PictureSet:
    """Open the data set that ``--data`` means."""
    return open_pictures(measured_folder(given), classes=classes)


def choose_part(pictures: PictureSet, *, split: str, part: str | None) -> PictureSet:
    """Return a part of a data set.

    Args:
        pictures: The data set.
        split: ``all``, a part that the data set itself knows (``val``, ``train``), or the path of
            a split file.
        part: Which part of the split file; ``val`` when left away.

    Raises:
        UsageError: If ``part`` is given without a file, or the file has no such part.
        InputError: If the file is no split or of other data.
    """
    path = Path(split)
    if not path.is_file():
        if part is not None:
            raise UsageError(
                f"--part {part} without a split file", accepted="--split FILE --part NAME"
            )
        return pictures if split == "all" else pictures.of_split(split)
    read = read_split(path)
    check_split(read, pictures)
    wanted = part or "val"
    if wanted not in read.parts:
        raise UsageError(f"{path} has no part {wanted}", accepted=", ".join(read.parts))
    return pictures.subset(read.parts[wanted])


def main_source(config: TrainConfig) -> SourceName:
    """Return what a recipe calls the pictures of ``--data``: the source that is no extra."""
    return next((name for name in config.shares if name not in EXTRA_SOURCES), NIGHT_RIDE_FOLDER)


def changed_recipe(name: str, *, epochs: int | None, changes: Mapping[str, Any]) -> TrainConfig:
    """Return a named recipe, stretched to ``epochs``, with every change that is not None."""
    config = recipe(name)
    config = config if epochs is None else with_epochs(config, epochs)
    return replace(config, **{key: value for key, value in changes.items() if value is not None})


def other_sources(
    given: Path | None, *, config: TrainConfig
) -> dict[SourceName, Sequence[LabelledPicture]]:
    """Return the pictures beside the night ride that a recipe wants and that are there.

    What takes long is told as it begins.
    """
    sources: dict[SourceName, Sequence[LabelledPicture]] = {}
    comma10k = data_folder(given) / "comma10k"
    if config.shares.get("comma10k") and comma10k.is_dir():
        click.echo(f"reading {comma10k}")
        sources["comma10k"] = open_pictures(comma10k, classes=config.classes, id_map=OWN_CAR_ID_MAP)
    if config.shares.get("rides") and config.num_rides:
        sources["rides"] = _drawn_rides(config.num_rides, config.input, config.walker_share)
    return sources


@cache
def _drawn_rides(num_rides: int, spec: InputSpec, walker_share: float) -> Sequence[LabelledPicture]:
    """Draw rides once for all recipes of a command: hundreds of them take a minute."""
    click.echo(f"drawing {num_rides} rides")
    return read_rides(num_rides, spec=spec, walker_share=walker_share)
