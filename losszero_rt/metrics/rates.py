"""Safety rates: the confusions that matter on a motorcycle, as shares of the true pixels.

Shape letters: C classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from losszero_rt.classmap import ClassMap
from losszero_rt.errors import UsageError
from losszero_rt.metrics.bootstrap import ratio


@dataclass(frozen=True, kw_only=True)
class Rate:
    """A share of pixels: of those that truly are ``true``, those that were given ``called``.

    Attributes:
        title: What it tells, in words for a table.
        true: Names of the true classes; None means every class that ``called`` does not name.
        called: Names of the given classes; None means every class that ``true`` does not name.
        good_when_high: Whether a larger share is better.
    """

    title: str
    true: tuple[str, ...] | None
    called: tuple[str, ...] | None
    good_when_high: bool = False

    def of(self, total: np.ndarray, *, classmap: ClassMap) -> float | None:
        """Return the share, 0..1; None where a class or its true pixels are absent.

        Args:
            total: Confusion matrix (C, C), rows truth, columns prediction.
            classmap: Names of the classes.
        """
        try:
            rows = classmap.ids_of(self.true or ())
            columns = classmap.ids_of(self.called or ())
        except UsageError:
            return None
        every = np.arange(classmap.num_classes)
        true_ids = np.setdiff1d(every, columns) if self.true is None else np.array(rows)
        called_ids = np.setdiff1d(every, rows) if self.called is None else np.array(columns)
        counted = total[true_ids]
        share = float(ratio(counted[:, called_ids].sum(), counted.sum()))
        return None if np.isnan(share) else share


# Rider and bike leak in three ways: the scene is taken for them, they are taken for the scene,
# and each is taken for the other.
RATES: Mapping[str, Rate] = {
    "undrivable_as_road": Rate(
        title="undrivable taken for road", true=("undrivable",), called=("road",)
    ),
    "moveable_as_road": Rate(title="moveable taken for road", true=("moveable",), called=("road",)),
    "moveable_missed": Rate(title="moveable missed", true=("moveable",), called=None),
    "lane_mark_recall": Rate(
        title="lane mark found (recall)",
        true=("lane mark",),
        called=("lane mark",),
        good_when_high=True,
    ),
    "bike_leakage": Rate(
        title="scene taken for my bike or rider", true=None, called=("my bike", "rider")
    ),
    "bike_missed": Rate(
        title="my bike or rider taken for scene", true=("my bike", "rider"), called=None
    ),
    "rider_as_bike": Rate(title="rider taken for my bike", true=("rider",), called=("my bike",)),
    "bike_as_rider": Rate(title="my bike taken for rider", true=("my bike",), called=("rider",)),
}


def safety_rates(total: np.ndarray, *, classmap: ClassMap) -> dict[str, float | None]:
    """Return every rate of ``RATES`` by name; None where a class or its pixels are absent."""
    return {name: rate.of(total, classmap=classmap) for name, rate in RATES.items()}
