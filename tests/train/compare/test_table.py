"""The table: every figure of every network, the best marked, nothing invented."""

import numpy as np
import pytest

from tests.train.compare.conftest import MakeRow, scored_like
from train.compare.row import Speed
from train.compare.table import Cell, Group, make_table


def cells_of(groups: tuple[Group, ...], title: str) -> tuple[Cell, ...]:
    found = [line.cells for group in groups for line in group.lines if line.title == title]
    assert found, title
    return found[0]


def test_every_class_rate_and_cost_has_a_line(make_row: MakeRow) -> None:
    groups = make_table([make_row("one"), make_row("two")])
    titles = [line.title for group in groups for line in group.lines]
    for wanted in ("mIoU", "boundary IoU", "lane mark", "undrivable taken for road", "minutes"):
        assert wanted in titles
    assert all(len(line.cells) == 2 for group in groups for line in group.lines)


def test_the_better_one_is_marked_whichever_way_better_is(make_row: MakeRow) -> None:
    good = make_row("good", quality=0.9, fps=5.0, parameters=9_000_000)
    bad = make_row("bad", quality=0.4, fps=50.0, parameters=1_000_000)
    groups = make_table([good, bad])
    assert [cell.best for cell in cells_of(groups, "mIoU")] == [True, False]
    assert [cell.best for cell in cells_of(groups, "undrivable taken for road")] == [True, False]
    assert [cell.best for cell in cells_of(groups, "parameters, million")] == [False, True]
    assert [cell.best for cell in cells_of(groups, "FPS, eager engine")] == [False, True]
    assert [cell.best for cell in cells_of(groups, "epochs")] == [False, False]


def test_equal_figures_share_the_mark_and_a_single_network_has_none(make_row: MakeRow) -> None:
    both = make_table([make_row("one"), make_row("two")])
    assert [cell.best for cell in cells_of(both, "mIoU")] == [True, True]
    alone = make_table([make_row("one")])
    assert not any(cell.best for cell in cells_of(alone, "mIoU"))


def test_absent_classes_and_refused_engines_are_not_figures(make_row: MakeRow) -> None:
    refused = {"openvino": Speed(engine="openvino", absent="not exported: no rule")}
    groups = make_table([make_row("one"), make_row("two", speeds=refused)])
    assert [cell.text for cell in cells_of(groups, "rider")] == ["n/a", "n/a"]
    assert not any(cell.best for cell in cells_of(groups, "rider"))
    fps = cells_of(groups, "FPS, openvino engine")
    assert [(cell.text, cell.note) for cell in fps] == [
        ("n/a", ""),
        ("n/a", "not exported: no rule"),
    ]


def test_intervals_stand_beside_the_figures(make_row: MakeRow) -> None:
    row = make_row("one", quality=0.7)
    low, high = row.scored.scores.bootstrap()["miou"]
    (cell,) = cells_of(make_table([row]), "mIoU")
    assert cell.note == f"{low:.3f} to {high:.3f}"
    assert cell.text == f"{row.scored.scores.miou:.3f}"


def test_a_stopped_training_says_of_how_many_epochs(make_row: MakeRow) -> None:
    groups = make_table([make_row("one", epochs=3), make_row("two")])
    assert [cell.note for cell in cells_of(groups, "epochs")] == ["of 8", ""]


@pytest.mark.parametrize("quality", [0.0, 1.0])
def test_the_ends_of_the_scale_are_figures(make_row: MakeRow, quality: float) -> None:
    row = make_row("one", scored=scored_like(quality))
    assert cells_of(make_table([row]), "my bike")[0].text == f"{quality:.3f}"
    assert not np.isnan(row.scored.scores.miou)
