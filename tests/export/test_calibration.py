"""Pictures that ranges are measured on, and none that is scored."""

from pathlib import Path

import pytest

from export.calibration import read_calibration
from export.labelled import read_labelled
from losszero_rt.errors import InputError
from tests.bundles import draw_picture, write_pairs


def test_scored_pictures_are_left_out_whatever_they_are_called(tmp_path: Path) -> None:
    folder = write_pairs(tmp_path / "pairs", first=10)
    scored = read_labelled(folder)[1:3]
    for part in ("images", "masks"):
        (folder / part / "11.png").rename(folder / part / "z.png")
    found = read_calibration(folder, scored=scored)
    assert (found.num_scored, found.name) == (2, "pairs")
    assert [one.pixels_HWC.tobytes() for one in found.pictures] == [
        draw_picture(seed)[0].tobytes() for seed in (10, 13)
    ]
    assert len(read_calibration(folder).pictures) == 4


def test_nothing_left_is_an_error_that_names_the_set(tmp_path: Path) -> None:
    folder = write_pairs(tmp_path / "pairs")
    with pytest.raises(InputError, match=r"all 4 pictures of pairs are scored too.*--calibration"):
        read_calibration(folder, scored=read_labelled(folder))
