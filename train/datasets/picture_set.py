"""A data set that is read picture by picture, in bounded memory."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np

from losszero_rt.classmap import ClassMap
from losszero_rt.errors import InputError, UsageError
from train.datasets.picture import LabelledPicture

CACHE_BYTES_MAX = 512 << 20


@dataclass(frozen=True, kw_only=True)
class PictureRecord:
    """Where one picture of a data set lies.

    Attributes:
        name: Unique within the data set.
        image: The image file.
        label_files: The files that its labels come from; several pictures may share one.
        ride: The sequence it was taken from, which no split may cut; empty where unknown.
        split: The part that the data set itself puts it in, such as train or val.
    """

    name: str
    image: Path
    label_files: tuple[Path, ...]
    ride: str = ""
    split: str | None = None


@dataclass(frozen=True, kw_only=True)
class Traits:
    """What is remembered of a picture once it was read.

    Attributes:
        is_night: Whether it is dark enough to count as night.
        has_bike: Whether the rider's own machine is in it.
        counts: Pixels of every class, in the order of the ids, and of unlabelled ones at the end.
    """

    is_night: bool
    has_bike: bool
    counts: tuple[int, ...]


Read = Callable[[PictureRecord], LabelledPicture]


class PictureSet(Sequence[LabelledPicture]):
    """Pictures in the order of their names, read when asked for.

    Pictures read lately are kept until they take ``cache_bytes_max``; subsets share the memory.
    Whoever gets a picture must not write into its arrays.

    Args:
        name: What to call the data set.
        classes: The classes of its labels.
        records: Where its pictures lie.
        read: Reads one of them; raises InputError if it is broken.
        notes: What a reader should know that is no fault.
        published_split: Whether the parts of the records are those that the data set was
            published with.
        cache_bytes_max: Bound of the memory for pictures that were read.
    """

    def __init__(
        self,
        name: str,
        *,
        classes: ClassMap,
        records: Iterable[PictureRecord],
        read: Read,
        notes: tuple[str, ...] = (),
        published_split: bool = False,
        cache_bytes_max: int = CACHE_BYTES_MAX,
    ) -> None:
        self.name = name
        self.classes = classes
        self.records = tuple(sorted(records, key=lambda record: record.name))
        self.notes = notes
        self.published_split = published_split
        self._shelf = _Shelf(read, classes=classes, bytes_max=cache_bytes_max)
        if len({record.name for record in self.records}) != len(self.records):
            raise InputError(f"{name} holds several pictures of one name")

    def __len__(self) -> int:
        return len(self.records)

    @overload
    def __getitem__(self, index: int) -> LabelledPicture: ...

    @overload
    def __getitem__(self, index: slice) -> "PictureSet": ...

    def __getitem__(self, index: int | slice) -> "LabelledPicture | PictureSet":
        if isinstance(index, slice):
            return self._of(self.records[index])
        return self._shelf.picture(self.records[index])

    def __repr__(self) -> str:
        return (
            f"PictureSet({self.name!r}, {len(self)} pictures, {self.classes.num_classes} classes)"
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the pictures, in order."""
        return tuple(record.name for record in self.records)

    def subset(self, names: Iterable[str]) -> "PictureSet":
        """Return the pictures of these names; one that is not there is a UsageError."""
        wanted = set(names)
        if unknown := sorted(wanted - set(self.names)):
            raise UsageError(
                f"{self.name} has no picture {', '.join(unknown)}",
                remedy="make the split again: python -m train split",
            )
        return self._of(record for record in self.records if record.name in wanted)

    def of_split(self, split: str) -> "PictureSet":
        """Return the pictures that the data set itself puts into this part."""
        chosen = [record for record in self.records if record.split == split]
        if not chosen:
            known = sorted({record.split for record in self.records if record.split})
            raise InputError(
                f"{self.name} has no pictures for {split}",
                accepted=f"its parts: {', '.join(known) or 'none'}",
                remedy="make a split: python -m train split DATA --out split.json",
            )
        return self._of(chosen)

    def traits(self, index: int) -> Traits:
        """Return what is known of one picture; reads it the first time only."""
        return self._shelf.traits(self.records[index])

    def class_counts(self) -> np.ndarray:
        """Return the pixels a class, int64 (N, num_classes + 1); the last column is unlabelled."""
        rows = [self.traits(index).counts for index in range(len(self))]
        return np.array(rows, np.int64).reshape(len(self), self.classes.num_classes + 1)

    def faults(self) -> list[str]:
        """Read every picture once and return what is wrong with those that cannot be used."""
        found: list[str] = []
        for index in range(len(self)):
            try:
                self.traits(index)
            except InputError as error:
                found.append(str(error))
        return found

    def limit_memory(self, bytes_max: int) -> None:
        """Keep fewer pictures from now on, here and in every subset."""
        self._shelf.limit(bytes_max)

    def _of(self, records: Iterable[PictureRecord]) -> "PictureSet":
        part = PictureSet.__new__(PictureSet)
        part.__dict__.update(self.__dict__, records=tuple(records))
        return part


def names_of(pictures: Sequence[LabelledPicture]) -> tuple[str, ...]:
    """Return the names of pictures, in order; those of a data set without reading it."""
    if isinstance(pictures, PictureSet):
        return pictures.names
    return tuple(picture.name for picture in pictures)


class _Shelf:
    """Keeps the pictures read last, and the traits of all; safe for readers in several threads."""

    def __init__(self, read: Read, *, classes: ClassMap, bytes_max: int) -> None:
        self._read = read
        self._classes = classes
        self._bytes_max = bytes_max
        self._pictures: OrderedDict[str, LabelledPicture] = OrderedDict()
        self._traits: dict[str, Traits] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Leave the pictures here: another process is sent where they lie, not megabytes each."""
        return {**self.__dict__, "_pictures": OrderedDict()}

    def picture(self, record: PictureRecord) -> LabelledPicture:
        # Taken out and put back, so that it becomes the newest without a moment's doubt.
        picture = self._pictures.pop(record.name, None)
        if picture is None:
            picture = self._read(record)
            self._traits[record.name] = _traits_of(picture, self._classes)
        if picture.num_bytes <= self._bytes_max:
            self._pictures[record.name] = picture
            self._make_room()
        return picture

    def traits(self, record: PictureRecord) -> Traits:
        known = self._traits.get(record.name)
        if known is None:
            self.picture(record)
            known = self._traits[record.name]
        return known

    def limit(self, bytes_max: int) -> None:
        self._bytes_max = min(self._bytes_max, bytes_max)
        self._make_room()

    def _make_room(self) -> None:
        taken = sum(picture.num_bytes for picture in tuple(self._pictures.values()))
        while taken > self._bytes_max and self._pictures:
            taken -= self._pictures.popitem(last=False)[1].num_bytes


def _traits_of(picture: LabelledPicture, classes: ClassMap) -> Traits:
    counts = np.bincount(picture.labels_HW.reshape(-1), minlength=256)
    rest = int(counts[classes.num_classes :].sum())
    return Traits(
        is_night=picture.is_night,
        has_bike=picture.has_bike,
        counts=(*(int(count) for count in counts[: classes.num_classes]), rest),
    )
