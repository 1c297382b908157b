from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from losszero_rt.classmap import NIGHT_RIDE
from losszero_rt.errors import UsageError
from tests.train.datasets.drawn_layouts import write_id_masks
from train.datasets import PictureRecord, PictureSet, make_split, open_pictures
from train.datasets.picture import LabelledPicture, make_picture


def set_of_rides(rides: Sequence[str], *, moveable: Sequence[float] = ()) -> PictureSet:
    """Return pictures of these rides, of which these shares are moveable."""
    shares = list(moveable) or [0.1] * len(rides)

    def read(record: PictureRecord) -> LabelledPicture:
        labels = np.ones((10, 10), np.uint8)
        labels.flat[: round(100 * shares[int(record.name)])] = 5
        pixels = np.zeros((10, 10, 3), np.uint8)
        return make_picture(record.name, pixels_HWC=pixels, labels_HW=labels, classes=NIGHT_RIDE)

    # A file that exists stands for the files that are digested.
    records = [
        PictureRecord(name=f"{i:03d}", image=Path(__file__), label_files=(), ride=ride)
        for i, ride in enumerate(rides)
    ]
    return PictureSet("drawn", classes=NIGHT_RIDE, records=records, read=read)


def test_same_seed_gives_the_same_split_and_another_seed_another() -> None:
    pictures = set_of_rides([""] * 30)
    first = make_split(pictures, ratios=(6, 2, 2), seed=5)
    assert first == make_split(pictures, ratios=(6, 2, 2), seed=5)
    assert first.parts != make_split(pictures, ratios=(6, 2, 2), seed=6).parts


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(["", *"abcdefgh"]), min_size=12, max_size=40), st.integers(0, 99))
def test_no_ride_is_cut_and_no_picture_lost(rides: list[str], seed: int) -> None:
    pictures = set_of_rides(rides)
    groups = len({ride for ride in rides if ride}) + rides.count("")
    if groups < 3:
        with pytest.raises(UsageError):
            make_split(pictures, ratios=(6, 2, 2), seed=seed)
        return
    split = make_split(pictures, ratios=(6, 2, 2), seed=seed)
    assert sorted(name for names in split.parts.values() for name in names) == list(pictures.names)
    assert all(split.parts.values())
    part_of = {name: part for part, names in split.parts.items() for name in names}
    for ride in {ride for ride in rides if ride}:
        parts = {part_of[f"{i:03d}"] for i, other in enumerate(rides) if other == ride}
        assert len(parts) == 1


def test_joined_names_stay_together_across_rides() -> None:
    pictures = set_of_rides([*"aabbcdef"])
    split = make_split(pictures, ratios=(1, 1), seed=1, joined=[("000", "002"), ("003", "004")])
    part_of = {name: part for part, names in split.parts.items() for name in names}
    assert len({part_of[name] for name in ("000", "001", "002", "003", "004")}) == 1


def test_parts_have_the_sizes_and_the_share_of_moveable_that_were_asked_for() -> None:
    rng = np.random.default_rng(0)
    moveable = rng.uniform(0, 0.6, 60)
    pictures = set_of_rides([""] * 60, moveable=moveable.tolist())
    split = make_split(pictures, ratios=(6, 2, 2), seed=1)
    counts = pictures.class_counts()[:, 5]
    for part, ratio in zip(("train", "val", "test"), (0.6, 0.2, 0.2), strict=True):
        chosen = [int(name) for name in split.parts[part]]
        assert len(chosen) / 60 == pytest.approx(ratio, abs=0.04)
        assert counts[chosen].sum() / counts.sum() == pytest.approx(ratio, abs=0.04)


def test_folds_are_kept_one_after_the_other() -> None:
    pictures = set_of_rides([""] * 10)
    split = make_split(pictures, folds=5, seed=1)
    kept = [split.fold(index) for index in range(1, 6)]
    assert sorted(name for _, val in kept for name in val) == list(pictures.names)
    for train, val in kept:
        assert sorted([*train, *val]) == list(pictures.names)
    with pytest.raises(UsageError, match="no fold-6"):
        split.fold(6)


def test_fewer_rides_than_parts_is_refused() -> None:
    with pytest.raises(UsageError, match="2 rides for 3 parts"):
        make_split(set_of_rides([*"aaabbb"]), ratios=(6, 2, 2))


@pytest.mark.parametrize("ratios", [(1,), (1, 0), (1, 2, 3, 4), (1, -1)])
def test_ratios_that_mean_nothing_are_refused(ratios: tuple[float, ...]) -> None:
    with pytest.raises(UsageError, match="two or three positive"):
        make_split(set_of_rides([*"abcdef"]), ratios=ratios)


def test_ratios_and_folds_exclude_one_another(tmp_path: Path) -> None:
    pictures = open_pictures(write_id_masks(tmp_path))
    for ratios, folds in ((None, None), ((1, 1), 2)):
        with pytest.raises(UsageError, match="either ratios or folds"):
            make_split(pictures, ratios=ratios, folds=folds)
