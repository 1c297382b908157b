from pathlib import Path

import cv2
import numpy as np
import pytest

from losszero_rt.classmap import PARKING
from tests.train.explore.parking_data import SIZE, scene_record, write_lot, write_scene
from train.datasets.parking import read_scenes
from train.datasets.parking_scene import ParkingScene
from train.explore.projection import RotationKind
from train.explore.scenes import SCENES_MAX, draw_scene, draw_scenes

BOX3D = (60, 225, 255)
BOX2D = (255, 215, 60)


def scenes_of(folder: Path) -> list[ParkingScene]:
    faults: list[str] = []
    scenes = read_scenes(folder, faults=faults)
    assert not faults
    return scenes


def near(pixels_HWC: np.ndarray, colour: tuple[int, int, int], *, at: tuple[int, int]) -> bool:
    """Tell whether the colour is within two pixels of (x, y)."""
    x, y = at
    patch = pixels_HWC[y - 2 : y + 3, x - 2 : x + 3].astype(int)
    return bool((np.abs(patch - colour).max(axis=2) < 40).any())


def test_boxes_are_drawn_where_reckoning_by_hand_puts_them(tmp_path: Path) -> None:
    drawn = draw_scene(
        scenes_of(write_lot(tmp_path, num_scenes=1))[0], classes=PARKING, rotation="vector"
    )
    assert drawn.pixels_HWC.shape == (*SIZE, 3)
    # The near side is at 9 m, 1 m off the axis: 500 / 9 = 55.6 px. The far one: 500 / 11 = 45.5.
    for x, y in ((424, 214), (536, 326), (435, 225), (525, 315)):
        assert near(drawn.pixels_HWC, BOX3D, at=(x, y)), (x, y)
    for x, y in ((430, 270), (530, 270)):
        assert near(drawn.pixels_HWC, BOX2D, at=(x, y)), (x, y)
    assert not near(drawn.pixels_HWC, BOX3D, at=(100, 100))


def test_points_behind_or_beside_are_counted_but_not_seen(tmp_path: Path) -> None:
    scene = scenes_of(write_lot(tmp_path, num_scenes=1))[0]
    drawn = draw_scene(scene, classes=PARKING, rotation="vector")
    assert (drawn.num_points, drawn.num_points_seen) == (4, 2)
    # (10, 1, 1) lies 1 m to the left and 1 m up: 50 px each.
    red, _, blue = drawn.pixels_HWC[220, 430].astype(int)
    assert (red, blue) != (60, 60)


def test_spaces_are_filled_in_their_colours(tmp_path: Path) -> None:
    scene = scenes_of(write_lot(tmp_path, num_scenes=1))[0]
    drawn = draw_scene(scene, classes=PARKING, rotation="vector").pixels_HWC.astype(int)
    ground = drawn[380, 200]
    for (x, y), class_id in (((200, 450), 2), ((600, 480), 1)):
        expected = 0.6 * ground + 0.4 * np.array(PARKING.colours[class_id])
        np.testing.assert_allclose(drawn[y, x], expected, atol=12)


def test_the_rotation_is_read_as_asked(tmp_path: Path) -> None:
    scene = scenes_of(write_lot(tmp_path, num_scenes=1))[0]
    # Read as Euler angles, the same three numbers turn the camera away from the box.
    readings: tuple[tuple[RotationKind, bool], ...] = (("vector", True), ("euler", False))
    for rotation, expected in readings:
        drawn = draw_scene(scene, classes=PARKING, rotation=rotation)
        assert near(drawn.pixels_HWC, BOX3D, at=(424, 214)) == expected


def test_wide_pictures_are_reduced_with_what_is_drawn(tmp_path: Path) -> None:
    folder = write_lot(tmp_path, num_scenes=1)
    path = folder / "lot" / "Camera" / "00000001.jpg"
    picture = cv2.imread(str(path))
    assert picture is not None
    cv2.imwrite(str(path), cv2.resize(picture, (2560, 1440)))
    drawn = draw_scene(scenes_of(folder)[0], classes=PARKING, rotation="vector")
    assert drawn.pixels_HWC.shape == (720, 1280, 3)
    # The box stays at the pixels of the stored picture, which are now half as many.
    assert near(drawn.pixels_HWC, BOX3D, at=(212, 107))


def test_counts_cover_all_scenes_and_drawings_are_bounded(tmp_path: Path) -> None:
    num_scenes = SCENES_MAX + 3
    figures, drawn = draw_scenes(
        scenes_of(write_lot(tmp_path, num_scenes=num_scenes)), classes=PARKING, rotation="vector"
    )
    assert len(drawn) == figures.num_drawn == SCENES_MAX
    assert figures.num_scenes == figures.num_clouds == num_scenes
    assert figures.num_polygons == {
        PARKING.names[1]: num_scenes,
        PARKING.names[2]: num_scenes,
    }
    assert figures.num_boxes3d == {"Car": num_scenes, "Pedestrian": num_scenes}
    assert figures.num_points_seen == 2 * SCENES_MAX


@pytest.mark.parametrize("broken", ["calibration", "cloud"])
def test_what_cannot_be_drawn_is_named_and_the_rest_is_drawn(tmp_path: Path, broken: str) -> None:
    record = scene_record()
    if broken == "calibration":
        del record["calib"]
    write_scene(tmp_path, record)
    if broken == "cloud":
        (tmp_path / "lot" / "lidar" / "00000001.pcd").write_bytes(b"not a cloud")
    figures, drawn = draw_scenes(scenes_of(tmp_path), classes=PARKING, rotation="vector")
    assert len(drawn) == 1
    assert near(drawn[0][1], BOX2D, at=(430, 270))
    assert len(figures.faults) == 1
    assert broken in figures.faults[0] or "point cloud" in figures.faults[0]
