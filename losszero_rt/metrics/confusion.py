"""Confusion matrices and what is read off them: IoU, accuracy and safety rates.

A class that occurs neither in truth nor in prediction has no IoU (NaN) and is left out of the
mean. A matrix has the true class in its rows and the predicted class in its columns.

Shape letters: n images, C classes, H, W height and width.
"""

from dataclasses import dataclass
from typing import TypedDict

import numpy as np

from losszero_rt.classmap import IGNORED_ID, ClassMap
from losszero_rt.metrics.bootstrap import (
    interval95,
    json_number,
    mean_present,
    ratio,
    resampled_totals,
)
from losszero_rt.metrics.rates import safety_rates

Interval = tuple[float, float]


class Intervals(TypedDict):
    """95 % intervals (low, high) of the mean IoU and of every class IoU, NaN where unknown."""

    miou: Interval
    class_iou: dict[str, Interval]


def confusion_matrix(
    labels: np.ndarray, *, truth: np.ndarray, num_classes: int, ignored_id: int = IGNORED_ID
) -> np.ndarray:
    """Count pixels by true and predicted class.

    Args:
        labels: Predicted class ids, uint8, any shape.
        truth: True class ids, uint8, shaped like ``labels``.
        num_classes: Number of classes, 1..255.
        ignored_id: Value of ``truth`` whose pixels are not counted.

    Returns:
        int64 (C, C), rows truth, columns prediction.

    Raises:
        ValueError: If shapes or dtypes do not fit, or values lie outside the classes.
    """
    check_pair(labels, truth)
    # One histogram over all 256 x 256 pairs counts and checks in the same pass.
    codes = truth.astype(np.uint16).ravel() << 8 | labels.ravel()
    pairs = np.bincount(codes, minlength=1 << 16).reshape(256, 256)
    pairs[ignored_id] = 0
    _check_classes(pairs.sum(axis=1), "truth", num_classes)
    _check_classes(pairs.sum(axis=0), "labels", num_classes)
    return pairs[:num_classes, :num_classes].astype(np.int64)


def check_pair(labels: np.ndarray, truth: np.ndarray) -> None:
    """Raise ValueError unless both are uint8 arrays of one shape."""
    if labels.shape != truth.shape:
        raise ValueError(
            f"labels of shape {labels.shape} against truth of shape {truth.shape}; "
            "both must have the same shape: resize the labels to the truth, nearest"
        )
    if labels.dtype != np.uint8 or truth.dtype != np.uint8:
        raise ValueError(f"labels {labels.dtype} and truth {truth.dtype}; both must be uint8")


