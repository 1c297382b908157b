"""One frame's picture: colours, legend and the line of figures, drawn into a canvas."""

from collections import deque
from typing import Any, Literal

import numpy as np

from losszero_rt.classmap import ClassMap
from losszero_rt.frame import Planes, VideoInfo
from losszero_rt.ledger import Ledger
from losszero_rt.objects import Objects
from losszero_rt.overlay import Blender, Hud, Legend, ObjectOutlines
from losszero_rt.pipeline.detections import object_counts
from losszero_rt.pipeline.stream_config import StreamConfig
from losszero_rt.timings import Percentiles, now_s

HUD_PERIOD_S = 0.5


class Painter:
    """Draws the labels of a frame, and what the viewer should know, into a canvas.

    Args:
        config: Which of the parts are wanted, and how.
        classmap: Classes in the colours to use.
        info: The source: its size and colour.
        chroma_444: Whether the planes are 4:4:4 (stills) and not 4:2:0.
        objects: Whether objects come beside the labels.
    """

    def __init__(
        self,
        config: StreamConfig,
        *,
        classmap: ClassMap,
        info: VideoInfo,
        chroma_444: bool,
        objects: bool = False,
    ) -> None:
        assert config.view != "cam", "that is HeatPainter's"
        shown = classmap.ids_of(config.classes) if config.classes else None
        tone: dict[str, Any] = {
            "matrix": info.matrix,
            "full_range": info.full_range,
            "chroma": "444" if chroma_444 else "420",
        }
        self._blender = Blender(
            classmap=classmap,
            size=info.size,
            alpha=config.alpha,
            classes=shown,
            view=config.view,
            **tone,
        )
        size = self._blender.output_size
        # Side by side, the left half is the picture as it came.
        corner: Literal["top-left", "top-right"] = (
            "top-right" if config.view == "side" else "top-left"
        )
        self._legend = (
            Legend(classmap, size=size, classes=shown, corner=corner, counts=objects, **tone)
            if config.legend
            else None
        )
        self._hud = Hud(size, **tone) if config.hud else None
        self._objects = None
        if objects:
            # Side by side, objects are drawn on the right; names keep clear of what covers it.
            left = size[1] - info.size[1]
            covered = [part.area for part in (self._legend, self._hud) if part is not None]
            keep_free = [(top, x0 - left, bottom, x1 - left) for top, x0, bottom, x1 in covered]
            self._objects = ObjectOutlines(
                classmap, size=info.size, classes=shown, keep_free=keep_free, **tone
            )

    @property
    def output_size(self) -> tuple[int, int]:
        """(height, width) of the canvas."""
        return self._blender.output_size

    def paint(
        self,
        planes: Planes,
        *,
        labels_HW: np.ndarray,
        shares: np.ndarray,
        objects: Objects | None = None,
        canvas: Planes,
        line: str,
        cam_hw: np.ndarray | None = None,
    ) -> None:
        """Draw one frame.

        Args:
            planes: The decoded picture.
            labels_HW: Class ids that cover the whole picture, uint8, any size.
            shares: Share of the picture by class, float (C,).
            objects: Objects with boxes in pixels of the picture; None from networks that know
                none.
            canvas: Planes to fill, of :attr:`output_size`.
            line: Figures to show.
            cam_hw: Not drawn: see :class:`~losszero_rt.pipeline.heat_painter.HeatPainter`.
        """
        self._blender.draw(planes, labels=labels_HW, canvas=canvas)
        if self._objects is not None and objects is not None:
            self._objects.draw(canvas, objects=objects)
        if self._legend is not None:
            counts = None
            if objects is not None:
                counts = object_counts(objects, num_classes=len(shares))
            self._legend.draw(canvas, shares=shares, counts=counts)
        if self._hud is not None:
            self._hud.draw(canvas, line=line)


class LiveLine:
    """The line of figures: rate and latency over the last frames, losses, score of the model.

    Args:
        suffix: Constant end of the line (model's score, engine, precision).
        ledger: Where losses are read from.
    """

    def __init__(self, *, suffix: str, ledger: Ledger) -> None:
        self._suffix = suffix
        self._ledger = ledger
        self._handed_s: deque[float] = deque(maxlen=60)
        self._latency_ms: deque[float] = deque(maxlen=60)
        self._text = suffix
        self._written_s = 0.0

    def note(self, *, handed_s: float, latency_ms: float) -> None:
        """Take in one frame that was handed on."""
        self._handed_s.append(handed_s)
        self._latency_ms.append(latency_ms)

    def text(self, *, num_objects: int | None = None) -> str:
        """Return the line, renewed at most twice a second so that it can be read.

        Args:
            num_objects: Objects in the picture; None from networks that know none.
        """
        now = now_s()
        if now - self._written_s >= HUD_PERIOD_S and len(self._handed_s) > 1:
            self._written_s = now
            span_s = self._handed_s[-1] - self._handed_s[0]
            fps = (len(self._handed_s) - 1) / span_s if span_s > 0 else 0.0
            p95 = Percentiles.of(self._latency_ms).p95
            found = "" if num_objects is None else f"objects {num_objects}  "
            figures = self._figures(fps=fps, p95_ms=p95, num_lost=self._ledger.num_lost)
            self._text = f"{figures}  {found}{self._suffix}"
        return self._text

    def _figures(self, *, fps: float, p95_ms: float, num_lost: int) -> str:
        return f"{fps:.1f} FPS  p95 {p95_ms:.0f} ms  lost {num_lost}"
