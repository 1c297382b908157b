"""Small translucent pictures."""

import numpy as np
import pytest

from losszero_rt.frame import Planes
from losszero_rt.overlay.stamp import Ink, cover, new_sheet, rounded_box, stamp_of
from losszero_rt.overlay.tones import Chroma, YuvKind

RED = (255, 0, 0)


def grey(step: int) -> Planes:
    small = (40 // step, 60 // step)
    u, v = np.full(small, 128, np.uint8), np.full(small, 128, np.uint8)
    return Planes(y=np.full((40, 60), 100, np.uint8), u=u, v=v)


@pytest.mark.parametrize(("chroma", "step"), [("420", 2), ("444", 1)])
def test_stamp_covers_its_place_on_all_planes(chroma: Chroma, step: int) -> None:
    sheet = new_sheet((8, 12))
    cover(sheet, np.full((8, 12), 255, np.uint8), colour=RED)
    canvas = grey(step)
    stamp_of(sheet, kind=YuvKind(chroma=chroma)).lay_on(canvas, top=10, left=20)
    for plane, scale, red in ((canvas.y, 1, 81), (canvas.u, step, 90), (canvas.v, step, 240)):
        inside = np.zeros(plane.shape, bool)
        inside[10 // scale : 18 // scale, 20 // scale : 32 // scale] = True
        assert set(np.unique(plane[inside])) == {red}
        assert set(np.unique(plane[~inside])) == {100 if plane is canvas.y else 128}


def test_half_opacity_is_half_way() -> None:
    sheet = new_sheet((4, 4))
    cover(sheet, np.full((4, 4), 255, np.uint8), colour=(255, 255, 255), opacity=0.5)
    canvas = grey(2)
    stamp_of(sheet, kind=YuvKind()).lay_on(canvas, top=0, left=0)
    assert abs(int(canvas.y[0, 0]) - (100 + 235) / 2) <= 1
    assert canvas.u[0, 0] == 128


def test_later_paint_covers_earlier_paint() -> None:
    sheet = new_sheet((4, 4))
    full = np.full((4, 4), 255, np.uint8)
    cover(sheet, full, colour=(0, 255, 0), opacity=0.5)
    cover(sheet, full[:2], colour=RED, top=2)
    assert sheet[3, 0].tolist() == [255, 0, 0, 1]
    assert sheet[0, 0].tolist() == [0, 127.5, 0, 0.5]


@pytest.mark.parametrize("chroma", ["420", "444"])
def test_ink_equals_painting_the_same_by_hand(chroma: Chroma) -> None:
    kind = YuvKind(chroma=chroma)
    coverage = np.random.default_rng(0).integers(0, 256, (6, 10), np.uint8)
    sheet = new_sheet((6, 10))
    cover(sheet, np.full((6, 10), 255, np.uint8), colour=(0, 0, 40), opacity=0.6)
    cover(sheet, coverage, colour=(250, 250, 250))
    step = 2 if chroma == "420" else 1
    by_hand, by_ink = grey(step), grey(step)
    stamp_of(sheet, kind=kind).lay_on(by_hand, top=2, left=4)
    ink = Ink((250, 250, 250), ground=(0, 0, 40), opacity=0.6, kind=kind)
    ink.stamp(coverage).lay_on(by_ink, top=2, left=4)
    assert np.abs(by_hand.y.astype(int) - by_ink.y).max() <= 1
    assert np.abs(by_hand.u.astype(int) - by_ink.u).max() <= 1


def test_pasting_replaces_and_does_not_add_up() -> None:
    kind = YuvKind()
    ink = Ink((255, 255, 255), ground=(0, 0, 0), opacity=0.5, kind=kind)
    panel = ink.stamp(np.zeros((8, 8), np.uint8))
    for value in (255, 0, 255):
        panel.paste(ink.stamp(np.full((4, 4), value, np.uint8)), top=2, left=4)
    canvas = grey(2)
    panel.lay_on(canvas, top=0, left=0)
    assert panel.size == (8, 8)
    assert np.all(canvas.y[2:6, 4:8] == 235)
    assert canvas.y[0, 0] < 70


def test_box_has_round_corners_and_full_sides() -> None:
    box = rounded_box((20, 30), radius_px=6)
    assert box.shape == (20, 30)
    assert box[0, 0] == 0
    assert box[0, 15] > 240
    assert box[10, 0] > 240
    assert np.array_equal(box, box[::-1])