def _check_classes(counts: np.ndarray, what: str, num_classes: int) -> None:
    strangers = np.flatnonzero(counts[num_classes:]) + num_classes
    if strangers.size:
        raise ValueError(
            f"{what} holds {counts[strangers].sum()} pixels outside the classes: values "
            f"{', '.join(map(str, strangers))}; accepted: 0..{num_classes - 1}"
        )


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Scores:
    """Confusion matrices of a set of images and what is read off them.

    Attributes:
        matrices: int64 (n, C, C), one an image, rows truth, columns prediction; n >= 1.
        classmap: Names of the classes.
    """

    matrices: np.ndarray
    classmap: ClassMap

    def __post_init__(self) -> None:
        num_classes = self.classmap.num_classes
        if self.matrices.ndim != 3 or self.matrices.shape[1:] != (num_classes, num_classes):
            raise ValueError(f"matrices {self.matrices.shape} do not fit {num_classes} classes")
        if not len(self.matrices):
            raise ValueError("no image was scored; at least one is needed")

    def __repr__(self) -> str:
        return f"Scores(n={self.n}, miou={self.miou:.4f})"

    @property
    def n(self) -> int:
        """Number of images."""
        return len(self.matrices)

    @property
    def total(self) -> np.ndarray:
        """Sum of the matrices, int64 (C, C)."""
        return np.asarray(self.matrices.sum(axis=0))

    @property
    def class_iou(self) -> np.ndarray:
        """Intersection over union by class, float64 (C,), NaN for absent classes."""
        return _class_iou(self.total)

    @property
    def miou(self) -> float:
        """Mean of the IoU of the classes present, NaN when there are none."""
        return float(mean_present(self.class_iou))

    @property
    def pixel_accuracy(self) -> float:
        """Share of the counted pixels whose class is right, NaN without pixels."""
        total = self.total
        return float(ratio(np.trace(total), total.sum()))

    def rates(self) -> dict[str, float | None]:
        """Return the safety rates by name; None where a class or its pixels are absent."""
        return safety_rates(self.total, classmap=self.classmap)

    def bootstrap(self, num_resamples: int = 1000, *, seed: int = 0) -> Intervals:
        """Return 95 % intervals of the IoU, images drawn with replacement.

        Args:
            num_resamples: Number of draws.
            seed: Seed of the draws; the same seed gives the same intervals.
        """
        totals = resampled_totals(self.matrices, num_resamples=num_resamples, seed=seed)
        return iou_intervals(_class_iou(totals), self.classmap)

    def as_dict(self) -> dict[str, object]:
        """Return everything JSON ready: NaN as None, with the number of images and pixels."""
        names = self.classmap.names
        intervals = self.bootstrap()
        rates = self.rates()
        return {
            "n": self.n,
            "pixels": int(self.total.sum()),
            "miou": json_number(self.miou),
            "miou_ci95": json_interval(intervals["miou"]),
            "pixel_accuracy": json_number(self.pixel_accuracy),
            "class_iou": dict(zip(names, map(json_number, self.class_iou), strict=True)),
            "class_iou_ci95": {n: json_interval(intervals["class_iou"][n]) for n in names},
            "rates": {k: None if v is None else json_number(v) for k, v in rates.items()},
        }


def _class_iou(matrices: np.ndarray) -> np.ndarray:
    """IoU by class of (..., C, C) matrices, (..., C)."""
    hits = np.diagonal(matrices, axis1=-2, axis2=-1)
    return ratio(hits, matrices.sum(axis=-1) + matrices.sum(axis=-2) - hits)


def iou_intervals(class_iou: np.ndarray, classmap: ClassMap) -> Intervals:
    """Turn the IoU of many draws, float64 (num_resamples, C), into 95 % intervals."""
    low, high = interval95(class_iou)
    mean_low, mean_high = interval95(mean_present(class_iou))
    bounds = zip(classmap.names, low.tolist(), high.tolist(), strict=True)
    return Intervals(
        miou=(float(mean_low), float(mean_high)),
        class_iou={name: (lowest, highest) for name, lowest, highest in bounds},
    )


def json_interval(interval: Interval) -> list[float | None]:
    """Return an interval as a list for a report, NaN as None."""
    return [json_number(bound) for bound in interval]


class ScoreKeeper:
    """Collects one confusion matrix an image.

    Args:
        classmap: The classes; its ignored id is not counted.
    """

    def __init__(self, classmap: ClassMap) -> None:
        self._classmap = classmap
        self._matrices: list[np.ndarray] = []

    def __len__(self) -> int:
        return len(self._matrices)

    def add(self, labels: np.ndarray, *, truth: np.ndarray) -> None:
        """Count one image; see :func:`confusion_matrix`."""
        matrix = confusion_matrix(
            labels,
            truth=truth,
            num_classes=self._classmap.num_classes,
            ignored_id=self._classmap.ignored_id,
        )
        self._matrices.append(matrix)

    def scores(self) -> Scores:
        """Return the scores so far; at least one image must have been added."""
        if not self._matrices:
            raise ValueError("no image was scored; add at least one before asking for scores")
        return Scores(matrices=np.stack(self._matrices), classmap=self._classmap)
