"""Scores by image band: far, middle and near, the rows of a picture in thirds.

The camera of a ride looks ahead, so the row says roughly how far a thing is: the upper third
holds sky and what is far, the lower third the own machine and the road just ahead of it. A
mistake far ahead leaves seconds, a mistake near leaves none; one figure over both hides that.

Shape letters: H, W height and width.
"""

from typing import Literal, get_args

import numpy as np

from losszero_rt.classmap import ClassMap
from losszero_rt.metrics.confusion import ScoreKeeper, Scores

BandName = Literal["far", "middle", "near"]
BANDS: tuple[BandName, ...] = get_args(BandName)


def band_rows(height: int) -> dict[BandName, slice]:
    """Return the rows of each band in a picture of ``height`` rows: every row once, top down."""
    ends = [round(height * part / len(BANDS)) for part in range(len(BANDS) + 1)]
    return {name: slice(ends[i], ends[i + 1]) for i, name in enumerate(BANDS)}


class BandKeeper:
    """Collects the confusion matrices of one image after the other, by band.

    Args:
        classmap: The classes; its ignored id is not counted.
    """

    def __init__(self, classmap: ClassMap) -> None:
        self._keepers: dict[BandName, ScoreKeeper] = {name: ScoreKeeper(classmap) for name in BANDS}

    def __len__(self) -> int:
        return len(self._keepers[BANDS[0]])

    def add(self, labels_HW: np.ndarray, *, truth: np.ndarray) -> None:
        """Count one image; see :func:`losszero_rt.metrics.confusion_matrix`."""
        for name, rows in band_rows(truth.shape[0]).items():
            self._keepers[name].add(labels_HW[rows], truth=truth[rows])

    def scores(self) -> dict[BandName, Scores]:
        """Return the scores of each band so far; at least one image must have been added."""
        return {name: keeper.scores() for name, keeper in self._keepers.items()}
