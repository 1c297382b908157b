"""Tags: cut to fit, inside the picture, the same name and score set once."""

import numpy as np
import pytest

from losszero_rt.classmap import ClassMap
from losszero_rt.frame import Planes
from losszero_rt.objects import Objects
from losszero_rt.overlay.tags import Tags, score_text
from losszero_rt.overlay.tones import YuvKind

NAMES = ClassMap(
    names=("nothing", "a vehicle with a name that is far too long to be shown anywhere\x1b[31m"),
    colours=((0, 0, 0), (230, 110, 0)),
)


def black(size: tuple[int, int]) -> Planes:
    u, v = (np.full((size[0] // 2, size[1] // 2), 128, np.uint8) for _ in range(2))
    return Planes(y=np.zeros(size, np.uint8), u=u, v=v)


def at(*boxes: tuple[float, float, float, float]) -> Objects:
    num = len(boxes)
    return Objects(
        class_ids=np.ones(num, np.uint8),
        scores=np.full(num, 0.876, np.float32),
        boxes=np.array(boxes, np.float32),
        masks=np.zeros((num, 1, 1), bool),
    )


@pytest.mark.parametrize(
    "box", [(630, 100, 639, 110), (0, 0, 4, 4), (600, 350, 639, 359), (-1, 300, 640, 360)]
)
def test_tag_lies_inside_the_picture_whatever_the_box(box: tuple[float, ...]) -> None:
    canvas = black((360, 640))
    Tags(NAMES, size=(360, 640), kind=YuvKind()).draw(canvas, objects=at(box), order=[0])  # type: ignore[arg-type]
    columns = np.flatnonzero(canvas.y.any(0))
    assert 100 < columns[-1] - columns[0] <= 320, "cut at half of the picture"


def test_picture_without_room_gets_none() -> None:
    canvas = black((16, 640))
    Tags(NAMES, size=(16, 640), kind=YuvKind()).draw(canvas, objects=at((5, 5, 9, 9)), order=[0])
    assert not canvas.y.any()


def test_score_has_two_decimals() -> None:
    assert score_text(0.876) == "0.88"
    assert score_text(1.0) == "1.00"
