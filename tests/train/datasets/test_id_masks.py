import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from losszero_rt.classmap import NIGHT_RIDE
from losszero_rt.errors import ExitCode, InputError
from train.datasets import read_folder


def test_split_follows_the_manifest(data_folder: Path) -> None:
    night = data_folder / "night_ride"
    train = read_folder(night, classes=NIGHT_RIDE, split="train")
    val = read_folder(night, classes=NIGHT_RIDE, split="val")
    assert [picture.name for picture in train] == ["p0.png", "p1.png", "p2.png"]
    assert [picture.name for picture in val] == ["p3.png"]


def test_pixels_are_rgb_and_labels_are_the_file_values(data_folder: Path) -> None:
    picture = read_folder(data_folder / "night_ride", classes=NIGHT_RIDE)[0]
    vehicle = picture.pixels_HWC[picture.labels_HW == 5].mean(axis=0)
    assert vehicle[0] > 180 > vehicle[2]
    assert picture.has_bike


def test_id_map_turns_the_own_car_into_undrivable(data_folder: Path) -> None:
    night = data_folder / "night_ride"
    mapped = read_folder(night, classes=NIGHT_RIDE, id_map={3: 0})[0]
    plain = read_folder(night, classes=NIGHT_RIDE)[0]
    assert not mapped.has_bike
    assert (mapped.labels_HW[plain.labels_HW == 3] == 0).all()


def test_all_broken_pairs_are_listed_at_once(data_folder: Path) -> None:
    images, masks = data_folder / "night_ride" / "images", data_folder / "night_ride" / "masks"
    (masks / "p0.png").unlink()
    cv2.imwrite(str(masks / "p1.png"), np.zeros((10, 10), np.uint8))
    cv2.imwrite(str(masks / "p2.png"), np.full((72, 126), 9, np.uint8))
    (images / "p3.png").write_bytes(b"not a picture")
    with pytest.raises(InputError) as caught:
        read_folder(data_folder / "night_ride", classes=NIGHT_RIDE)
    message = str(caught.value)
    assert caught.value.exit_code == ExitCode.INPUT
    assert "4 broken pairs" in message
    for part in ("p0 has no mask", "(10, 10)", "ids outside the classes: [9]", "p3.png cannot be"):
        assert part in message


@pytest.mark.parametrize("kind", ["16-bit", "colour"])
def test_masks_that_are_not_8_bit_ids_are_refused(data_folder: Path, kind: str) -> None:
    shape = (72, 126) if kind == "16-bit" else (72, 126, 3)
    mask = np.zeros(shape, np.uint16 if kind == "16-bit" else np.uint8)
    cv2.imwrite(str(data_folder / "night_ride" / "masks" / "p0.png"), mask)
    with pytest.raises(InputError, match="not an 8-bit single-channel mask"):
        read_folder(data_folder / "night_ride", classes=NIGHT_RIDE)


def test_missing_folder_says_how_to_name_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="LOSSZERO_DATA"):
        read_folder(tmp_path / "absent", classes=NIGHT_RIDE)


def test_manifest_without_the_wanted_split_is_refused(data_folder: Path) -> None:
    manifest = data_folder / "night_ride" / "manifest.json"
    manifest.write_text(json.dumps([{"file": "p0.png"}]))
    with pytest.raises(InputError, match="no pictures for train"):
        read_folder(data_folder / "night_ride", classes=NIGHT_RIDE, split="train")


def test_wide_pictures_are_reduced_with_their_labels(data_folder: Path) -> None:
    night = data_folder / "night_ride"
    for folder in ("images", "masks"):
        path = str(night / folder / "p0.png")
        read = cv2.imread(path, cv2.IMREAD_UNCHANGED)
        assert read is not None
        cv2.imwrite(path, cv2.resize(read, (2688, 1536), interpolation=cv2.INTER_NEAREST))
    picture = read_folder(night, classes=NIGHT_RIDE)[0]
    assert picture.labels_HW.shape == (768, 1344)
    assert picture.pixels_HWC.shape == (768, 1344, 3)
    assert set(np.unique(picture.labels_HW)) == {0, 1, 2, 3, 4, 5}
