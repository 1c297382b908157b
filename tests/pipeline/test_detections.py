"""Detection statistics: objects and mean score by class, of one frame and of a run."""

from typing import Any

import numpy as np

from losszero_rt.objects import Objects
from losszero_rt.pipeline.detections import Detections, frame_detections, object_lines
from tests.pipeline.doubles import frame

NAMES = ("road", "car", "rider")


def objects(*pairs: tuple[int, float]) -> Objects:
    num = len(pairs)
    return Objects(
        class_ids=np.array([class_id for class_id, _ in pairs], np.uint8),
        scores=np.array([score for _, score in pairs], np.float32),
        boxes=np.arange(4 * num, dtype=np.float32).reshape(num, 4),
        masks=np.zeros((num, 2, 2), bool),
    )


def take(detections: Detections, *frames: Objects | None) -> Any:
    for index, found in enumerate(frames):
        labels_HW = np.zeros((2, 2), np.uint8)
        detections.take(
            frame(index), labels_HW=labels_HW, shares=np.zeros(3), stage_ms={}, objects=found
        )
    return detections.as_dict()


def test_frame_has_number_and_mean_score_of_the_classes_it_shows() -> None:
    found = frame_detections(objects((1, 0.9), (2, 0.6), (1, 0.7)), names=NAMES)
    assert found == {
        "car": {"objects": 2, "mean_score": 0.8},
        "rider": {"objects": 1, "mean_score": 0.6},
    }
    assert frame_detections(objects(), names=NAMES) == {}


def test_every_object_has_its_line() -> None:
    assert object_lines(objects((1, 0.9), (2, 0.6)), names=NAMES) == [
        {"class": "car", "score": 0.9, "box": [0.0, 1.0, 2.0, 3.0]},
        {"class": "rider", "score": 0.6, "box": [4.0, 5.0, 6.0, 7.0]},
    ]


def test_run_sums_over_frames() -> None:
    found = take(Detections(NAMES), objects((1, 0.9), (1, 0.5)), objects((1, 0.7), (2, 0.4)))
    assert found == {
        "frames": 2,
        "objects": 4,
        "classes": {
            "car": {"objects": 3, "frames": 2, "mean_score": 0.7},
            "rider": {"objects": 1, "frames": 1, "mean_score": 0.4},
        },
    }


def test_frames_without_objects_count_and_networks_without_objects_do_not() -> None:
    assert take(Detections(NAMES), objects(), objects()) == {
        "frames": 2,
        "objects": 0,
        "classes": {},
    }
    assert take(Detections(NAMES), None, None) is None
