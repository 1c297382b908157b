import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from losszero_rt.errors import InputError
from tests.train.datasets.drawn_layouts import scene, write, write_id_masks
from train.datasets import (
    PictureSet,
    check_split,
    make_split,
    open_pictures,
    read_split,
    write_split,
)
from train.datasets.splits import absent_classes, data_version, own_split, part_counts


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_id_masks(tmp_path / "data")


@pytest.fixture
def pictures(folder: Path) -> PictureSet:
    return open_pictures(folder)


def test_a_split_survives_its_file(pictures: PictureSet, tmp_path: Path) -> None:
    split = make_split(pictures, ratios=(2, 1), seed=4)
    write_split(split, tmp_path / "new" / "split.json")
    assert read_split(tmp_path / "new" / "split.json") == split
    check_split(split, pictures)


def test_data_version_is_that_of_the_contents_not_of_the_place(
    folder: Path, pictures: PictureSet, tmp_path: Path
) -> None:
    split = make_split(pictures, ratios=(2, 1))
    copied = open_pictures(shutil.copytree(folder, tmp_path / "copy"))
    assert data_version(copied, split) == split.data_version
    assert len(split.data_version) == 64
    moved = {"train": split.parts["val"], "val": split.parts["train"]}
    assert data_version(pictures, replace(split, parts=moved)) != split.data_version


@pytest.mark.parametrize("where", ["images", "masks"])
def test_a_changed_file_is_noticed(folder: Path, pictures: PictureSet, where: str) -> None:
    split = make_split(pictures, ratios=(2, 1))
    write(folder / where / "p1.png", scene(9)[0 if where == "images" else 1])
    with pytest.raises(InputError, match=r"have changed: data version \w+.*made for \w+"):
        check_split(split, open_pictures(folder))


def test_other_pictures_than_in_the_split_are_listed(pictures: PictureSet) -> None:
    split = make_split(pictures, ratios=(2, 1))
    with pytest.raises(InputError, match=r"not in the data: p0.png; not in the split: -"):
        check_split(split, pictures.subset(["p1.png", "p2.png"]))


@pytest.mark.parametrize(
    "record",
    [
        [],
        {"format": 2},
        {"format": 1, "seed": 1, "scheme": "x", "parts": [], "data_version": ""},
        {
            "format": 1,
            "seed": 1,
            "scheme": "x",
            "parts": {"train": ["a"], "val": ["a"]},
            "data_version": "",
        },
    ],
)
def test_files_that_are_no_split_are_refused(tmp_path: Path, record: object) -> None:
    path = tmp_path / "split.json"
    path.write_text(json.dumps(record))
    with pytest.raises(InputError, match=r"is no split|pictures twice: a"):
        read_split(path)


def test_missing_split_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="python -m train split"):
        read_split(tmp_path / "none.json")


def test_classes_absent_in_a_part_are_named(folder: Path) -> None:
    labels = scene(2)[1]
    labels[labels == 4] = 0
    write(folder / "masks" / "p2.png", labels)
    pictures = open_pictures(folder)
    own = own_split(pictures)
    assert own.parts == {"train": ("p0.png", "p1.png"), "val": ("p2.png",)}
    assert absent_classes(pictures, own) == {"train": (), "val": ("rider",)}
    assert part_counts(pictures, own)["val"].sum() == labels.size
