import numpy as np
import torch

from losszero_rt.classmap import NIGHT_RIDE
from train.instances import find_objects

ROAD, MARK, MOVEABLE = 1, 2, 5


def blank() -> np.ndarray:
    return np.zeros((40, 60), np.uint8)


def test_every_connected_component_is_an_object() -> None:
    labels = blank()
    labels[2:12, 3:13] = MOVEABLE
    labels[20:30, 3:23] = MOVEABLE
    labels[30:34, 30:50] = MARK
    found = find_objects(labels, classes=NIGHT_RIDE)
    assert found.class_ids.tolist() == [MARK, MOVEABLE, MOVEABLE]
    assert found.boxes.tolist() == [[30, 30, 50, 34], [3, 2, 13, 12], [3, 20, 23, 30]]
    assert found.masks.shape == (3, 40, 60)
    assert np.array_equal(found.masks[1] | found.masks[2], labels == MOVEABLE)


def test_touching_corners_connect() -> None:
    labels = blank()
    labels[0:8, 0:8] = MOVEABLE
    labels[8:16, 8:16] = MOVEABLE
    assert len(find_objects(labels, classes=NIGHT_RIDE).class_ids) == 1


def test_known_instances_tell_touching_objects_apart() -> None:
    labels, instances = blank(), np.zeros((40, 60), np.int16)
    labels[2:12, 0:30] = MOVEABLE
    instances[2:12, 0:10], instances[2:12, 10:20] = 7, 9
    found = find_objects(labels, classes=NIGHT_RIDE, instances_HW=instances)
    # The last third belongs to no known instance: it is an object by itself.
    assert found.boxes[:, 0].tolist() == [0, 10, 20]


def test_one_instance_in_two_pieces_is_one_object() -> None:
    labels, instances = blank(), np.zeros((40, 60), np.int16)
    for left in (0, 20):
        labels[0:8, left : left + 8] = MOVEABLE
        instances[0:8, left : left + 8] = 3
    found = find_objects(labels, classes=NIGHT_RIDE, instances_HW=instances)
    assert found.boxes.tolist() == [[0, 0, 28, 8]]


def test_background_ignored_and_tiny_things_are_no_objects() -> None:
    labels = blank()
    labels[:10] = 255
    labels[20:24, 5:9] = MOVEABLE
    labels[30, :] = ROAD
    found = find_objects(labels, classes=NIGHT_RIDE)
    assert found.class_ids.tolist() == []
    assert found.boxes.shape == (0, 4)
    assert found.masks.shape == (0, 40, 60)


def test_targets_have_the_types_that_torchvision_asks_for() -> None:
    labels = blank()
    for case in (labels, np.where(np.arange(60) < 20, MOVEABLE, labels).astype(np.uint8)):
        target = find_objects(case, classes=NIGHT_RIDE).as_target(torch.device("cpu"))
        assert target["boxes"].dtype == torch.float32
        assert target["labels"].dtype == torch.int64
        assert target["masks"].dtype == torch.uint8
        assert len(target["boxes"]) == len(target["labels"]) == len(target["masks"])
