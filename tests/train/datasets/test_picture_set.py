import pickle
from pathlib import Path

import numpy as np
import pytest

from losszero_rt.classmap import NIGHT_RIDE
from losszero_rt.errors import InputError, UsageError
from tests.train.conftest import draw_picture
from train.datasets.picture import LabelledPicture
from train.datasets.picture_set import PictureRecord, PictureSet

PICTURE_BYTES = draw_picture(0).num_bytes


class Reader:
    """Draws pictures and remembers which; those named "broken" cannot be read."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def __call__(self, record: PictureRecord) -> LabelledPicture:
        self.read.append(record.name)
        if record.name.startswith("broken"):
            raise InputError(f"{record.name} cannot be decoded")
        return draw_picture(int(record.name))


def set_of(
    reader: Reader, names: list[str], *, cache_bytes_max: int = 100 * PICTURE_BYTES
) -> PictureSet:
    records = [
        PictureRecord(
            name=name,
            image=Path(name),
            label_files=(),
            split="train" if name < "2" else "val",
        )
        for name in names
    ]
    return PictureSet(
        "drawn", classes=NIGHT_RIDE, records=records, read=reader, cache_bytes_max=cache_bytes_max
    )


def test_nothing_is_read_before_it_is_asked_for_and_then_only_once() -> None:
    reader = Reader()
    pictures = set_of(reader, ["1", "0"])
    assert pictures.names == ("0", "1")
    assert reader.read == []
    assert np.array_equal(pictures[1].labels_HW, draw_picture(1).labels_HW)
    assert pictures[1] is pictures[-1]
    assert reader.read == ["1"]


def test_the_pictures_kept_stay_within_the_bytes_given() -> None:
    reader = Reader()
    pictures = set_of(reader, list("0123"), cache_bytes_max=2 * PICTURE_BYTES)
    for index in (0, 1, 0, 2):
        pictures[index]
    # The second was used longest ago, so the third took its place.
    pictures[0], pictures[2]
    assert reader.read == ["0", "1", "2"]
    pictures[1]
    assert reader.read == ["0", "1", "2", "1"]


def test_a_picture_larger_than_the_cache_is_given_but_not_kept() -> None:
    reader = Reader()
    pictures = set_of(reader, ["0"], cache_bytes_max=PICTURE_BYTES - 1)
    pictures[0], pictures[0]
    assert reader.read == ["0", "0"]


def test_subsets_share_what_was_read() -> None:
    reader = Reader()
    pictures = set_of(reader, list("0123"))
    pictures[2]
    part = pictures.subset(["3", "2"])
    assert part.names == ("2", "3")
    part[0], pictures[1:3][1], pictures.of_split("val")[0]
    assert reader.read == ["2"]


def test_unknown_names_and_parts_are_refused() -> None:
    pictures = set_of(Reader(), list("01"))
    with pytest.raises(UsageError, match="no picture 7, 8"):
        pictures.subset(["8", "0", "7"])
    with pytest.raises(InputError, match=r"no pictures for val.*its parts: train"):
        pictures.of_split("val")


def test_two_pictures_of_one_name_are_refused() -> None:
    with pytest.raises(InputError, match="several pictures of one name"):
        set_of(Reader(), ["0", "0"])


def test_traits_outlive_the_picture() -> None:
    reader = Reader()
    pictures = set_of(reader, list("01"), cache_bytes_max=0)
    counts = pictures.class_counts()
    assert counts.shape == (2, NIGHT_RIDE.num_classes + 1)
    assert counts.sum(axis=1).tolist() == [draw_picture(0).labels_HW.size] * 2
    assert counts[0, 5] == (draw_picture(0).labels_HW == 5).sum()
    assert pictures.traits(0).has_bike
    assert reader.read == ["0", "1"]


def test_faults_of_all_pictures_are_gathered() -> None:
    pictures = set_of(Reader(), ["0", "broken a", "broken b"])
    assert pictures.faults() == ["broken a cannot be decoded", "broken b cannot be decoded"]


def test_another_process_is_sent_where_pictures_lie_and_not_the_pictures() -> None:
    pictures = set_of(Reader(), ["0", "1", "2"])
    pixels = [picture.pixels_HWC for picture in pictures]
    sent = pickle.dumps(pictures)
    assert len(sent) < PICTURE_BYTES
    arrived = pickle.loads(sent)
    for ours, theirs in zip(pixels, arrived, strict=True):
        assert np.array_equal(ours, theirs.pixels_HWC)
    assert pictures[0].pixels_HWC is pixels[0]


def test_memory_that_is_limited_later_is_given_back() -> None:
    reader = Reader()
    pictures = set_of(reader, ["0", "1", "2"])
    assert len(list(pictures)) == 3
    pictures.limit_memory(PICTURE_BYTES)
    pictures.limit_memory(100 * PICTURE_BYTES)
    reader.read.clear()
    assert len(list(pictures[1:])) == 2
    assert reader.read == ["1", "2"]
