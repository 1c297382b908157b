"""How the models that ship were made: stages, in order, that anyone can run again."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from losszero_rt.checkpoint import RECORD_NAME, Checkpoint, load_network, read_checkpoint
from losszero_rt.errors import UsageError
from losszero_rt.timings import now_s
from train.averaging import average_checkpoints, mean_of
from train.config import TrainConfig
from train.data import Data
from train.fitting import with_epochs
from train.loop import train
from train.recipes import recipe
from train.sole import sole_training
from train.state import has_state


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One training on the way.

    Attributes:
        recipe: Name of its recipe, and of its folder.
        starts_from: Names of the stages whose last weights it starts from, averaged where there
            are several; empty for the encoder's own weights.
    """

    recipe: str
    starts_from: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """A model: its trainings, whose last weights are averaged in the end, and what is added.

    Attributes:
        stages: In the order in which they run.
        averaged: Names of stages.
        shifts: What is added to the logits of the mean, by class name.
    """

    stages: tuple[Stage, ...]
    averaged: tuple[str, ...]
    shifts: Mapping[str, float] = field(default_factory=dict)


# To be called drivable takes 1.35 times the likelihood of anything else: the verge of a dark road
# is taken for road less often, and the border between road and marks stays where it was.
WARY = MappingProxyType({"road": -0.3, "lane mark": -0.3})


RECEIPTS: dict[str, Receipt] = {
    "night-ride": Receipt(
        stages=(
            Stage(recipe="night-ride"),
            Stage(recipe="night-ride-whole", starts_from=("night-ride",)),
            Stage(recipe="night-ride-free", starts_from=("night-ride-whole",)),
            Stage(recipe="night-ride-wary", starts_from=("night-ride-whole",)),
            Stage(recipe="night-ride-last", starts_from=("night-ride-free", "night-ride-wary")),
        ),
        averaged=("night-ride-wary", "night-ride-last"),
        shifts=WARY,
    ),
    # A decoder that costs less; see benchmarks/candidates.md.
    "lean": Receipt(
        stages=(
            Stage(recipe="segformer-lite0"),
            Stage(recipe="lean", starts_from=("segformer-lite0",)),
            Stage(recipe="lean-whole", starts_from=("lean",)),
            Stage(recipe="lean-wary", starts_from=("lean-whole",)),
            Stage(recipe="lean-last", starts_from=("lean-whole", "lean-wary")),
        ),
        averaged=("lean-wary", "lean-last"),
        shifts=WARY,
    ),
}


def pending_stages(name: str, *, out: Path, epochs: int | None = None) -> list[str]:
    """Return the stages of a model that are not at their end; see :func:`reproduce`."""
    return [
        stage.recipe
        for stage in _receipt(name).stages
        if _epochs_done(out / stage.recipe) < _config(stage, epochs).num_epochs
    ]


def reproduce(
    name: str,
    *,
    data: Data,
    out: Path,
    epochs: int | None = None,
    time_limit_s: float = math.inf,
    say: Callable[[str], object] = print,
) -> Checkpoint | None:
    """Make a model again: run its stages, average, then shift the logits.

    A stage that is done is not run again and one that was interrupted goes on, so the same call
    after a kill continues where it was.

    Args:
        name: Which model.
        data: What the recipes train on.
        out: Folder that gets one training a stage, and the result in ``final``.
        epochs: Cut or stretch every stage to so many; None runs them as they were.
        time_limit_s: Stop after this much time, to be continued.
        say: Receives a line for every epoch.

    Returns:
        The record of ``out/final``; None if the time ended before.
    """
    receipt, until_s = _receipt(name), now_s() + time_limit_s
    for stage in receipt.stages:
        config = _config(stage, epochs)
        folder = out / stage.recipe
        if _epochs_done(folder) >= config.num_epochs:
            continue
        before = [load_network(out / name / "last") for name in stage.starts_from]
        weights = mean_of([network.state_dict() for network, _ in before]) if before else None
        with sole_training(folder):
            train(
                config,
                data=data.after(*(record for _, record in before)) if before else data,
                out=folder,
                resume=has_state(folder / "state"),
                start_from=weights,
                time_limit_s=max(0.0, until_s - now_s()),
                say=_named(say, stage.recipe),
            )
        if _epochs_done(folder) < config.num_epochs:
            return None
    folders = [out / stage / "last" for stage in receipt.averaged]
    return average_checkpoints(folders, out=out / "final", val=data.val, shifts=receipt.shifts)


def _named(say: Callable[[str], object], recipe_name: str) -> Callable[[str], object]:
    return lambda line: say(f"{recipe_name}: {line}")


def _receipt(name: str) -> Receipt:
    if name not in RECEIPTS:
        raise UsageError(f"unknown model {name!r}", accepted=f"models: {', '.join(RECEIPTS)}")
    return RECEIPTS[name]


def _config(stage: Stage, epochs: int | None) -> TrainConfig:
    config = recipe(stage.recipe)
    return config if epochs is None else with_epochs(config, epochs)


def _epochs_done(folder: Path) -> int:
    """Return the epochs of the checkpoint that a stage wrote last; 0 without one."""
    last = folder / "last"
    return read_checkpoint(last).epoch if (last / RECORD_NAME).is_file() else 0
