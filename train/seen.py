"""Which pictures weights were trained on: kept with them, so that no score on these passes for new.

A checkpoint's record holds a digest of each picture's name, not the name. Weights that a training
started from count with all that they were trained on. What was written before that was recorded
is told by the split file beside it; else nobody knows.
"""

import hashlib
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from losszero_rt.checkpoint import read_checkpoint
from losszero_rt.data_record import digests_of, seen_in
from losszero_rt.errors import LossZeroError
from train.datasets.splits import Split, read_split

SPLIT_NAME = "split.json"
STATE_PATH = "state/state.json"


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """How many of the pictures that are scored some weights were trained on.

    Attributes:
        seen: How many; None where nobody knows.
        scored: Of how many.
        by_split: Whether the split beside the checkpoint tells, not the checkpoint: what the
            training may have started from is not known then.
    """

    seen: int | None
    scored: int
    by_split: bool = False

    def __str__(self) -> str:
        if self.seen is None:
            return "unknown"
        return f"saw {self.seen} of {self.scored} scored pictures"

    def as_dict(self) -> dict[str, Any]:
        """Return it JSON ready."""
        return {
            "seen": self.seen,
            "scored": self.scored,
            "by_split": self.by_split,
            "text": str(self),
        }


def overlap_with(folder: Path, *, names: Collection[str]) -> Overlap:
    """Return how many of these pictures a checkpoint was trained on.

    Args:
        folder: The checkpoint.
        names: Names of the scored pictures.

    Raises:
        ModelError: If there is no checkpoint.
    """
    wanted = digests_of(names)
    known = seen_in(read_checkpoint(folder).data)
    if known is not None:
        return Overlap(seen=len(wanted & known), scored=len(wanted))
    beside = _by_split(folder.resolve())
    seen = None if beside is None else len(wanted & digests_of(beside))
    return Overlap(seen=seen, scored=len(wanted), by_split=seen is not None)


def names_digest(names: Iterable[str]) -> str:
    """Return what tells these names, in this order, from others: their number and a digest."""
    listed = list(names)
    return f"n={len(listed)} {hashlib.sha256(json.dumps(listed).encode()).hexdigest()[:12]}"


def _by_split(folder: Path) -> tuple[str, ...] | None:
    """Return the names that the split of a checkpoint's training trained on; None if unknown."""
    trained = _trained_digests(folder.parent / STATE_PATH)
    for where in (folder.parent, folder.parent.parent):
        try:
            split = read_split(where / SPLIT_NAME)
        except LossZeroError:
            continue
        for names in _trainable(split):
            if names_digest(names) in trained:
                return names
        if not trained and where == folder.parent:
            return split.parts.get("train")
    return None


def _trainable(split: Split) -> list[tuple[str, ...]]:
    """Return the sets of names that a training with this split can have trained on."""
    if "train" in split.parts:
        return [split.parts["train"]]
    return [split.fold(index)[0] for index in range(1, len(split.parts) + 1)]


def _trained_digests(state: Path) -> set[str]:
    """Return the digests of training pictures that a training's state names, perhaps none."""
    try:
        data = json.loads(state.read_text(encoding="utf-8"))["data"]
        return {str(value) for part, value in data.items() if part.startswith("train ")}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return set()
