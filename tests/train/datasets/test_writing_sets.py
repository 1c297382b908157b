"""Writing any data set as id masks, and reading it back."""

from pathlib import Path

import numpy as np
import pytest

from losszero_rt.errors import InputError, OutputError
from tests.train.datasets.drawn_layouts import WRITERS, write_id_masks
from train.datasets import make_split, open_pictures
from train.datasets.id_masks import CLASSES_NAME
from train.datasets.writing import write_pictures


@pytest.mark.parametrize("layout", sorted(WRITERS))
def test_every_layout_survives_as_id_masks(tmp_path: Path, layout: str) -> None:
    pictures = open_pictures(WRITERS[layout](tmp_path / "data"))
    split = make_split(pictures, ratios=(1, 1), seed=1)
    write_pictures(pictures, tmp_path / "written", split=split)
    again = open_pictures(tmp_path / "written", thorough=True, id_map={})
    assert again.classes == pictures.classes
    assert [record.ride for record in again.records] == [record.ride for record in pictures.records]
    for first, second in zip(pictures, again, strict=True):
        assert np.array_equal(first.pixels_HWC, second.pixels_HWC)
        assert np.array_equal(first.labels_HW, second.labels_HW)
    assert len(again.of_split("val")) == len(split.parts["val"])


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    pictures = open_pictures(write_id_masks(tmp_path / "data"))
    with pytest.raises(OutputError, match="is there already"):
        write_pictures(pictures, tmp_path / "data")


def test_broken_classes_are_refused(tmp_path: Path) -> None:
    folder = write_id_masks(tmp_path)
    (folder / CLASSES_NAME).write_text('{"names": ["a"]}')
    with pytest.raises(InputError, match=r"classes.json cannot be read"):
        open_pictures(folder)
