import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from losszero_rt.classmap import PARKING
from losszero_rt.errors import ExitCode, InputError
from tests.train.datasets.drawn_layouts import NUM, parking_record, scene, write, write_parking
from train.datasets import make_split, open_pictures
from train.datasets.parking import PICTURE_SIZE, read_scenes

ROAD, PLACE = PARKING.id_of("driveable space"), PARKING.id_of("parking space")


def rewrite(folder: Path, number: int, **changes: Any) -> Path:
    """Change the JSON of one scene."""
    path = folder / f"37{number}/label/0000000{number}.json"
    path.write_text(json.dumps(parking_record(number) | changes))
    return path


def test_places_are_drawn_over_the_road_and_both_spellings_count(tmp_path: Path) -> None:
    for picture in open_pictures(write_parking(tmp_path), thorough=True):
        assert picture.labels_HW.shape == PICTURE_SIZE == (360, 640)
        shown = picture.labels_HW[::9, ::10]
        assert shown[10, 5] == PARKING.background_id
        assert shown[22, 40] == ROAD
        # The file lists the place first, and the road covers all of it.
        assert shown[30, 12] == PLACE
        assert picture.instances_HW is not None
        assert len(np.unique(picture.instances_HW)) == 3


def test_a_folder_is_a_ride_and_split_6_2_2_keeps_it_whole(tmp_path: Path) -> None:
    folder = write_parking(tmp_path)
    pictures = open_pictures(folder)
    assert [record.ride for record in pictures.records] == ["370", "371", "372"]
    split = make_split(pictures, ratios=(6, 2, 2), seed=3)
    assert sorted(name for names in split.parts.values() for name in names) == list(pictures.names)


def test_scenes_carry_boxes_calibration_and_point_cloud(tmp_path: Path) -> None:
    folder = write_parking(tmp_path)
    (folder / "371/LiDAR").mkdir()
    cloud = folder / "371/LiDAR/ 00000001 .pcd"
    cloud.write_bytes(b"")
    faults: list[str] = []
    scenes = read_scenes(folder, faults=faults)
    assert faults == []
    assert [each.point_cloud for each in scenes] == [None, cloud, None]
    first = scenes[0]
    assert first.name == "370/Camera/00000000.jpg"
    assert first.meta["time"] == "Day"
    assert [space.pattern for space in first.spaces] == ["Line", ""]
    assert first.boxes2d[0].xyxy.tolist() == [1, 2, 30, 20]
    assert first.boxes3d[0].dimensions.tolist() == [4.9, 1.9, 1.7]
    assert first.boxes3d[0].rotation_z == -1.69
    assert first.calibration is not None
    assert first.calibration.intrinsic.shape == (3, 3)


@pytest.mark.parametrize(
    ("stated", "stored"),
    [
        ("Camera/ 00000034 .jpg", "Camera/00000034.jpg"),
        ("00000034.jpg", "Camera/ 00000034 .jpg"),
        ("Camera\\00000034.jpg", "Camera/00000034.JPG"),
    ],
)
def test_blanks_in_names_do_not_matter(tmp_path: Path, stated: str, stored: str) -> None:
    write(tmp_path / "5" / stored.replace(".JPG", ".jpg"), scene(0)[0])
    (tmp_path / "5/Camera/00000034.jpg").exists() and stored.endswith("JPG") and (
        tmp_path / "5/Camera/00000034.jpg"
    ).rename(tmp_path / "5" / stored)
    (tmp_path / "5/label").mkdir()
    record = parking_record(0) | {"image": stated}
    (tmp_path / "5/label/00000034.json").write_text(json.dumps(record))
    assert open_pictures(tmp_path).names == (f"5/{stored}",)


def test_labels_and_images_may_lie_in_two_trees(tmp_path: Path) -> None:
    drawn = write_parking(tmp_path / "drawn")
    for number in range(NUM):
        for kind, what in (("raw", "Camera"), ("labels", "label")):
            target = tmp_path / f"data/{kind}/37{number}/{what}"
            target.parent.mkdir(parents=True)
            (drawn / f"37{number}/{what}").rename(target)
            # One name everywhere, so that only the folder tells them apart.
            (file,) = target.iterdir()
            file.rename(target / f"00000001{file.suffix}")
    for path in (tmp_path / "data/labels").rglob("*.json"):
        path.write_text(json.dumps(parking_record(1)))
    names = open_pictures(tmp_path / "data").names
    assert names == tuple(f"raw/37{number}/Camera/00000001.jpg" for number in range(NUM))


def test_a_collection_renamed_as_a_whole_is_found_by_the_name_of_its_json(tmp_path: Path) -> None:
    write(tmp_path / "images/370_00000000.jpg", scene(0)[0])
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/370_00000000.json").write_text(json.dumps(parking_record(0)))
    assert open_pictures(tmp_path).names == ("images/370_00000000.jpg",)


def test_scenes_without_polygons_are_left_out_and_noted(tmp_path: Path) -> None:
    folder = write_parking(tmp_path)
    rewrite(folder, 1, segmentation=[])
    pictures = open_pictures(folder)
    assert len(pictures) == NUM - 1
    assert pictures.notes == ("1 scenes have no polygon and are left out",)
    assert len(read_scenes(folder, faults=[])) == NUM


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"segmentation": [{"name": "Lawn", "polygon": [[0, 0], [1, 0], [1, 1]]}]}, "'Lawn'"),
        ({"segmentation": [{"name": "Parking Space", "polygon": [[0, 0], [1, 0]]}]}, "3 points"),
        (
            {"segmentation": [{"name": "Parking Space", "polygon": [[0, 0], [1e9, 0], [1, 1]]}]},
            "far",
        ),
        ({"segmentation": [{"polygon": []}]}, "KeyError: 'name'"),
        ({"bbox2d": [{"name": "Car", "bbox": [1, 2, 3]}]}, "bbox2d is not"),
        ({"bbox3d": [{"name": "Car", "location": [1, 2], "dimensions": [1, 2, 3]}]}, "location"),
        ({"calib": {"intrinsic": [1], "rotation": [1], "translation": [1]}}, "intrinsic"),
        ({"image": "Camera/none.png", "segmentation": 5}, "TypeError"),
        ({"image": 5}, "names no image"),
    ],
)
def test_broken_scenes_are_named(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    folder = write_parking(tmp_path)
    path = rewrite(folder, 2, **changes)
    with pytest.raises(InputError) as caught:
        open_pictures(folder)
    assert caught.value.exit_code == ExitCode.INPUT
    assert path.name in str(caught.value)
    assert words in str(caught.value)
    assert "1 broken" in str(caught.value)


def test_images_without_json_and_json_without_image_are_listed(tmp_path: Path) -> None:
    folder = write_parking(tmp_path)
    write(folder / "370/Camera/00000077.jpg", scene(5)[0])
    (folder / "371/Camera/00000001.jpg").unlink()
    with pytest.raises(InputError) as caught:
        open_pictures(folder)
    assert "370/Camera/00000077.jpg has no JSON" in str(caught.value)
    assert "image 'Camera/ 00000001 .jpg' is not there" in str(caught.value)


def test_an_image_that_two_files_could_mean_is_refused(tmp_path: Path) -> None:
    folder = write_parking(tmp_path)
    write(folder / "370/Camera/0000000 0.jpg", scene(5)[0])
    with pytest.raises(InputError, match="is 2 files"):
        open_pictures(folder)
