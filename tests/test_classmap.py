import pytest

from losszero_rt.classmap import NIGHT_RIDE, ClassMap
from losszero_rt.errors import UsageError


def test_ids_are_those_of_the_data_set() -> None:
    names = ("undrivable", "road", "lane mark", "my bike", "rider", "moveable")
    assert [NIGHT_RIDE.id_of(name) for name in names] == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("spelling", ["lane mark", "Lane-Mark", "lane_mark", "LANEMARK"])
def test_spelling_of_a_class_does_not_matter(spelling: str) -> None:
    assert NIGHT_RIDE.id_of(spelling) == 2


def test_unknown_class_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"unknown class 'lorry'.*moveable"):
        NIGHT_RIDE.id_of("lorry")


def test_palettes_differ_and_keep_the_classes() -> None:
    classic = NIGHT_RIDE.with_palette("classic")
    assert classic.names == NIGHT_RIDE.names
    assert classic.colours != NIGHT_RIDE.colours


def test_a_class_without_colour_is_refused() -> None:
    with pytest.raises(UsageError, match="2 names and 1 colours"):
        ClassMap(names=("a", "b"), colours=((0, 0, 0),))


def test_colour_table_is_black_beyond_the_classes() -> None:
    table = NIGHT_RIDE.colour_table()
    assert tuple(table[1]) == NIGHT_RIDE.colours[1]
    assert not table[6:].any()
