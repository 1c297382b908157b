"""Cross-validation: every picture is scored once, by a network that did not train on it.

Nor did it on any picture known to be of its ride: the folds are cut between rides, as far as these
are named, and near-duplicates stay together. Each fold is one training; the
weights at its end are judged, not those of its best epoch, because the best epoch is chosen on the
very pictures that are scored. For the same reason no fold stops early. The counts of all folds are
joined, so there is one score over all pictures and not a mean of means, in which a fold without
vehicles would weigh as much as one full of them.

Several processes may share one cross-validation: each trains the folds that no other is at.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from losszero_rt.checkpoint import load_network, read_checkpoint, read_weights, write_whole
from losszero_rt.errors import InputError, UsageError
from losszero_rt.timings import now_s
from train.config import SourceName, TrainConfig
from train.data import Data
from train.datasets import (
    LabelledPicture,
    PictureSet,
    Split,
    make_split,
    read_split,
    write_split,
)
from train.datasets.leaks import NearDuplicate, find_leaks
from train.loop import Accelerator, is_done, train
from train.scored import Scored, joined, read_scored, score_all, write_scored
from train.sole import BusyError, sole_training
from train.state import Progress, has_state

SPLIT_NAME = "split.json"
STAGES_NAME = "stages.json"
SCORED_NAME = "scored.json"
END_NAME = "end.json"
NUM_PROBE = 6


@dataclass(frozen=True, kw_only=True)
class Fold:
    """One fold, trained and scored.

    Attributes:
        index: Which one, from 1.
        folder: Where its training lies.
        scored: Counts over the pictures that it kept.
        epoch: Epochs trained, over all stages.
        elapsed_s: Training time, over all stages.
    """

    index: int
    folder: Path
    scored: Scored
    epoch: int
    elapsed_s: float


@dataclass(frozen=True, kw_only=True)
class CrossValidation:
    """A cross-validation as far as it has come.

    Attributes:
        split: The folds.
        folds: Those that are trained and scored.
    """

    split: Split
    folds: tuple[Fold, ...]

    @property
    def complete(self) -> bool:
        """Whether every picture has been scored."""
        return len(self.folds) == len(self.split.parts)

    @property
    def scored(self) -> Scored:
        """Counts over the pictures of all folds so far; at least one must be there."""
        return joined([fold.scored for fold in self.folds])


def cross_validate(
    stages: Sequence[TrainConfig],
    *,
    pictures: PictureSet,
    split: Split,
    duplicates: Sequence[NearDuplicate],
    source: SourceName,
    others: Mapping[SourceName, Sequence[LabelledPicture]],
    out: Path,
    resume: bool = False,
    time_limit_s: float = math.inf,
    say: Callable[[str], object] = print,
    accelerator: Accelerator = "auto",
    workers: int = 0,
) -> CrossValidation:
    """Train and score every fold.

    Args:
        stages: What a fold trains, one after the other; each starts from the end of the one
            before.
        pictures: What is divided into folds.
        split: The folds.
        duplicates: The near-duplicates among ``pictures``.
        source: The name of ``pictures`` among the sources of the stages.
        others: Pictures that every fold trains on, and that are never scored.
        out: Gets ``split.json`` and one folder a fold.
        resume: Go on in a folder that holds a part of this cross-validation.
        time_limit_s: Stop after this time of this call, to be resumed another day.
        say: Receives the lines of the trainings, each with its fold.
        accelerator: What to train on.
        workers: Processes that draw samples beside the training.

    Returns:
        The folds that are done: all of them unless time ran out, or another process is at some.

    Raises:
        UsageError: If ``out`` holds something and ``resume`` is not set, or other folds.
        InputError: If the split cuts through a ride, or parts near-duplicates.
    """
    deadline_s = now_s() + time_limit_s
    check_leaks(split, pictures, duplicates=duplicates)
    stages = [replace(stage, patience=None) for stage in stages]
    training = partial(train, accelerator=accelerator, workers=workers)
    with sole_training(out, waits=True):
        _claim(out, split, stages, resume=resume)
    done: dict[int, Fold] = {}
    for index in _left(done, len(split.parts)):
        trained_on, kept = (pictures.subset(names) for names in split.fold(index))
        data = Data(
            sources={**others, source: trained_on}, val=kept, train_probe=trained_on[:NUM_PROBE]
        )
        folder, tell = out / f"fold-{index}", _named(say, index)
        if _trained(stages, folder, deadline_s, partial(training, say=tell), data, tell):
            done[index] = _judged(stages, kept, folder, index)
            say(f"fold {index} mIoU {done[index].scored.scores.miou:.4f} n={len(kept)}")
    return CrossValidation(split=split, folds=tuple(done[index] for index in sorted(done)))


def _left(done: Mapping[int, Fold], num_folds: int) -> Iterator[int]:
    """Yield the folds that are not done, again as long as there come more that are.

    What another process was at may be done by then.
    """
    num_before = -1
    while num_before < len(done):
        num_before = len(done)
        yield from (index for index in range(1, num_folds + 1) if index not in done)


def _named(say: Callable[[str], object], index: int) -> Callable[[str], object]:
    return lambda line: say(f"fold {index}: {line}")


def fold_split(
    pictures: PictureSet, *, folds: int, duplicates: Sequence[NearDuplicate], seed: int = 1
) -> Split:
    """Divide pictures into folds: rides and near-duplicates stay together."""
    joined_names = [(pair.first, pair.second) for pair in duplicates]
    return make_split(pictures, folds=folds, seed=seed, joined=joined_names)


def check_leaks(split: Split, pictures: PictureSet, *, duplicates: Sequence[NearDuplicate]) -> None:
    """Raise InputError if a ride, or two pictures that are nearly the same, lie in two folds."""
    leaks = find_leaks(pictures, split, duplicates=duplicates)
    if leaks:
        raise InputError(
            f"folds share what they must not: {'; '.join(map(str, leaks))}",
            accepted="every ride, and every set of near-duplicates, in one fold",
            remedy="make the split again",
        )


def _claim(out: Path, split: Split, stages: Sequence[TrainConfig], *, resume: bool) -> None:
    """Write what is asked into an empty folder, or see that the folder holds the same."""
    configs = json.dumps([stage.as_dict() for stage in stages], indent=1)
    if not (out / STAGES_NAME).exists():
        write_split(split, out / SPLIT_NAME)
        write_whole(out / STAGES_NAME, configs.encode())
    elif not resume:
        raise UsageError(
            f"{out} already holds a cross-validation",
            remedy="add --resume or choose another --out",
        )
    elif read_split(out / SPLIT_NAME) != split:
        raise UsageError(
            f"{out} holds a cross-validation with other folds or other data",
            remedy="choose another --out, or the folds, seed and data of before",
        )
    elif (out / STAGES_NAME).read_text(encoding="utf-8") != configs:
        raise UsageError(
            f"{out} holds a cross-validation of another recipe",
            remedy="choose another --out, or the recipe, epochs and seed of before",
        )


def _trained(
    stages: Sequence[TrainConfig],
    folder: Path,
    deadline_s: float,
    training: Callable[..., Progress],
    data: Data,
    say: Callable[[str], object],
) -> bool:
    """Train a fold unless another process is at it; return whether its stages are at their end."""
    if _is_trained(stages, folder):
        return True
    if now_s() >= deadline_s:
        return False
    try:
        with sole_training(folder):
            _train_stages(stages, folder, deadline_s, training, data)
    except BusyError:
        say("left to another process, which is at work on it")
    return _is_trained(stages, folder)


def _is_trained(stages: Sequence[TrainConfig], folder: Path) -> bool:
    return all((place / END_NAME).exists() for place in stage_folders(folder, len(stages)))


def _train_stages(
    stages: Sequence[TrainConfig],
    folder: Path,
    deadline_s: float,
    training: Callable[..., Progress],
    data: Data,
) -> None:
    """Train the stages of one fold, as far as time allows."""
    weights = None
    for stage, place in zip(stages, stage_folders(folder, len(stages)), strict=True):
        if not (place / END_NAME).exists():
            progress = training(
                stage,
                data=data,
                out=place,
                resume=has_state(place / "state"),
                start_from=weights,
                time_limit_s=deadline_s - now_s(),
            )
            if not is_done(progress, stage):
                return
            end = {"epoch": len(progress.history), "elapsed_s": round(progress.elapsed_s, 1)}
            write_whole(place / END_NAME, json.dumps(end).encode())
        record = read_checkpoint(place / "last")
        weights, data = read_weights(place / "last", checkpoint=record), data.after(record)


def stage_folders(folder: Path, num_stages: int) -> list[Path]:
    """Return where each stage of a fold is trained: the last one in the fold's own folder."""
    before = [folder / f"stage-{number}" for number in range(1, num_stages)]
    return [*before, folder]


def _judged(stages: Sequence[TrainConfig], kept: PictureSet, folder: Path, index: int) -> Fold:
    """Score the pictures that a fold kept, or read what they scored before."""
    record = read_checkpoint(folder / "last")
    path, classes = folder / SCORED_NAME, record.classes
    scored = read_scored(
        path, classes=classes, weights_sha256=record.weights_sha256, names=kept.names
    )
    if scored is None:
        network, _ = load_network(folder / "last")
        scored = score_all(network, kept, spec=record.input, classes=classes)
        write_scored(scored, path, weights_sha256=record.weights_sha256)
    ends = [
        json.loads((place / END_NAME).read_text(encoding="utf-8"))
        for place in stage_folders(folder, len(stages))
    ]
    return Fold(
        index=index,
        folder=folder,
        scored=scored,
        epoch=sum(end["epoch"] for end in ends),
        elapsed_s=sum(end["elapsed_s"] for end in ends),
    )
