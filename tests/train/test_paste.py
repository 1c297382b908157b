import numpy as np
import pytest

from losszero_rt.classmap import NIGHT_RIDE
from train.datasets import LabelledPicture
from train.instances import find_objects
from train.paste import Scene, paste_bike, paste_lane_marks, paste_vehicles


def scene_of(picture: LabelledPicture, instances: np.ndarray | None = None) -> Scene:
    return Scene(pixels_HWC=picture.pixels_HWC, labels_HW=picture.labels_HW, instances_HW=instances)


def blank(labels: np.ndarray, instances: np.ndarray | None = None) -> Scene:
    pixels = np.full((*labels.shape, 3), 30, np.uint8)
    return Scene(pixels_HWC=pixels, labels_HW=labels, instances_HW=instances)


def test_bike_and_rider_land_with_their_pixels(pictures: list[LabelledPicture]) -> None:
    donor = pictures[0]
    road = blank(np.full((100, 126), 1, np.uint8))
    pasted = paste_bike(road, donor=scene_of(donor), classes=NIGHT_RIDE)
    pixels, labels = pasted.pixels_HWC, pasted.labels_HW
    assert (road.labels_HW == 1).all()
    assert (labels[:28] == 1).all()
    assert np.array_equal(labels[28:] == 3, donor.labels_HW == 3)
    assert np.array_equal(labels[28:] == 4, donor.labels_HW == 4)
    assert set(np.unique(labels)) == {1, 3, 4}
    heart = pixels[28:][donor.labels_HW == 3].mean(axis=0)
    assert np.abs(heart - donor.pixels_HWC[donor.labels_HW == 3].mean(axis=0)).max() < 12
    assert pasted.instances_HW is None


def test_lane_marks_land_on_road_only_and_shine(pictures: list[LabelledPicture]) -> None:
    donor = pictures[0]
    labels = np.ones((72, 126), np.uint8)
    labels[:36] = 0
    pasted = paste_lane_marks(blank(labels), donor=scene_of(donor), classes=NIGHT_RIDE)
    lit, marked = pasted.pixels_HWC, pasted.labels_HW
    assert (marked[:36] == 0).all()
    assert np.array_equal(marked[36:] == 2, donor.labels_HW[36:] == 2)
    assert lit[marked == 2].mean() > 100
    assert (lit[:30] == 30).all()


def test_vehicles_land_behind_bike_and_other_vehicles(pictures: list[LabelledPicture]) -> None:
    donor = pictures[0]
    labels = np.zeros((72, 126), np.uint8)
    labels[30:] = 3
    pasted = paste_vehicles(blank(labels), donor=scene_of(donor), classes=NIGHT_RIDE)
    found = pasted.labels_HW
    assert np.array_equal(found[:30] == 5, donor.labels_HW[:30] == 5)
    assert (found[30:] == 3).all()
    assert pasted.pixels_HWC[found == 5][:, 0].mean() > 150
    assert (labels[:30] == 0).all()


def test_picture_is_returned_as_it_is_when_nothing_fits(pictures: list[LabelledPicture]) -> None:
    sky = blank(np.zeros((72, 126), np.uint8))
    assert paste_lane_marks(sky, donor=scene_of(pictures[0]), classes=NIGHT_RIDE) is sky
    assert paste_vehicles(sky, donor=sky, classes=NIGHT_RIDE) is sky


def under_a_bike(pictures: list[LabelledPicture]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return labels and instances of bikes that a pasted bike will cover, and its mask.

    Bike 7 is covered wholly, bike 8 in part, bike 9, a class-mate far away, not at all.
    """
    covered = np.isin(pictures[0].labels_HW, (3, 4))
    bike = pictures[0].labels_HW == 3
    labels = np.ones((72, 126), np.uint8)
    instances = np.zeros((72, 126), np.int32)
    rows, columns = np.nonzero(bike)
    inside = np.s_[rows.max() - 6 : rows.max() + 1, columns.min() + 10 : columns.min() + 20]
    across = np.s_[rows.min() - 8 : rows.min() + 8, columns.max() - 12 : columns.max() + 1]
    for number, place in ((7, inside), (8, across), (9, np.s_[2:12, 2:14])):
        labels[place], instances[place] = 3, number
    assert bike[inside].all()
    assert covered[across].any()
    assert not covered[across].all()
    return labels, instances, covered


@pytest.mark.parametrize("told", [True, False])
def test_what_a_bike_covers_is_gone_and_the_rest_keeps_its_number(
    pictures: list[LabelledPicture], told: bool
) -> None:
    labels, instances, covered = under_a_bike(pictures)
    # The donor's own bike has the number 8, too: it must not become one with the bike beneath.
    own = np.where(pictures[0].labels_HW == 3, 8, 0) + np.where(pictures[0].labels_HW == 4, 2, 0)
    donor = scene_of(pictures[0], own.astype(np.int32) if told else None)
    pasted = paste_bike(blank(labels, instances), donor=donor, classes=NIGHT_RIDE)
    found = pasted.instances_HW
    assert found is not None
    assert np.array_equal(found[~covered], instances[~covered])
    assert 7 not in found
    assert not np.isin(found[covered], (0, 7, 8, 9)).any()
    bike, rider = (set(np.unique(found[covered & (pasted.labels_HW == one)])) for one in (3, 4))
    assert len(bike) == len(rider) == 1
    assert not bike & rider
    assert 7 in instances  # the picture that was pasted onto stays as it was
    objects = find_objects(pasted.labels_HW, classes=NIGHT_RIDE, instances_HW=found)
    masks = [mask for mask, one in zip(objects.masks, objects.class_ids, strict=True) if one == 3]
    assert len(masks) == 3
    (whole,) = [mask for mask in masks if np.array_equal(mask, pictures[0].labels_HW == 3)]
    assert whole.sum() == (pictures[0].labels_HW == 3).sum()


@pytest.mark.parametrize("told", [True, False])
def test_pasted_vehicles_and_marks_are_objects_of_their_own(
    pictures: list[LabelledPicture], told: bool
) -> None:
    labels = np.where(pictures[0].labels_HW == 5, 1, pictures[0].labels_HW)
    labels[labels == 2] = 1
    instances = np.where(labels == 1, 3, 0).astype(np.int32)
    own = np.where(np.isin(pictures[0].labels_HW, (2, 5)), 3, 0).astype(np.int32)
    donor = scene_of(pictures[0], own if told else None)
    onto = blank(labels.astype(np.uint8), instances)
    for class_id, paste in ((5, paste_vehicles), (2, paste_lane_marks)):
        pasted = paste(onto, donor=donor, classes=NIGHT_RIDE)
        moved = pasted.labels_HW == class_id
        assert moved.any()
        assert pasted.instances_HW is not None
        assert (pasted.instances_HW[moved] > 3).all()
        assert np.array_equal(pasted.instances_HW[~moved], instances[~moved])


def test_a_mirrored_scene_is_mirrored_in_every_layer(pictures: list[LabelledPicture]) -> None:
    numbers = np.arange(pictures[0].labels_HW.size, dtype=np.int32)
    scene = scene_of(pictures[0], numbers.reshape(pictures[0].labels_HW.shape))
    turned = scene.mirrored()
    assert np.array_equal(turned.pixels_HWC, scene.pixels_HWC[:, ::-1])
    assert np.array_equal(turned.labels_HW, scene.labels_HW[:, ::-1])
    assert turned.instances_HW is not None
    assert scene.instances_HW is not None
    assert np.array_equal(turned.instances_HW, scene.instances_HW[:, ::-1])
