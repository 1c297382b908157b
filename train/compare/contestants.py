"""What is compared: recipes, which are trained first, and checkpoints that are there already."""

import json
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from losszero_rt.checkpoint import RECORD_NAME, read_checkpoint
from losszero_rt.errors import UsageError
from train.compare.row import Origin
from train.config import TrainConfig
from train.data import Data
from train.loop import is_done, train
from train.sole import sole_training
from train.state import has_state, read_progress

Weights = Literal["last", "best"]
# What training calls the checkpoints in its folder: the folder above says which training.
_USUAL_NAMES = ("last", "best", "best-boundary")


@dataclass(frozen=True, kw_only=True)
class Contestant:
    """A trained network.

    Attributes:
        name: Unique in the comparison; also a file name.
        checkpoint: Its folder.
        origin: Where it comes from.
        epochs_planned: Epochs of its recipe; None for a checkpoint.
    """

    name: str
    checkpoint: Path
    origin: Origin
    epochs_planned: int | None = None

    @property
    def epochs(self) -> int:
        """Epochs that it was trained for."""
        return read_checkpoint(self.checkpoint).epoch

    @property
    def train_minutes(self) -> float | None:
        """Training time up to its epoch; None where nobody noted it."""
        epochs = self.epochs
        for row in _history(self.checkpoint.parent / "history.json"):
            elapsed_s = row.get("elapsed_s")
            if row.get("epoch") == epochs and isinstance(elapsed_s, int | float):
                return round(elapsed_s / 60, 2)
        return None


def is_checkpoint(folder: Path) -> bool:
    """Tell whether a checkpoint lies in a folder."""
    return (folder / RECORD_NAME).is_file()


def contestant_of(folder: Path) -> Contestant:
    """Return a checkpoint as a contestant, called after its training."""
    whole = folder.resolve()
    name = f"{whole.parent.name}-{whole.name}" if whole.name in _USUAL_NAMES else whole.name
    return Contestant(name=_file_name(name), checkpoint=folder, origin="checkpoint")


def trained(
    name: str,
    config: TrainConfig,
    *,
    data: Data,
    out: Path,
    weights: Weights,
    time_limit_s: float,
    say: Callable[[str], object],
) -> Contestant:
    """Train a recipe, or go on with it, and return it as a contestant.

    Args:
        name: Name of the recipe.
        config: The recipe.
        data: What to train on.
        out: Folder of the training; a state in it is gone on with.
        weights: Which of the training's checkpoints to compare.
        time_limit_s: Training time, over all resumptions; what is reached by then is compared.
        say: Receives the lines of the training.

    Raises:
        UsageError: If not even one epoch was finished in the time.
        ModelError: If ``out`` holds the training of another configuration.
    """
    with sole_training(out):
        resume = has_state(out / "state")
        before_s = read_progress(out / "state").elapsed_s if resume else 0.0
        progress = train(
            config,
            data=data,
            out=out,
            resume=resume,
            time_limit_s=time_limit_s - before_s,
            say=lambda line: say(f"{name}: {line}"),
        )
    if not is_checkpoint(out / weights):
        raise UsageError(
            f"{name} finished no epoch in {time_limit_s / 60:.1f} minutes",
            remedy="run the same command again with a longer --time-limit-min",
        )
    if not is_done(progress, config):
        say(f"{name}: stopped by the time limit after {len(progress.history)} epochs")
    return Contestant(
        name=_file_name(name),
        checkpoint=out / weights,
        origin="recipe",
        epochs_planned=config.num_epochs,
    )


def planned_names(words: Sequence[str], *, recipes: Collection[str]) -> list[str]:
    """Return what contestants will be called, before any recipe among them is trained."""
    return [
        _file_name(word) if word in recipes else contestant_of(Path(word)).name for word in words
    ]


def check_names(names: Sequence[str]) -> None:
    """Raise UsageError if two contestants have one name."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(
            f"two contestants are called {', '.join(twice)}",
            remedy="name each recipe once, or rename the folder of one checkpoint",
        )


def _file_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-.") or "network"


def _history(path: Path) -> list[dict[str, object]]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
