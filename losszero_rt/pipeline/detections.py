"""Detection statistics: how many objects of each class, and how sure the network was of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from losszero_rt.frame import Frame, LostFrame
from losszero_rt.objects import Objects
from losszero_rt.timings import Stage


def object_counts(objects: Objects, *, num_classes: int) -> np.ndarray:
    """Return the number of objects by class id, int64 (num_classes,)."""
    return np.bincount(objects.class_ids, minlength=num_classes)[:num_classes]


def frame_detections(objects: Objects, *, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return objects and mean score of the classes that one frame has objects of."""
    counts = object_counts(objects, num_classes=len(names))
    sums = np.bincount(objects.class_ids, weights=objects.scores, minlength=len(names))
    return {
        names[i]: {"objects": int(counts[i]), "mean_score": round(float(sums[i] / counts[i]), 4)}
        for i in map(int, np.flatnonzero(counts))
    }


def object_lines(objects: Objects, *, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return each object as plain values, boxes as x0, y0, x1, y1 in pixels of the picture."""
    return [
        {
            "class": names[int(objects.class_ids[k])],
            "score": round(float(objects.scores[k]), 4),
            "box": [round(float(side), 1) for side in objects.boxes[k]],
        }
        for k in range(len(objects))
    ]


class Detections:
    """Counts the objects of all frames shown; an outlet like any other.

    An object is counted in every frame that shows it: nothing is followed from frame to frame.

    Args:
        names: Names of the classes.
    """

    name = "detections"
    saves = False

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._num_frames = 0
        self._objects = np.zeros(len(names), np.int64)
        self._frames = np.zeros(len(names), np.int64)
        self._scores = np.zeros(len(names))

    def take(
        self,
        frame: Frame,
        *,
        labels_HW: np.ndarray,
        shares: np.ndarray,
        stage_ms: dict[Stage, float],
        objects: Objects | None,
    ) -> None:
        """Count the objects of one frame; one whose network knows none is left out."""
        if objects is None:
            return
        counts = object_counts(objects, num_classes=len(self._names))
        self._num_frames += 1
        self._objects += counts
        self._frames += counts > 0
        np.add.at(self._scores, objects.class_ids, objects.scores)

    def lose(self, lost: LostFrame) -> None:
        """Leave a lost frame out."""

    def close(self) -> None:
        """Nothing is held open."""

    def as_dict(self) -> dict[str, Any] | None:
        """Return the statistics by class; None when no frame had a network that knows objects."""
        if not self._num_frames:
            return None
        return {
            "frames": self._num_frames,
            "objects": int(self._objects.sum()),
            "classes": {
                name: {
                    "objects": int(self._objects[i]),
                    "frames": int(self._frames[i]),
                    "mean_score": self._mean(i),
                }
                for i, name in enumerate(self._names)
                if self._objects[i]
            },
        }

    def _mean(self, class_id: int) -> float:
        return round(float(self._scores[class_id] / self._objects[class_id]), 4)
