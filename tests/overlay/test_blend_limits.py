import tracemalloc
from typing import Any

import pytest

from losszero_rt.classmap import NIGHT_RIDE
from losszero_rt.errors import UsageError
from losszero_rt.overlay import Blender
from tests.overlay.test_blend import ROAD, noise_planes, square


@pytest.mark.parametrize("labels_size", [(384, 672), (192, 336)])
def test_frames_are_drawn_without_allocating(labels_size: tuple[int, int]) -> None:
    size = (1080, 1920)
    planes, canvas = noise_planes(size), noise_planes(size)
    labels = square(ROAD, size=labels_size)
    blender = Blender(classmap=NIGHT_RIDE, size=size)
    blender.draw(planes, labels=labels, canvas=canvas)
    tracemalloc.start()
    blender.draw(planes, labels=labels, canvas=canvas)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 32 * 1024


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"alpha": 1.5}, "alpha 1.5"),
        ({"alpha": float("nan")}, "alpha nan"),
        ({"view": "split"}, "overlay, mask, side"),
        ({"classes": (1, 9)}, "class ids 9"),
    ],
)
def test_choices_that_make_no_sense_are_refused(choices: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Blender(classmap=NIGHT_RIDE, size=(96, 128), **choices)


def test_planes_of_another_size_are_refused() -> None:
    blender = Blender(classmap=NIGHT_RIDE, size=(96, 128), view="side")
    good, wide = noise_planes((96, 128)), noise_planes((96, 256))
    with pytest.raises(UsageError, match=r"canvas .*128x96.*\(96, 256\)"):
        blender.draw(good, labels=square(ROAD), canvas=good)
    with pytest.raises(UsageError, match="frame"):
        blender.draw(wide, labels=square(ROAD), canvas=wide)
    with pytest.raises(UsageError, match="yuv444"):
        blender.draw(noise_planes((96, 128), chroma="444"), labels=square(ROAD), canvas=wide)
