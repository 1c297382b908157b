"""Boundary IoU: how well the outlines agree, whatever the size of the objects.

Only a band along the inside of each outline counts, 2 % of the picture's diagonal wide. So an
outline that is off by a few pixels costs as much on a large class as on a small one.

Source: Cheng, Girshick, Dollar, Berg, Kirillov, "Boundary IoU: Improving Object-Centric Image
Segmentation Evaluation" (CVPR 2021), https://arxiv.org/abs/2103.16562.

Shape letters: n images, C classes, H, W height and width.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from losszero_rt.classmap import IGNORED_ID, ClassMap
from losszero_rt.metrics.bootstrap import json_number, mean_present, ratio, resampled_totals
from losszero_rt.metrics.confusion import Intervals, check_pair, iou_intervals, json_interval

DILATION_RATIO = 0.02


def band_width_px(size: tuple[int, int], *, dilation_ratio: float = DILATION_RATIO) -> int:
    """Return the width of the boundary band in a picture of ``size`` (height, width), >= 1."""
    return max(1, round(dilation_ratio * math.hypot(*size)))


def boundary_counts(
    labels_HW: np.ndarray,
    *,
    truth: np.ndarray,
    num_classes: int,
    ignored_id: int = IGNORED_ID,
    dilation_ratio: float = DILATION_RATIO,
) -> np.ndarray:
    """Count the intersection and the union of the boundary bands by class.

    The edge of the picture bounds a class, as in the paper. The edge of an ignored area does
    not, because nobody knows whether the class goes on behind it; ignored pixels never count.

    Args:
        labels_HW: Predicted class ids, uint8 (H, W).
        truth: True class ids, uint8 (H, W).
        num_classes: Number of classes.
        ignored_id: Value of ``truth`` whose pixels do not count.
        dilation_ratio: Width of the band as a share of the picture's diagonal.

    Returns:
        int64 (C, 2): intersection and union in pixels, which may be summed over images.

    Raises:
        ValueError: If shapes or dtypes do not fit.
    """
    check_pair(labels_HW, truth)
    height, width = truth.shape
    reach = 2 * band_width_px((height, width), dilation_ratio=dilation_ratio) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_RECT, (reach, reach))
    ignored = (truth == ignored_id).view(np.uint8)
    counts = np.zeros((num_classes, 2), np.int64)
    for class_id in range(num_classes):
        true = _band(truth == class_id, ignored, kernel)
        predicted = _band(labels_HW == class_id, ignored, kernel)
        counts[class_id] = cv2.countNonZero(true & predicted), cv2.countNonZero(true | predicted)
    return counts


def _band(mask: np.ndarray, ignored: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Mask pixels near the mask's outline, uint8 (H, W) of 0 and 1, ignored pixels left out."""
    solid = mask.view(np.uint8) | ignored
    inner = cv2.erode(solid, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=(0.0,))
    return np.asarray((solid ^ inner) & (ignored ^ 1))


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class BoundaryScores:
    """Boundary counts of a set of images and what is read off them.

    Attributes:
        counts: int64 (n, C, 2), intersection and union an image; n >= 1.
        classmap: Names of the classes.
    """

    counts: np.ndarray
    classmap: ClassMap

    def __post_init__(self) -> None:
        if self.counts.shape[1:] != (self.classmap.num_classes, 2) or not len(self.counts):
            raise ValueError(
                f"counts {self.counts.shape}; need (n, {self.classmap.num_classes}, 2), n >= 1"
            )

    def __repr__(self) -> str:
        return f"BoundaryScores(n={self.n}, miou={self.miou:.4f})"

    @property
    def n(self) -> int:
        """Number of images."""
        return len(self.counts)

    @property
    def class_iou(self) -> np.ndarray:
        """Boundary IoU by class, float64 (C,), NaN for absent classes."""
        return _iou(self.counts.sum(axis=0))

    @property
    def miou(self) -> float:
        """Mean of the boundary IoU of the classes present, NaN when there are none."""
        return float(mean_present(self.class_iou))

    def bootstrap(self, num_resamples: int = 1000, *, seed: int = 0) -> Intervals:
        """Return 95 % intervals of the boundary IoU, images drawn with replacement."""
        totals = resampled_totals(self.counts, num_resamples=num_resamples, seed=seed)
        return iou_intervals(_iou(totals), self.classmap)

    def as_dict(self) -> dict[str, object]:
        """Return everything JSON ready: NaN as None, with the number of images."""
        names = self.classmap.names
        intervals = self.bootstrap()
        return {
            "n": self.n,
            "dilation_ratio": DILATION_RATIO,
            "miou": json_number(self.miou),
            "miou_ci95": json_interval(intervals["miou"]),
            "class_iou": dict(zip(names, map(json_number, self.class_iou), strict=True)),
            "class_iou_ci95": {n: json_interval(intervals["class_iou"][n]) for n in names},
        }


def _iou(counts: np.ndarray) -> np.ndarray:
    """IoU of (..., C, 2) counts, (..., C)."""
    return ratio(counts[..., 0], counts[..., 1])


class BoundaryKeeper:
    """Collects the boundary counts of one image after the other.

    Args:
        classmap: The classes; its ignored id is not counted.
    """

    def __init__(self, classmap: ClassMap) -> None:
        self._classmap = classmap
        self._counts: list[np.ndarray] = []

    def __len__(self) -> int:
        return len(self._counts)

    def add(self, labels_HW: np.ndarray, *, truth: np.ndarray) -> None:
        """Count one image; see :func:`boundary_counts`."""
        counts = boundary_counts(
            labels_HW,
            truth=truth,
            num_classes=self._classmap.num_classes,
            ignored_id=self._classmap.ignored_id,
        )
        self._counts.append(counts)

    def scores(self) -> BoundaryScores:
        """Return the scores so far; at least one image must have been added."""
        if not self._counts:
            raise ValueError("no image was scored; add at least one before asking for scores")
        return BoundaryScores(counts=np.stack(self._counts), classmap=self._classmap)
