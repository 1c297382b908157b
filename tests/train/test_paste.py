import numpy as np

from losszero_rt.classmap import NIGHT_RIDE
from train.datasets import LabelledPicture
from train.paste import paste_bike, paste_lane_marks, paste_vehicles


def test_bike_and_rider_land_with_their_pixels(pictures: list[LabelledPicture]) -> None:
    donor = pictures[0]
    road = np.full((100, 126, 3), 30, np.uint8), np.full((100, 126), 1, np.uint8)
    pixels, labels = paste_bike(road, donor=(donor.pixels_HWC, donor.labels_HW), classes=NIGHT_RIDE)
    assert (road[1] == 1).all()
    assert (labels[:28] == 1).all()
    assert np.array_equal(labels[28:] == 3, donor.labels_HW == 3)
    assert np.array_equal(labels[28:] == 4, donor.labels_HW == 4)
    assert set(np.unique(labels)) == {1, 3, 4}
    heart = pixels[28:][donor.labels_HW == 3].mean(axis=0)
    assert np.abs(heart - donor.pixels_HWC[donor.labels_HW == 3].mean(axis=0)).max() < 12


def test_lane_marks_land_on_road_only_and_shine(pictures: list[LabelledPicture]) -> None:
    donor = pictures[0]
    labels = np.ones((72, 126), np.uint8)
    labels[:36] = 0
    pixels = np.full((72, 126, 3), 30, np.uint8)
    lit, marked = paste_lane_marks(
        (pixels, labels), donor=(donor.pixels_HWC, donor.labels_HW), classes=NIGHT_RIDE
    )
    assert (marked[:36] == 0).all()
    assert np.array_equal(marked[36:] == 2, donor.labels_HW[36:] == 2)
    assert lit[marked == 2].mean() > 100
    assert (lit[:30] == 30).all()


def test_vehicles_land_behind_bike_and_other_vehicles(pictures: list[LabelledPicture]) -> None:
    donor = pictures[0]
    labels = np.zeros((72, 126), np.uint8)
    labels[30:] = 3
    pixels = np.full((72, 126, 3), 30, np.uint8)
    pasted, found = paste_vehicles(
        (pixels, labels), donor=(donor.pixels_HWC, donor.labels_HW), classes=NIGHT_RIDE
    )
    assert np.array_equal(found[:30] == 5, donor.labels_HW[:30] == 5)
    assert (found[30:] == 3).all()
    assert pasted[found == 5][:, 0].mean() > 150
    assert (labels[:30] == 0).all()


def test_picture_is_returned_as_it_is_when_nothing_fits(pictures: list[LabelledPicture]) -> None:
    donor = pictures[0]
    sky = np.full((72, 126, 3), 30, np.uint8), np.zeros((72, 126), np.uint8)
    assert paste_lane_marks(sky, donor=(donor.pixels_HWC, donor.labels_HW), classes=NIGHT_RIDE) == (
        sky[0],
        sky[1],
    )
    assert paste_vehicles(sky, donor=sky, classes=NIGHT_RIDE) == (sky[0], sky[1])
