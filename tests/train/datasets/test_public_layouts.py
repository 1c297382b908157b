"""What comma10k, CamVid and Cityscapes mean by their colours and ids."""

import os
from pathlib import Path

import numpy as np
import pytest

from losszero_rt.classmap import CAMVID, CITYSCAPES, NIGHT_RIDE
from losszero_rt.errors import InputError
from tests.train.datasets.drawn_layouts import (
    NUM,
    comma_name,
    scene,
    write,
    write_camvid,
    write_cityscapes,
    write_comma10k,
)
from train.commands.data import DEFAULT_DATA
from train.datasets import open_pictures

REAL = Path(os.environ.get("LOSSZERO_DATA", DEFAULT_DATA))


def test_comma10k_colours_become_ids_and_the_own_car_undrivable(tmp_path: Path) -> None:
    folder = write_comma10k(tmp_path)
    own, rider = NIGHT_RIDE.id_of("my bike"), NIGHT_RIDE.id_of("rider")
    drawn = scene(0)[1]
    drawn[drawn == rider] = 0
    assert np.array_equal(open_pictures(folder, id_map={})[0].labels_HW, drawn)
    picture = open_pictures(folder)[0]
    assert np.array_equal(picture.labels_HW, np.where(drawn == own, 0, drawn))
    assert not picture.has_bike


def test_comma10k_drives_are_rides(tmp_path: Path) -> None:
    rides = [record.ride for record in open_pictures(write_comma10k(tmp_path)).records]
    assert rides[1] == "0000000000000001_2018-07-21--03-48-48"
    assert len(set(rides)) == NUM


def test_comma10k_ids_made_of_its_colours_are_read_too(tmp_path: Path) -> None:
    pixels, labels = scene(0)
    write(tmp_path / "images" / comma_name(0), pixels)
    write(tmp_path / "masks" / comma_name(0), labels)
    pictures = open_pictures(tmp_path)
    assert pictures.records[0].ride
    assert (pictures[0].labels_HW[labels == 3] == 0).all()


def test_camvid_parts_and_recordings_follow_folders_and_names(tmp_path: Path) -> None:
    pictures = open_pictures(write_camvid(tmp_path))
    assert pictures.classes == CAMVID
    assert [(record.split, record.ride) for record in pictures.records] == [
        ("train", "0001TP"),
        ("val", "Seq05VD"),
        ("test", "Seq05VD"),
    ]


def test_camvid_id_11_is_unlabelled(tmp_path: Path) -> None:
    folder = write_camvid(tmp_path)
    labels = scene(0, 12)[1]
    write(folder / "trainannot/0001TP_000000.png", labels)
    picture = open_pictures(folder).of_split("train")[0]
    assert np.array_equal(picture.labels_HW == CAMVID.ignored_id, labels == 11)


def test_camvid_colours_are_merged_to_11_classes(tmp_path: Path) -> None:
    colours = {(0, 128, 64): "building", (192, 0, 64): "road", (192, 64, 128): "car"}
    mask = np.zeros((8, 8, 3), np.uint8)
    for row, colour in enumerate(colours):
        mask[row] = colour
    write(tmp_path / "701_StillsRaw_full/0016E5_1.png", np.zeros((8, 8, 3), np.uint8))
    write(tmp_path / "LabeledApproved_full/0016E5_1_L.png", mask)
    picture = open_pictures(tmp_path)[0]
    assert picture.ride == "0016E5"
    assert [CAMVID.names[i] for i in picture.labels_HW[:3, 0]] == list(colours.values())
    assert (picture.labels_HW[3:] == CAMVID.ignored_id).all()


def test_cityscapes_label_ids_become_the_19_that_are_scored(tmp_path: Path) -> None:
    folder = write_cityscapes(tmp_path)
    mask = np.zeros((40, 64), np.uint8)
    mask[0], mask[1], mask[2], mask[3] = 7, 26, 33, 6
    write(folder / "gtFine/train/aachen/aachen_000000_000000_gtFine_labelIds.png", mask)
    pictures = open_pictures(folder)
    labels = pictures[0].labels_HW
    assert [CITYSCAPES.names[i] for i in labels[:3, 0]] == ["road", "car", "bicycle"]
    assert (labels[3:] == CITYSCAPES.ignored_id).all()
    assert [record.ride for record in pictures.records] == ["aachen", "bremen", "ulm"]
    assert len(pictures.of_split("val")) == 1


def test_cityscapes_unknown_label_ids_are_counted(tmp_path: Path) -> None:
    folder = write_cityscapes(tmp_path)
    mask = np.zeros((40, 64), np.uint8)
    mask[0, :9] = 200
    write(folder / "gtFine/train/aachen/aachen_000000_000000_gtFine_labelIds.png", mask)
    with pytest.raises(InputError, match="unknown label ids on 9 pixels"):
        open_pictures(folder, thorough=True)


def test_cityscapes_part_without_masks_is_left_out_and_noted(tmp_path: Path) -> None:
    folder = write_cityscapes(tmp_path)
    write(folder / "leftImg8bit/test/rome/rome_000000_000001_leftImg8bit.png", scene(4)[0])
    pictures = open_pictures(folder)
    assert len(pictures) == NUM
    assert pictures.notes == ("test has 1 pictures without masks, left out",)


@pytest.mark.parametrize(("name", "num"), [("night_ride", 42), ("comma10k", 10)])
def test_the_real_pairs_open_without_a_fault(name: str, num: int) -> None:
    if not (REAL / name).is_dir():
        pytest.skip(f"{REAL / name} is absent: set LOSSZERO_DATA")
    pictures = open_pictures(REAL / name, thorough=True)
    assert len(pictures) == num
    assert all(record.ride for record in pictures.records)
    assert pictures.class_counts().sum(axis=0)[:3].min() > 0
