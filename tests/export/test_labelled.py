"""Reading labelled pictures."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from export.labelled import check_values, read_labelled
from losszero_rt.errors import InputError
from tests.bundles import CLASSES, draw_picture, write_pairs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_pairs(tmp_path / "pairs")


def test_pairs_come_back_in_order_of_names(folder: Path) -> None:
    pictures = read_labelled(folder)
    assert len(pictures) == 4
    for seed, picture in enumerate(pictures):
        pixels_HWC, labels_HW = draw_picture(seed)
        np.testing.assert_array_equal(picture.pixels_HWC, pixels_HWC)
        np.testing.assert_array_equal(picture.labels_HW, labels_HW)


def test_a_split_takes_its_rows_only(folder: Path) -> None:
    rows = [{"file": f"{i}.png", "split": "val" if i == 2 else "train"} for i in range(4)]
    (folder / "manifest.json").write_text(json.dumps(rows))
    assert len(read_labelled(folder, split="val")) == 1
    assert len(read_labelled(folder, split="train")) == 3


def test_a_split_without_manifest_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match=r"manifest.json cannot be read"):
        read_labelled(folder, split="val")


def test_lone_files_are_named(folder: Path) -> None:
    (folder / "masks" / "1.png").unlink()
    with pytest.raises(InputError, match="no pair for 1"):
        read_labelled(folder)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no pair for anything"):
        read_labelled(tmp_path)


def test_a_mask_of_another_size_or_in_colour_is_refused(folder: Path) -> None:
    for wrong in (np.zeros((5, 5), np.uint8), np.zeros((64, 96, 3), np.uint8)):
        cv2.imwrite(str(folder / "masks" / "0.png"), wrong)
        with pytest.raises(
            InputError,
            match=r"masks/0\.png is uint8 .* of an image \(64, 96\).*8-bit class ids of the same",
        ):
            read_labelled(folder)


def test_a_split_that_is_not_there_is_told_with_those_that_are(folder: Path) -> None:
    rows = [{"file": f"{i}.png", "split": "val" if i == 2 else "train"} for i in range(4)]
    (folder / "manifest.json").write_text(json.dumps(rows))
    with pytest.raises(InputError, match=r"no rows of the split 'vall'.*splits: train, val"):
        read_labelled(folder, split="vall")


def test_masks_with_other_values_than_the_classes_are_refused_by_name(folder: Path) -> None:
    labels_HW = draw_picture(2)[1]
    labels_HW[0, 0] = 200
    cv2.imwrite(str(folder / "masks" / "2.png"), labels_HW)
    pictures = read_labelled(folder)
    with pytest.raises(InputError, match=r"masks/2\.png holds the value 200.*0 to 1, and 255"):
        check_values(pictures, classes=CLASSES, folder=folder)


def test_masks_that_score_nothing_are_refused(folder: Path) -> None:
    check_values(read_labelled(folder), classes=CLASSES, folder=folder)
    pictures = [
        replace(one, labels_HW=np.full_like(one.labels_HW, 255)) for one in read_labelled(folder)
    ]
    with pytest.raises(InputError, match="every pixel of the masks"):
        check_values(pictures, classes=CLASSES, folder=folder)


def test_every_broken_file_is_named_at_once(folder: Path) -> None:
    (folder / "images" / "0.png").write_bytes(b"none")
    (folder / "masks" / "2.png").write_bytes(b"none")
    wanted = r"images/0\.png cannot be decoded, .*masks/2\.png cannot be decoded\. PNG or JPEG"
    with pytest.raises(InputError, match=wanted):
        read_labelled(folder)


def test_a_folder_that_is_not_there_is_told_as_such(folder: Path) -> None:
    with pytest.raises(InputError, match=r"none is not there\. a folder with images/NAME"):
        read_labelled(folder / "none")
    with pytest.raises(InputError, match=r"0\.png is no folder"):
        read_labelled(folder / "images" / "0.png")
