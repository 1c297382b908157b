"""Objects from the engine to the picture and the outlets: letterboxed frames, known positions."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from losszero_rt.classmap import NIGHT_RIDE
from losszero_rt.engine import Extras
from losszero_rt.frame import Frame, LostFrame, Planes, StreamItem
from losszero_rt.ledger import Ledger
from losszero_rt.objects import Objects
from losszero_rt.pipeline.config import RunConfig
from losszero_rt.pipeline.outlets import StageTimes
from losszero_rt.pipeline.painter import LiveLine, Painter
from losszero_rt.pipeline.pipeline import Pipeline
from losszero_rt.pipeline.report import Meter
from losszero_rt.timings import now_s
from tests.pipeline.doubles import SPEC, EchoEngine, EchoTicket, MemorySink
from tests.pipeline.test_pipeline import INFO

# Three times as wide as high: in the input of 64x96 it lies between bars of 16 rows.
WIDE = (240, 720)
BOX_IN_INPUT = (24, 24, 48, 40)
BOX = (180, 60, 360, 180)
MOVEABLE = NIGHT_RIDE.id_of("moveable")


class FindingEngine(EchoEngine):
    """Finds one object in every frame, and in odd frames a second one in the bar below."""

    def submit(self, inputs_NHWC: np.ndarray) -> EchoTicket:
        start = sum(self.sizes)
        super().submit(inputs_NHWC)
        num = len(inputs_NHWC)
        found = tuple(self._find(odd=bool((start + k) % 2)) for k in range(num))
        labels_NHW = np.zeros((num, *SPEC.size), np.uint8)
        return EchoTicket(labels_NHW, fail=False, extras=Extras(objects=found))

    def _find(self, *, odd: bool) -> Objects:
        boxes = [BOX_IN_INPUT, (10, 50, 30, 62)][: 1 + odd]
        masks = np.zeros((len(boxes), *SPEC.size), bool)
        for mask_HW, (x0, y0, x1, y1) in zip(masks, boxes, strict=True):
            mask_HW[y0:y1, x0:x1] = True
        return Objects(
            class_ids=np.full(len(boxes), MOVEABLE, np.uint8),
            scores=np.linspace(0.9, 0.6, len(boxes)).astype(np.float32),
            boxes=np.array(boxes, np.float32),
            masks=masks,
        )


class WideSink(MemorySink):
    """Keeps the pictures."""

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.pictures: list[np.ndarray] = []
        self._size = size

    def canvas(self) -> Planes:
        return grey(self._size)

    def write(self, canvas: Planes, *, frame: Frame) -> None:
        super().write(canvas, frame=frame)
        self.pictures.append(canvas.y.copy())


class Listener:
    """Keeps the objects of every frame."""

    name = "listener"
    saves = False

    def __init__(self) -> None:
        self.heard: list[Objects | None] = []

    def take(
        self,
        frame: Frame,
        *,
        labels_HW: np.ndarray,
        shares: np.ndarray,
        stage_ms: StageTimes,
        objects: Objects | None,
    ) -> None:
        self.heard.append(objects)

    def lose(self, lost: LostFrame) -> None:
        pass

    def close(self) -> None:
        pass


def grey(size: tuple[int, int]) -> Planes:
    u, v = (np.full((size[0] // 2, size[1] // 2), 128, np.uint8) for _ in range(2))
    return Planes(y=np.full(size, 120, np.uint8), u=u, v=v, full_range=True)


def frames(num: int) -> Iterator[StreamItem]:
    for index in range(num):
        yield Frame(
            index=index,
            pts=index,
            time_base=Fraction(1, 30),
            planes=grey(WIDE),
            decoded_at_s=now_s(),
        )


def run(
    engine: EchoEngine, *, objects: bool = True, num: int = 4, **choices: Any
) -> tuple[list[np.ndarray], list[Objects | None]]:
    ledger, meter, listener = Ledger(), Meter(), Listener()
    pipeline = Pipeline(
        engine,
        spec=SPEC,
        meter=meter,
        ledger=ledger,
        num_requests=4,
        num_classes=6,
        frame_bytes=WIDE[0] * WIDE[1] * 3 // 2,
        should_stop=lambda: False,
    )
    plain = {"legend": False, "hud": False, **choices}
    config = RunConfig(labels="unused", **plain)  # type: ignore[arg-type]
    info = replace(INFO, size=WIDE, coded_size=WIDE)
    painter = Painter(config, classmap=NIGHT_RIDE, info=info, chroma_444=False, objects=objects)
    sink = WideSink(painter.output_size)
    line = LiveLine(suffix="", ledger=ledger)
    pipeline.run(frames(num), sink=sink, painter=painter, line=line, outlets=[listener])
    return sink.pictures, listener.heard


@pytest.mark.parametrize("batch", [1, 3])
def test_objects_lie_where_they_are_in_the_picture(batch: int) -> None:
    pictures, heard = run(FindingEngine(batch=batch))
    assert len(pictures) == len(heard) == 4
    x0, y0, x1, y1 = BOX
    for picture, found in zip(pictures, heard, strict=True):
        assert found is not None
        np.testing.assert_allclose(found.boxes, [BOX], atol=0.01)
        changed = picture != 120
        for x, y in ((x0, y1 - 60), (x1, y1 - 60), (x0 + 90, y1), (x1 - 4, y1)):
            assert changed[y - 5 : y + 6, x - 5 : x + 6].any(), f"no line at {x}, {y}"
        assert not changed[y0 + 20 : y1 - 10, x0 + 20 : x1 - 20].any(), "the inside is free"
        assert not changed[y1 + 5 :].any()
        assert not changed[:, : x0 - 5].any()
        assert not changed[:, x1 + 5 :].any()


def test_side_by_side_they_lie_on_the_right() -> None:
    pictures, _ = run(FindingEngine(), view="side")
    changed = pictures[0] != 120
    assert not changed[:, : WIDE[1]].any()
    assert changed[BOX[3] - 5 : BOX[3] + 5, WIDE[1] + BOX[0] : WIDE[1] + BOX[2]].any()


def test_legend_counts_them() -> None:
    counted, _ = run(FindingEngine(), legend=True)
    plain, heard = run(EchoEngine(), objects=False, legend=True)
    assert heard == [None] * 4
    widths = [
        np.flatnonzero((picture[:30] != 120).any(0))[-1] for picture in (counted[0], plain[0])
    ]
    assert widths[0] > widths[1], "there is a column more"


def test_line_of_figures_counts_them() -> None:
    line = LiveLine(suffix="no score", ledger=Ledger())
    for index in range(3):
        line.note(handed_s=index / 30, latency_ms=5.0)
    assert "objects 7  no score" in line.text(num_objects=7)
    other = LiveLine(suffix="no score", ledger=Ledger())
    for index in range(3):
        other.note(handed_s=index / 30, latency_ms=5.0)
    assert "objects" not in other.text()
