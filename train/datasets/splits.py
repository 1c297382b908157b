"""Which picture is for training and which is kept, as a file of its own.

So two trainings can be told to use the same split, and it carries a digest of the data it was made
for.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from losszero_rt.checkpoint import write_whole
from losszero_rt.errors import InputError, UsageError
from train.datasets.json_files import read_json
from train.datasets.picture_set import PictureSet

_FORMAT = 1
# The scheme of a split whose parts the data set itself names.
OWN_SCHEME = "own"
_READ_BYTES = 1 << 20
_REMEDY = "make the split again: python -m train split DATA --out split.json"


@dataclass(frozen=True, kw_only=True)
class Split:
    """Names of pictures by part.

    Attributes:
        seed: What the choice was drawn from.
        scheme: ``ratios 6:2:2``, ``folds 5``, or ``own``.
        parts: Sorted names by part: train, val, test; or fold-1, fold-2 and so on.
        data_version: Hex digest over names, contents of the files, and parts.
    """

    seed: int
    scheme: str
    parts: Mapping[str, tuple[str, ...]]
    data_version: str = ""

    def fold(self, index: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the names to train on and those to validate on when a fold is kept.

        Args:
            index: The fold to keep, from 1.
        """
        kept = f"fold-{index}"
        if kept not in self.parts:
            raise UsageError(f"no {kept} in this split", accepted=", ".join(self.parts))
        rest = sorted(name for part, names in self.parts.items() if part != kept for name in names)
        return tuple(rest), self.parts[kept]


def own_split(pictures: PictureSet) -> Split:
    """Return the parts that the data set itself names; empty if it names none."""
    parts: dict[str, list[str]] = {}
    for record in pictures.records:
        if record.split:
            parts.setdefault(record.split, []).append(record.name)
    own = {part: tuple(names) for part, names in sorted(parts.items())}
    version = data_version(pictures, Split(seed=0, scheme=OWN_SCHEME, parts=own))
    return Split(seed=0, scheme=OWN_SCHEME, parts=own, data_version=version)


def data_version(pictures: PictureSet, split: Split) -> str:
    """Return a hex sha256 over the names, the digests of all files, and the parts.

    Neither folders nor times enter, so a copy of the data elsewhere has the same version.
    """
    digests: dict[Path, str] = {}
    part_of = {name: part for part, names in split.parts.items() for name in names}
    whole = hashlib.sha256()
    for record in pictures.records:
        files = (record.image, *record.label_files)
        for path in files:
            if path not in digests:
                digests[path] = _digest(path)
        line = [record.name, part_of.get(record.name, ""), *(digests[path] for path in files)]
        whole.update(json.dumps(line).encode())
    return whole.hexdigest()


def write_split(split: Split, path: Path) -> None:
    """Write a split as JSON, complete or not at all."""
    record = {
        "format": _FORMAT,
        "seed": split.seed,
        "scheme": split.scheme,
        "data_version": split.data_version,
        "parts": {part: list(names) for part, names in split.parts.items()},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode())


def read_split(path: Path) -> Split:
    """Read a split; InputError if the file is no split, or names a picture in two parts."""
    record = read_json(path, remedy=_REMEDY)
    try:
        if record["format"] != _FORMAT:
            raise ValueError(f"format {record['format']} instead of {_FORMAT}")
        split = Split(
            seed=int(record["seed"]),
            scheme=str(record["scheme"]),
            parts={str(part): tuple(map(str, names)) for part, names in record["parts"].items()},
            data_version=str(record["data_version"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path} is no split: {error!r}", remedy=_REMEDY) from error
    names = [name for part in split.parts.values() for name in part]
    if len(set(names)) != len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise InputError(f"{path} has pictures twice: {', '.join(twice)}", remedy=_REMEDY)
    return split


def check_split(split: Split, pictures: PictureSet) -> None:
    """Refuse a split that was made for other data; InputError says how they differ."""
    asked = {name for part in split.parts.values() for name in part}
    missing, more = sorted(asked - {*pictures.names}), sorted({*pictures.names} - asked)
    if missing or more:
        raise InputError(
            f"the split does not fit {pictures.name}: not in the data: {', '.join(missing) or '-'};"
            f" not in the split: {', '.join(more) or '-'}",
            remedy=_REMEDY,
        )
    found = data_version(pictures, split)
    if found != split.data_version:
        raise InputError(
            f"files of {pictures.name} have changed: data version {found}, "
            f"the split was made for {split.data_version}",
            remedy=_REMEDY,
        )


def absent_classes(pictures: PictureSet, split: Split) -> dict[str, tuple[str, ...]]:
    """Return the classes without one pixel, by part; scores of these will be n/a."""
    return {
        part: tuple(
            name for name, count in zip(pictures.classes.names, counts, strict=False) if not count
        )
        for part, counts in part_counts(pictures, split).items()
    }


def part_counts(pictures: PictureSet, split: Split) -> dict[str, np.ndarray]:
    """Return the pixels a class by part, int64 (num_classes + 1,), the last unlabelled."""
    return {
        part: pictures.subset(names).class_counts().sum(axis=0)
        for part, names in split.parts.items()
    }


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_READ_BYTES):
            digest.update(piece)
    return digest.hexdigest()
