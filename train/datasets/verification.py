"""How far the two label sources of the Motorcycle Night Ride data set agree."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from losszero_rt.classmap import NIGHT_RIDE
from losszero_rt.errors import InputError
from train.datasets.motorcycle import draw, find_sources, read_fuse

_NAMES = (*NIGHT_RIDE.names, "unlabelled")
_UNLABELLED = NIGHT_RIDE.num_classes


@dataclass(frozen=True, kw_only=True)
class Disagreement:
    """One picture whose annotations and colour mask were compared.

    Attributes:
        name: Of the picture.
        pixels: int64 (C + 1, C + 1), classes as annotated by classes of the colour mask, the
            unlabelled last.
    """

    name: str
    pixels: np.ndarray

    @property
    def share(self) -> float:
        """Share of the pixels on which the two differ, 0..1."""
        return float(1 - np.trace(self.pixels) / self.pixels.sum())

    def pairs(self) -> list[tuple[str, str, int]]:
        """Return (class annotated, class of the mask, pixels), most pixels first."""
        return _pairs_of(self.pixels)


@dataclass(frozen=True, kw_only=True)
class VerifyReport:
    """The comparison of a whole folder.

    Attributes:
        pictures: Those that have both sources.
        faults: What could not be compared, and why.
    """

    pictures: tuple[Disagreement, ...]
    faults: tuple[str, ...]

    @property
    def share(self) -> float:
        """Share of all compared pixels on which the sources differ, 0..1."""
        whole = self._pixels()
        return float(1 - np.trace(whole) / max(whole.sum(), 1))

    def pairs(self) -> list[tuple[str, str, int]]:
        """Return (class annotated, class of the mask, pixels) over all pictures, most first."""
        return _pairs_of(self._pixels())

    def lines(self) -> list[str]:
        """Return the report as text."""
        return [
            f"{len(self.pictures)} pictures compared, {self.share:.3%} of the pixels differ",
            *(f"  {ours} -> {theirs}: {count} pixels" for ours, theirs, count in self.pairs()),
            *(
                f"{each.name}: {each.share:.3%}"
                + "".join(f"; {ours} -> {theirs} {n}" for ours, theirs, n in each.pairs())
                for each in sorted(self.pictures, key=lambda each: -each.share)
            ),
            *(f"not compared: {fault}" for fault in self.faults),
        ]

    def _pixels(self) -> np.ndarray:
        empty = np.zeros((len(_NAMES), len(_NAMES)), np.int64)
        return np.asarray(sum((each.pixels for each in self.pictures), empty))


def verify_night_ride(folder: Path) -> VerifyReport:
    """Compare annotations and colour masks, pixel by pixel.

    Raises:
        InputError: If one of the two is missing altogether.
    """
    faults: list[str] = []
    sources = find_sources(folder, faults=faults)
    both = sorted({*sources.coco} & {*sources.fuses} & {*sources.images})
    if not both:
        raise InputError(
            f"{folder} has no picture with both annotations and a colour mask",
            accepted="COCO_motorcycle (pixel).json and images/NAME.png___fuse.png",
        )
    lone = sorted(({*sources.coco} ^ {*sources.fuses}) & {*sources.images})
    faults += [f"{name} has only one of the two" for name in lone]
    found: list[Disagreement] = []
    for name in both:
        try:
            labels_HW, mask_HW = draw(sources.coco[name])[0], read_fuse(sources.fuses[name])
            if labels_HW.shape != mask_HW.shape:
                raise InputError(f"{name}: {labels_HW.shape} annotated, mask {mask_HW.shape}")
        except InputError as error:
            faults.append(str(error))
        else:
            found.append(Disagreement(name=name, pixels=_crossed(labels_HW, mask_HW)))
    return VerifyReport(pictures=tuple(found), faults=tuple(faults))


def _crossed(first_HW: np.ndarray, second_HW: np.ndarray) -> np.ndarray:
    ids = [
        np.minimum(labels_HW, _UNLABELLED).astype(np.int64) for labels_HW in (first_HW, second_HW)
    ]
    size = len(_NAMES)
    return np.bincount((ids[0] * size + ids[1]).reshape(-1), minlength=size**2).reshape(size, size)


def _pairs_of(pixels: np.ndarray) -> list[tuple[str, str, int]]:
    return sorted(_off_diagonal(pixels), key=lambda pair: -pair[2])


def _off_diagonal(pixels: np.ndarray) -> Iterator[tuple[str, str, int]]:
    for row, column in np.argwhere(pixels):
        if row != column:
            yield _NAMES[row], _NAMES[column], int(pixels[row, column])
