"""The picture that viewers asked for."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from losszero_rt.classmap import NIGHT_RIDE
from losszero_rt.frame import Planes, VideoInfo
from losszero_rt.livestate import LiveView, PictureChoice
from losszero_rt.pipeline.live_config import LiveConfig
from losszero_rt.pipeline.live_picture import ChosenPicture

SIZE = (360, 640)
INFO = VideoInfo(
    name="camera",
    size=SIZE,
    coded_size=SIZE,
    rate_declared=Fraction(30),
    time_base=Fraction(1, 90_000),
    codec="h264",
    pix_fmt="yuv420p",
)


def painted(choice: PictureChoice, *, legend: bool = True, hud: bool = True) -> Planes:
    config = LiveConfig(serve=True, legend=legend, hud=hud)
    chosen = ChosenPicture(config, classmap=NIGHT_RIDE, info=INFO, objects=False)
    painter, canvas = chosen.prepare(choice)
    painter.paint(
        street(),
        labels_HW=np.full(SIZE, NIGHT_RIDE.id_of("road"), np.uint8),
        shares=np.zeros(NIGHT_RIDE.num_classes),
        objects=None,
        canvas=canvas,
        line="30 FPS",
    )
    return canvas


def street() -> Planes:
    half = (SIZE[0] // 2, SIZE[1] // 2)
    grey = np.full(half, 128, np.uint8)
    return Planes(y=np.full(SIZE, 90, np.uint8), u=grey, v=grey.copy())


@pytest.mark.parametrize("view", ["overlay", "mask"])
def test_no_class_at_all_leaves_the_picture_as_it_came(view: LiveView) -> None:
    bare = painted(PictureChoice(view=view, alpha=0.8, classes=(), text=False))
    assert np.array_equal(bare.y, street().y)
    assert np.array_equal(bare.u, street().u)


def test_another_choice_is_another_picture() -> None:
    choice = PictureChoice(alpha=0.8, text=False)
    road = (NIGHT_RIDE.id_of("road"),)
    lanes = (NIGHT_RIDE.id_of("lane mark"),)
    coloured = painted(replace(choice, classes=road))
    assert not np.array_equal(coloured.u, street().u)
    assert np.array_equal(painted(choice).u, coloured.u)
    assert np.array_equal(painted(replace(choice, classes=lanes)).u, street().u)


@pytest.mark.parametrize(
    ("legend", "hud", "written"),
    [(True, True, "all"), (True, False, "legend"), (False, True, "hud"), (False, False, "all")],
)
def test_text_is_what_was_configured_or_all_of_it(legend: bool, hud: bool, written: str) -> None:
    choice = PictureChoice(classes=())
    found = painted(choice, legend=legend, hud=hud).y != street().y
    assert found[-8:].any() == (written != "legend"), "figures lie along the bottom"
    assert found[:180].any() == (written != "hud"), "the legend lies in a corner at the top"
    bare = painted(replace(choice, text=False), legend=legend, hud=hud)
    assert np.array_equal(bare.y, street().y)
