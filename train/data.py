"""What a training sees and what it is measured on."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from losszero_rt.checkpoint import Checkpoint
from losszero_rt.data_record import (
    digests_of,
    joined,
    seen_in,
    seen_record,
    sources_in,
    sources_record,
    union_of,
)
from losszero_rt.errors import InputError
from train.config import SourceName
from train.datasets.picture import LabelledPicture
from train.datasets.picture_set import PictureSet, names_of
from train.seen import names_digest

# Drawn by us: whoever scores them knows which seeds are for training.
_DRAWN = "rides"
_NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Data:
    """The pictures of a training.

    Attributes:
        sources: Training pictures by source name.
        val: Pictures that are never trained on.
        train_probe: Training pictures that are scored like ``val``, to show the gap.
        versions: References of the data in the lineage of what is made from them.
        split_version: Digest of the split and of the files it was made for; empty if unknown.
        origin: What is known of the weights that it starts from, in the words of
            :mod:`losszero_rt.data_record`; None where it starts as its recipe says.
    """

    sources: Mapping[SourceName, Sequence[LabelledPicture]]
    val: Sequence[LabelledPicture]
    train_probe: Sequence[LabelledPicture]
    versions: tuple[str, ...] = ()
    split_version: str = ""
    origin: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        for name, pictures in (("val", self.val), ("train_probe", self.train_probe)):
            if not len(pictures):
                raise InputError(
                    f"no pictures in {name}, so nothing could be measured",
                    remedy="make a split with a part of each: python -m train split",
                )

    def summary(self) -> dict[str, Any]:
        """Return the counts for the checkpoint's record, and what its weights have seen."""
        counts: Counter[str] = Counter()
        for source, pictures in self.sources.items():
            counts[_set_name(source, pictures)] += len(pictures)
        version = {"version": self.split_version} if self.split_version else {}
        return {
            "train": dict(counts),
            "val": len(self.val),
            **version,
            **seen_record(self._seen()),
            **sources_record(self._all_sources(name for name, num in counts.items() if num)),
        }

    def after(self, *records: Checkpoint) -> "Data":
        """Return the same pictures for a training that starts from (a mean of) checkpoints."""
        return replace(self, origin=joined([record.data for record in records]))

    def _seen(self) -> frozenset[str] | None:
        learnt = (pictures for name, pictures in self.sources.items() if name != _DRAWN)
        own = [digests_of(names_of(pictures)) for pictures in learnt]
        return union_of([_NOTHING if self.origin is None else seen_in(self.origin), *own])

    def _all_sources(self, own: Iterable[str]) -> frozenset[str]:
        before = _NOTHING if self.origin is None else sources_in(self.origin)
        return before.union(own)

    def identity(self) -> dict[str, str]:
        """Return what tells these pictures from others: by part, their number and a digest.

        The digest is of the names, in order, so nothing is read that is read lazily.
        """
        parts: dict[str, Sequence[LabelledPicture]] = {
            f"train {name}": pictures for name, pictures in sorted(self.sources.items())
        }
        parts["val"] = self.val
        known = {
            part: names_digest(names_of(pictures))
            for part, pictures in parts.items()
            if len(pictures)
        }
        return known | ({"split": self.split_version[:12]} if self.split_version else {})


def _set_name(source: SourceName, pictures: Sequence[LabelledPicture]) -> str:
    """Return the name of a data set: its own, not what a recipe calls the pictures of anybody."""
    return pictures.name if isinstance(pictures, PictureSet) else str(source)
