"""What a training sees and what it is measured on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from losszero_rt.errors import InputError
from train.config import SourceName
from train.datasets.picture import LabelledPicture


@dataclass(frozen=True, kw_only=True)
class Data:
    """The pictures of a training.

    Attributes:
        sources: Training pictures by source name.
        val: Pictures that are never trained on.
        train_probe: Training pictures that are scored like ``val``, to show the gap.
        versions: References of the data in the lineage of what is made from them.
    """

    sources: Mapping[SourceName, Sequence[LabelledPicture]]
    val: Sequence[LabelledPicture]
    train_probe: Sequence[LabelledPicture]
    versions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, pictures in (("val", self.val), ("train_probe", self.train_probe)):
            if not len(pictures):
                raise InputError(
                    f"no pictures in {name}, so nothing could be measured",
                    remedy="make a split with a part of each: python -m train split",
                )

    def summary(self) -> dict[str, Any]:
        """Return the counts for the checkpoint's record."""
        counts = {str(name): len(pictures) for name, pictures in self.sources.items()}
        return {"train": counts, "val": len(self.val)}
