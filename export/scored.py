"""The pictures that a bundle is scored on, and what a score on them cannot tell."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from export.config import ExportConfig, Say
from export.labelled import LabelledPicture, check_values, read_labelled
from losszero_rt.classmap import ClassMap
from losszero_rt.data_record import digests_of, seen_in
from losszero_rt.errors import InputError

# Of the pictures that a training reads.
_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
# A class with fewer labelled pixels than this is told by chance.
CLASS_PIXELS_MIN = 1000
# Below this share of the mean IoU that the training measured itself, something else is wrong.
KNOWN_SHARE_MIN = 0.75


@dataclass(frozen=True, kw_only=True, eq=False)
class ScoredSet:
    """What scores and parity are measured on.

    Attributes:
        pictures: Labelled pictures; none where the bundle stays unverified.
        dataset: What to call them; also says how many of them the weights were trained on.
        rare: Classes that they hardly show, of which scores on them prove nothing.
    """

    pictures: Sequence[LabelledPicture] = ()
    dataset: str = ""
    rare: Sequence[str] = ()


def read_scored(
    config: ExportConfig, *, classes: ClassMap, data: Mapping[str, Any], say: Say
) -> ScoredSet:
    """Read the pictures of ``--labelled``, and say what they cannot tell.

    Args:
        config: Names the folder.
        classes: Those of the network.
        data: What the weights were trained on.
        say: Hears of pictures that were trained on, and of classes that hardly occur.

    Raises:
        InputError: If a picture cannot be read, its mask holds no classes of the network, or all
            together they show next to nothing.
    """
    if config.labelled is None:
        return ScoredSet()
    pictures = read_labelled(config.labelled, split=config.split)
    check_values(pictures, classes=classes, folder=config.labelled)
    name = config.labelled.resolve().name
    dataset = f"{name}/{config.split}" if config.split else name
    counts = _pixels_by_class(pictures, classes)
    rare = [name for name, num in counts.items() if num < CLASS_PIXELS_MIN]
    told = ", ".join(f"{name} ({counts[name]} pixels)" for name in rare)
    if len(rare) == len(counts):
        raise InputError(
            f"{dataset} hardly shows any class: {told}",
            accepted=f"at least {CLASS_PIXELS_MIN} labelled pixels of a class",
            remedy="name more pictures, or leave --labelled away: the bundle is UNVERIFIED then",
        )
    if rare:
        say(f"nothing is proved of {told}: {dataset} hardly shows it")
    if (seen := seen_in(data)) is None:
        say(
            "which pictures the weights were trained on is not recorded: if on these, "
            "scores flatter"
        )
    elif num_seen := sum(_is_among(seen, picture) for picture in pictures):
        dataset += f" ({num_seen} of {len(pictures)} trained on, by name)"
        say(
            f"{num_seen} of these {len(pictures)} pictures have names of pictures that were "
            "trained on, so scores on them flatter: --split takes some rows of manifest.json"
        )
    return ScoredSet(pictures=pictures, dataset=dataset, rare=rare)


def warn_of_low_score(found: float, *, known: Mapping[str, Any], say: Say) -> None:
    """Say so if a mean IoU is so far below the known one that masks or pictures must be others.

    Args:
        found: Mean IoU on the labelled pictures.
        known: Scores that came with the weights; may be empty.
        say: Hears of it.
    """
    before = known.get("miou")
    if isinstance(before, float) and found < KNOWN_SHARE_MIN * before:
        say(
            f"mean IoU {found:.3f} on these pictures, {before:.3f} came with the weights: are "
            "these masks of the same classes, and upright?"
        )


def _is_among(seen: Collection[str], picture: LabelledPicture) -> bool:
    """Say whether a picture has the name of one that was trained on, in any format of these."""
    stem = Path(picture.file_name).stem
    suffixes = (*_SUFFIXES, *map(str.upper, _SUFFIXES))
    names = [picture.file_name, *(f"{stem}{suffix}" for suffix in suffixes)]
    return not digests_of(names).isdisjoint(seen)


def _pixels_by_class(pictures: Sequence[LabelledPicture], classes: ClassMap) -> dict[str, int]:
    counts = np.zeros(256, np.int64)
    for picture in pictures:
        counts += np.bincount(picture.labels_HW.reshape(-1), minlength=256)
    return {name: int(counts[class_id]) for class_id, name in enumerate(classes.names)}
