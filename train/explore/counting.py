"""Figures over labelled pictures, fed one picture at a time.

Shape letters: H, W height and width; C classes.
"""

from array import array

import cv2
import numpy as np

from losszero_rt.classmap import ClassMap
from train.datasets.picture import LabelledPicture
from train.explore.findings import AreaFigures, PictureFigures

# Rows and columns of the heat maps: 16:9, so that the cells of such pictures are square.
GRID = (27, 48)


class ClassCounts:
    """Counts pixels and pictures of each class."""

    def __init__(self, classes: ClassMap) -> None:
        self._classes = classes
        num_classes = classes.num_classes
        self.pixels_C = np.zeros(num_classes, np.int64)
        self.unlabelled = 0
        self.num_pictures = 0
        self.together_CC = np.zeros((num_classes, num_classes), np.int64)

    def add(self, labels_HW: np.ndarray) -> None:
        """Count one picture's labels, uint8 (H, W)."""
        num_classes = self._classes.num_classes
        counts = np.bincount(labels_HW.reshape(-1), minlength=256)
        self.pixels_C += counts[:num_classes]
        self.unlabelled += int(counts[self._classes.ignored_id])
        self.num_pictures += 1
        shown_C = (counts[:num_classes] > 0).astype(np.int64)
        self.together_CC += np.outer(shown_C, shown_C)

    @property
    def num_pictures_with(self) -> np.ndarray:
        """Number of pictures that show each class, int64 (C,)."""
        return np.diagonal(self.together_CC)

    @property
    def absent(self) -> tuple[str, ...]:
        """Names of the classes that no picture shows."""
        pairs = zip(self._classes.names, self.num_pictures_with, strict=True)
        return tuple(name for name, count in pairs if count == 0)


class ObjectSizes:
    """Gathers the areas of objects: of those told apart in the data, else of connected blobs."""

    def __init__(self, classes: ClassMap) -> None:
        self._classes = classes
        # Four bytes an object: a hundred thousand pictures stay far below a gigabyte.
        self._areas = [array("i") for _ in classes.names]

    def add(self, picture: LabelledPicture) -> None:
        """Gather the objects of one picture."""
        if picture.instances_HW is None:
            self._add_blobs(picture.labels_HW)
        else:
            self._add_objects(picture.labels_HW, picture.instances_HW)

    def _add_blobs(self, labels_HW: np.ndarray) -> None:
        for class_id in _present(labels_HW):
            if class_id == self._classes.background_id or class_id >= self._classes.num_classes:
                continue
            mask_HW = (labels_HW == class_id).astype(np.uint8)
            _, _, stats, _ = cv2.connectedComponentsWithStats(mask_HW, connectivity=8)
            self._areas[class_id].extend(stats[1:, cv2.CC_STAT_AREA].tolist())

    def _add_objects(self, labels_HW: np.ndarray, instances_HW: np.ndarray) -> None:
        """Give each object the class that most of its pixels carry."""
        known_HW = (instances_HW > 0) & (labels_HW < self._classes.num_classes)
        _, objects = np.unique(instances_HW[known_HW], return_inverse=True)
        if not len(objects):
            return
        num_classes = self._classes.num_classes
        votes = np.bincount(objects * num_classes + labels_HW[known_HW])
        votes.resize((int(objects.max()) + 1, num_classes))
        for class_id, area in zip(votes.argmax(axis=1), votes.sum(axis=1), strict=True):
            self._areas[class_id].append(int(area))

    def figures(self, class_id: int) -> AreaFigures | None:
        """Return the sizes of one class, None where it has no object."""
        areas = np.array(self._areas[class_id])
        if not len(areas) or class_id == self._classes.background_id:
            return None
        low, p10, median, p90, high = np.quantile(areas, (0, 0.1, 0.5, 0.9, 1)).tolist()
        return AreaFigures(
            count=len(areas), smallest=low, p10=p10, median=median, p90=p90, largest=high
        )


class ClassPlaces:
    """Averages where in the picture each class lies, on a grid that fits every picture size."""

    def __init__(self, classes: ClassMap) -> None:
        self._sums_CHW = np.zeros((classes.num_classes, *GRID))
        self._num_pictures = 0

    def add(self, labels_HW: np.ndarray) -> None:
        """Add one picture's labels, uint8 (H, W)."""
        self._num_pictures += 1
        for class_id in _present(labels_HW):
            if class_id < len(self._sums_CHW):
                mask_HW = (labels_HW == class_id).astype(np.float32)
                cells_HW = cv2.resize(mask_HW, GRID[::-1], interpolation=cv2.INTER_AREA)
                self._sums_CHW[class_id] += cells_HW

    def figures(self, class_id: int) -> tuple[tuple[float, ...], ...]:
        """Return the mean share of the class in each cell, top row first."""
        means_HW = self._sums_CHW[class_id] / max(1, self._num_pictures)
        return tuple(tuple(row) for row in means_HW.round(4).tolist())


def picture_figures(picture: LabelledPicture, *, part: str, classes: ClassMap) -> PictureFigures:
    """Return what is noted of each single picture."""
    luma_HW = cv2.cvtColor(picture.pixels_HWC, cv2.COLOR_RGB2GRAY)
    height, width = picture.labels_HW.shape
    return PictureFigures(
        name=picture.name,
        part=part,
        ride=picture.ride,
        size=(height, width),
        mean_luma=round(float(luma_HW.mean()), 2),
        is_night=picture.is_night,
        unlabelled_share=float((picture.labels_HW == classes.ignored_id).mean()),
    )


def _present(labels_HW: np.ndarray) -> list[int]:
    """Return the ids that occur, by counting, which is much faster than sorting all pixels."""
    counts = np.bincount(labels_HW.reshape(-1), minlength=256)
    return [int(class_id) for class_id in np.flatnonzero(counts)]
