"""What every layout module offers, and what it finds in a folder."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from losszero_rt.classmap import ClassMap
from losszero_rt.errors import InputError
from train.datasets.image_files import check_pair
from train.datasets.picture_set import PictureRecord, Read


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What one layout found in a folder, before anything is decoded.

    Attributes:
        classes: The classes of the labels.
        records: The pictures that can be read.
        read: Reads one of them.
        faults: What is broken, one line each.
        notes: What a reader should know that is no fault.
        published_split: Whether the parts of the records are those that the data set was published
            with and that others report scores on, not the choice of whoever wrote the folder.
    """

    classes: ClassMap
    records: list[PictureRecord]
    read: Read
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    published_split: bool = False


class Layout(Protocol):
    """A module of this folder that knows one way in which data sets lie on disk."""

    NAME: str
    SHAPE: str

    def recognises(self, folder: Path) -> bool:
        """Tell from names alone whether a folder lies this way."""

    def survey(
        self, folder: Path, *, classes: ClassMap | None, id_map: Mapping[int, int] | None
    ) -> Survey:
        """Find the pictures of a folder and what is broken."""


def pair_up(
    images: Mapping[str, Path], masks: Mapping[str, Path], *, faults: list[str]
) -> Iterable[tuple[str, Path, Path]]:
    """Yield (key, image, mask) of every sound pair; what is not sound is added to ``faults``."""
    for key in sorted({*images, *masks}):
        if key not in images or key not in masks:
            faults.append(f"{key} has no {'image' if key not in images else 'mask'}")
            continue
        try:
            check_pair(images[key], masks[key])
        except InputError as error:
            faults.append(str(error))
        else:
            yield key, images[key], masks[key]
