"""What a score on some pictures cannot tell is said, and goes wherever the score goes."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from export.config import ExportConfig
from export.scored import ScoredSet, read_scored, warn_of_low_score
from losszero_rt.data_record import digests_of, seen_record
from losszero_rt.errors import InputError
from tests.bundles import CLASSES, SIZE


def _read(config: ExportConfig, data: Mapping[str, Any]) -> tuple[ScoredSet, list[str]]:
    told: list[str] = []
    return read_scored(config, classes=CLASSES, data=data, say=told.append), told


def test_without_pictures_there_is_no_name(config: ExportConfig) -> None:
    scored, told = _read(replace(config, labelled=None), {})
    assert (list(scored.pictures), scored.dataset, told) == ([], "", [])


def test_pictures_that_were_not_trained_on_are_not_spoken_of(config: ExportConfig) -> None:
    scored, told = _read(config, seen_record(digests_of(["7.png", "8.png"])))
    assert (len(scored.pictures), scored.dataset, told) == (4, "pairs", [])


def test_where_nobody_knows_that_is_said(config: ExportConfig) -> None:
    scored, told = _read(config, {})
    assert (scored.dataset, len(told)) == ("pairs", 1)
    assert told[0].startswith("which pictures the weights were trained on is not recorded")


def test_pictures_that_were_trained_on_are_counted_in_the_name(config: ExportConfig) -> None:
    scored, told = _read(config, seen_record(digests_of(["1.png", "3.png", "9.png"])))
    assert scored.dataset == "pairs (2 of 4 trained on, by name)"
    assert told == [
        "2 of these 4 pictures have names of pictures that were trained on, so scores on them "
        "flatter: --split takes some rows of manifest.json"
    ]


def test_neither_another_format_nor_suffix_hides_a_picture(config: ExportConfig) -> None:
    scored, _ = _read(config, seen_record(digests_of(["1.JPG", "3.jpeg"])))
    assert scored.dataset == "pairs (2 of 4 trained on, by name)"


def _write(folder: Path, labels_HW: np.ndarray) -> Path:
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    cv2.imwrite(str(folder / "images" / "0.png"), np.zeros((*SIZE, 3), np.uint8))
    cv2.imwrite(str(folder / "masks" / "0.png"), labels_HW)
    return folder


def test_a_class_that_hardly_occurs_is_named(config: ExportConfig, tmp_path: Path) -> None:
    labels_HW = np.zeros(SIZE, np.uint8)
    labels_HW[0, :7] = 1
    shown = replace(config, labelled=_write(tmp_path / "dark", labels_HW))
    scored, told = _read(shown, seen_record(()))
    assert told == ["nothing is proved of bright (7 pixels): dark hardly shows it"]
    assert scored.rare == ["bright"]


def test_pictures_that_show_next_to_nothing_prove_nothing(
    config: ExportConfig, tmp_path: Path
) -> None:
    labels_HW = np.full(SIZE, CLASSES.ignored_id, np.uint8)
    labels_HW[5, 5] = 1
    shown = replace(config, labelled=_write(tmp_path / "dot", labels_HW))
    with pytest.raises(InputError, match=r"dot hardly shows any class: dark \(0 pixels\), bright"):
        _read(shown, {})


@pytest.mark.parametrize(
    ("known", "warns"), [({"miou": 0.79}, True), ({"miou": 0.15}, False), ({}, False)]
)
def test_masks_that_are_upside_down_are_asked_for(known: dict[str, float], warns: bool) -> None:
    told: list[str] = []
    warn_of_low_score(0.12, known=known, say=told.append)
    wanted = (
        "mean IoU 0.120 on these pictures, 0.790 came with the weights: are these masks of the "
        "same classes, and upright?"
    )
    assert told == [wanted] * warns
