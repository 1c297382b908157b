from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from losszero_rt.classmap import NIGHT_RIDE
from losszero_rt.errors import InputError
from train.datasets.picture import LabelledPicture
from train.datasets.picture_set import PictureRecord, PictureSet
from train.explore.counting import GRID
from train.explore.findings import Findings
from train.explore.sampling import spaced
from train.explore.surveying import TILES_MAX, survey

ROAD, MARK, RIDER, MOVEABLE = 1, 2, 4, 5
# Four times the grid, so that every cell of a heat map covers 4x4 whole pixels.
SIZE = (4 * GRID[0], 4 * GRID[1])


def draw(name: str, *, luma: int = 20) -> LabelledPicture:
    """Draw road in the lower half, two vehicles of 8x8 and 4x20 pixels, a mark of 4x4."""
    labels = np.zeros(SIZE, np.uint8)
    labels[SIZE[0] // 2 :] = ROAD
    labels[0:8, 0:8] = MOVEABLE
    labels[0:4, 40:60] = MOVEABLE
    labels[-4:, 8:12] = MARK
    return LabelledPicture(
        name=name,
        pixels_HWC=np.full((*SIZE, 3), luma, np.uint8),
        labels_HW=labels,
        has_bike=False,
        is_night=luma < 60,
    )


def set_of(pictures: Sequence[LabelledPicture | InputError]) -> PictureSet:
    names = [
        f"{index:03}" if isinstance(p, Exception) else p.name for index, p in enumerate(pictures)
    ]
    by_name = dict(zip(names, pictures, strict=True))

    def read(record: PictureRecord) -> LabelledPicture:
        picture = by_name[record.name]
        if isinstance(picture, InputError):
            raise picture
        return picture

    records = [PictureRecord(name=n, image=Path(n), label_files=()) for n in names]
    return PictureSet("drawn", classes=NIGHT_RIDE, records=records, read=read)


def findings_of(*pictures: LabelledPicture | InputError, **parts: str) -> Findings:
    return survey(set_of(pictures), parts=parts)[0]


def test_pixels_and_shares_are_exact() -> None:
    first = draw("a")
    labels = first.labels_HW.copy()
    labels[8:10] = 255
    found = findings_of(first, replace(first, name="b", labels_HW=labels))
    height, width = SIZE
    vehicles, marks, unlabelled = 8 * 8 + 4 * 20, 16, 2 * width
    road = height // 2 * width - marks
    assert found.classes[MOVEABLE].num_pixels == 2 * vehicles
    assert found.classes[MARK].num_pixels == 2 * marks
    assert found.classes[ROAD].num_pixels == 2 * road
    assert found.unlabelled_pixels == unlabelled
    labelled = 2 * height * width - unlabelled
    assert found.classes[ROAD].pixel_share == 2 * road / labelled
    assert [picture.unlabelled_share for picture in found.pictures] == [0, 2 / height]


def test_objects_are_connected_blobs_where_the_data_names_none() -> None:
    sizes = findings_of(draw("a"), draw("b")).classes[MOVEABLE].objects
    assert sizes is not None
    assert (sizes.count, sizes.smallest, sizes.median, sizes.largest) == (4, 64, 72, 80)


def test_objects_that_the_data_tells_apart_are_taken_as_they_are() -> None:
    picture = draw("a")
    instances = np.zeros(SIZE, np.int32)
    instances[0:8, 0:4] = 1
    instances[0:8, 4:8] = 900
    instances[0:4, 40:60] = 2
    found = findings_of(replace(picture, instances_HW=instances))
    sizes = found.classes[MOVEABLE].objects
    assert sizes is not None
    assert (sizes.count, sizes.smallest, sizes.largest) == (3, 32, 80)
    assert found.classes[ROAD].objects is None


def test_an_object_belongs_to_the_class_of_most_of_its_pixels() -> None:
    picture = draw("a")
    instances = np.zeros(SIZE, np.int32)
    instances[-4:, 6:12] = 1
    found = findings_of(replace(picture, instances_HW=instances))
    mark, road = found.classes[MARK].objects, found.classes[ROAD].objects
    assert mark is not None
    assert mark.largest == 24
    assert road is None


def test_the_background_has_no_objects() -> None:
    assert findings_of(draw("a")).classes[0].objects is None


def test_heat_maps_average_the_share_of_each_cell() -> None:
    half = draw("b")
    half.labels_HW[0:4, 0:2] = 0
    found = findings_of(draw("a"), half)
    places = np.array(found.classes[MOVEABLE].places)
    assert places.shape == GRID
    expected = np.zeros(GRID)
    expected[0:2, 0:2] = 1
    expected[0, 0] = 0.75
    expected[0, 10:15] = 1
    np.testing.assert_allclose(places, expected, atol=1e-4)


def test_heat_maps_add_up_to_one_where_all_is_labelled_in_any_size() -> None:
    picture = draw("a")
    other = replace(picture, name="b", labels_HW=picture.labels_HW[:101, :77])
    found = findings_of(picture, replace(other, pixels_HWC=picture.pixels_HWC[:101, :77]))
    total = np.sum([figures.places for figures in found.classes], axis=0)
    np.testing.assert_allclose(total, 1, atol=1e-3)


def test_brightness_and_night_are_told_of_each_picture() -> None:
    found = findings_of(draw("dark", luma=12), draw("light", luma=140))
    assert [(p.name, p.mean_luma, p.is_night) for p in found.pictures] == [
        ("dark", 12, True),
        ("light", 140, False),
    ]


def test_classes_together_are_counted_by_picture() -> None:
    without = draw("b")
    without.labels_HW[without.labels_HW == MARK] = ROAD
    found = findings_of(draw("a"), without)
    assert found.together[MOVEABLE][ROAD] == 2
    assert found.together[MARK][MOVEABLE] == found.together[MOVEABLE][MARK] == 1
    assert found.together[MARK][MARK] == found.classes[MARK].num_pictures == 1
    assert found.together[RIDER] == (0,) * 6


def test_a_class_absent_from_one_part_is_named_there_only() -> None:
    without = draw("b")
    without.labels_HW[without.labels_HW == MARK] = ROAD
    found = findings_of(draw("a"), without, a="train", b="val")
    absent = {part.name: part.absent for part in found.parts}
    assert absent == {
        "train": ("my bike", "rider"),
        "val": ("lane mark", "my bike", "rider"),
    }
    assert [part.num_pictures for part in found.parts] == [1, 1]


def test_a_broken_picture_is_noted_and_the_others_are_counted() -> None:
    pictures = set_of([draw("a"), InputError("b.png cannot be decoded"), draw("c")])
    found, tiles = survey(pictures, parts={}, broken=["d has no mask"])
    assert found.broken == ("d has no mask", "b.png cannot be decoded")
    assert [picture.name for picture in found.pictures] == ["a", "c"]
    assert [name for name, _ in tiles] == ["a", "c"]


def test_no_readable_picture_gives_figures_that_are_not_available() -> None:
    found = findings_of(InputError("a.png cannot be decoded"))
    assert found.pictures == ()
    assert found.classes[ROAD].pixel_share is None


@pytest.mark.parametrize(
    ("count", "most", "expected"),
    [(0, 5, []), (1, 5, [0]), (3, 5, [0, 1, 2]), (5, 3, [0, 2, 4]), (100, 2, [0, 99])],
)
def test_samples_are_spread_over_the_whole(count: int, most: int, expected: list[int]) -> None:
    assert spaced(count, most) == expected


def test_tiles_are_bounded() -> None:
    _, tiles = survey(set_of([draw(f"{i:03}") for i in range(TILES_MAX + 9)]), parts={})
    assert len(tiles) == TILES_MAX
