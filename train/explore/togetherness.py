"""Pictures that belong together: rides cut by the split, and near-duplicates.

Shape letters: H, W height and width; C colour channels (RGB).
"""

from collections.abc import Iterable, Mapping, Sequence

import cv2
import numpy as np

from losszero_rt.errors import clean_text
from train.datasets.leaks import NearDuplicate, find_leaks, near_duplicates
from train.datasets.picture_set import PictureSet
from train.datasets.splits import Split
from train.explore.findings import TWINS_MAX, LeakFigures
from train.explore.tiles import TILE_WIDTH_PX

PAIRS_SHOWN_MAX = 12
_GAP_PX = 4


def find_together(
    pictures: PictureSet, *, parts: Mapping[str, str]
) -> tuple[tuple[LeakFigures, ...], tuple[LeakFigures, ...], int]:
    """Find what a split should not have cut, and what it did not cut.

    Args:
        pictures: Sound pictures; all are read once.
        parts: The part of the split that each picture name lies in; a name may be missing.

    Returns:
        What lies in more than one part; the near-duplicates within one, the most alike first, at
        most :data:`TWINS_MAX`; and the number of all of these.
    """
    duplicates = near_duplicates(pictures)
    split = Split(seed=0, scheme="explored", parts=_names_by_part(pictures, parts))
    leaks = find_leaks(pictures, split, duplicates=duplicates)
    cut = {leak.names for leak in leaks}
    within = [pair for pair in duplicates if (pair.first, pair.second) not in cut]
    within.sort(key=lambda pair: -pair.similarity)
    return (
        tuple(
            LeakFigures(names=leak.names, parts=leak.parts, reason=leak.reason) for leak in leaks
        ),
        tuple(_figures(pair, parts) for pair in within[:TWINS_MAX]),
        len(within),
    )


def draw_together(
    pictures: PictureSet, leaks: Iterable[LeakFigures]
) -> list[tuple[str, np.ndarray]]:
    """Draw the first pictures of each leak beside each other.

    Returns:
        Captions and uint8 RGB pictures, at most :data:`PAIRS_SHOWN_MAX`.
    """
    place = {name: index for index, name in enumerate(pictures.names)}
    return [
        (
            clean_text(f"{' | '.join(leak.names)} ({leak.reason}; {' | '.join(leak.parts)})"),
            _beside([pictures[place[name]].pixels_HWC for name in leak.names[:2]]),
        )
        for leak, _ in zip(leaks, range(PAIRS_SHOWN_MAX), strict=False)
    ]


def _figures(pair: NearDuplicate, parts: Mapping[str, str]) -> LeakFigures:
    return LeakFigures(
        names=(pair.first, pair.second),
        parts=tuple(sorted({parts.get(pair.first, ""), parts.get(pair.second, "")})),
        reason=f"alike {pair.similarity:.3f}{', mirrored' if pair.mirrored else ''}",
    )


def _names_by_part(pictures: PictureSet, parts: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    names: dict[str, list[str]] = {}
    for name in pictures.names:
        if name in parts:
            names.setdefault(parts[name], []).append(name)
    return {part: tuple(each) for part, each in names.items()}


def _beside(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Return pictures in one row, each of half the width of a tile, as high as the first."""
    width = (TILE_WIDTH_PX - _GAP_PX) // 2
    height = max(1, round(pictures[0].shape[0] * width / pictures[0].shape[1]))
    canvas_HWC = np.full((height, 2 * width + _GAP_PX, 3), 128, np.uint8)
    for column, pixels_HWC in enumerate(pictures):
        left = column * (width + _GAP_PX)
        small_HWC = cv2.resize(pixels_HWC, (width, height), interpolation=cv2.INTER_AREA)
        canvas_HWC[:, left : left + width] = small_HWC
    return canvas_HWC
