"""The same view in two parts of a split: scores on it say nothing.

Pictures are compared as small grey ones, upright and mirrored. Measured on real rides: the same
frame at half the size, recompressed, and 0.6 to 1.4 times as bright stays above 0.958; frames of
one place at other moments, and other places, reach 0.82; frames of one video half a second apart
lie around 0.95.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from train.datasets.picture_set import PictureSet
from train.datasets.splits import Split

SIMILARITY_MIN = 0.95
_SMALL_WH = (32, 18)
# Rows of the similarity matrix that are held at a time.
_BLOCK = 1024


@dataclass(frozen=True, kw_only=True)
class NearDuplicate:
    """Two pictures that show nearly the same.

    Attributes:
        first: Name of the one.
        second: Name of the other.
        similarity: Correlation of the small grey pictures, up to 1.
        mirrored: Whether one is the other's mirror image.
    """

    first: str
    second: str
    similarity: float
    mirrored: bool


@dataclass(frozen=True, kw_only=True)
class Leak:
    """Something that lies in more than one part of a split.

    Attributes:
        names: The pictures.
        parts: The parts they lie in.
        reason: Why they belong together.
    """

    names: tuple[str, ...]
    parts: tuple[str, ...]
    reason: str

    def __str__(self) -> str:
        return f"{' | '.join(self.parts)}: {', '.join(self.names)} ({self.reason})"


def near_duplicates(
    pictures: PictureSet, *, similarity_min: float = SIMILARITY_MIN
) -> tuple[NearDuplicate, ...]:
    """Return the pairs of pictures that show nearly the same, in the order of their names."""
    if not len(pictures):
        return ()
    small = np.stack([_small(picture.pixels_HWC) for picture in pictures])
    upright = _unit(small)
    mirrored = _unit(small[:, :, ::-1])
    found: list[NearDuplicate] = []
    for start in range(0, len(small), _BLOCK):
        rows = upright[start : start + _BLOCK]
        same, turned = rows @ upright.T, rows @ mirrored.T
        best = np.maximum(same, turned)
        for row, column in np.argwhere(best >= similarity_min):
            first = start + int(row)
            if first < column:
                found.append(
                    NearDuplicate(
                        first=pictures.names[first],
                        second=pictures.names[column],
                        similarity=float(best[row, column]),
                        mirrored=bool(turned[row, column] > same[row, column]),
                    )
                )
    return tuple(found)


def find_leaks(
    pictures: PictureSet, split: Split, *, duplicates: Iterable[NearDuplicate]
) -> tuple[Leak, ...]:
    """Return what lies in more than one part: rides first, then near-duplicates."""
    part_of = {name: part for part, names in split.parts.items() for name in names}
    return (
        *_ride_leaks(pictures, part_of),
        *(
            Leak(names=names, parts=parts, reason=_reason(pair))
            for pair in duplicates
            if len(parts := _parts(names := (pair.first, pair.second), part_of)) > 1
        ),
    )


def _ride_leaks(pictures: PictureSet, part_of: dict[str, str]) -> Iterator[Leak]:
    rides: dict[str, list[str]] = {}
    for record in pictures.records:
        if record.ride:
            rides.setdefault(record.ride, []).append(record.name)
    for ride, names in sorted(rides.items()):
        parts = _parts(names, part_of)
        if len(parts) > 1:
            yield Leak(names=tuple(names), parts=parts, reason=f"ride {ride}")


def _parts(names: Iterable[str], part_of: dict[str, str]) -> tuple[str, ...]:
    return tuple(sorted({part_of[name] for name in names if name in part_of}))


def _reason(pair: NearDuplicate) -> str:
    return f"alike {pair.similarity:.3f}{', mirrored' if pair.mirrored else ''}"


def _small(pixels_HWC: np.ndarray) -> np.ndarray:
    grey_HW = cv2.cvtColor(pixels_HWC, cv2.COLOR_RGB2GRAY)
    # The root lifts what is dark, where most of a night lies.
    return np.sqrt(cv2.resize(grey_HW, _SMALL_WH, interpolation=cv2.INTER_AREA).astype(np.float32))


def _unit(small_NHW: np.ndarray) -> np.ndarray:
    flat = small_NHW.reshape(len(small_NHW), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    # A picture of one colour is like no other.
    return np.asarray(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-3))
