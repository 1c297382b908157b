"""One frame's picture with heat in place of class colours, drawn into a canvas."""

from typing import Any

import numpy as np

from losszero_rt.classmap import ClassMap
from losszero_rt.frame import Planes, VideoInfo
from losszero_rt.objects import Objects
from losszero_rt.overlay import HeatBlender, HeatLegend, Hud
from losszero_rt.pipeline.stream_config import StreamConfig


class HeatPainter:
    """Draws the activation map of one class, and what the viewer should know, into a canvas.

    Class colours and heat would hide one another, so it takes the place of
    :class:`~losszero_rt.pipeline.painter.Painter` and is called like it.

    Args:
        config: Names the class, and says which of the parts are wanted, and how.
        classmap: The classes.
        info: The source: its size and colour.
        chroma_444: Whether the planes are 4:4:4 (stills) and not 4:2:0.

    Attributes:
        output_size: (height, width) of the canvas.
    """

    def __init__(
        self, config: StreamConfig, *, classmap: ClassMap, info: VideoInfo, chroma_444: bool
    ) -> None:
        assert config.view != "mask", "the configuration refuses that"
        tone: dict[str, Any] = {
            "matrix": info.matrix,
            "full_range": info.full_range,
            "chroma": "444" if chroma_444 else "420",
        }
        self._heat = HeatBlender(size=info.size, alpha=config.alpha, view=config.view, **tone)
        self.output_size = self._heat.output_size
        self._legend = None
        if config.legend:
            self._legend = HeatLegend(
                classmap.names[classmap.id_of(config.cam)],
                size=self.output_size,
                # Side by side, the left half is the picture as it came.
                corner="top-right" if config.view == "side" else "top-left",
                **tone,
            )
        self._hud = Hud(self.output_size, **tone) if config.hud else None

    def paint(
        self,
        planes: Planes,
        *,
        labels_HW: np.ndarray,
        shares: np.ndarray,
        objects: Objects | None,
        canvas: Planes,
        line: str,
        cam_hw: np.ndarray | None = None,
    ) -> None:
        """Draw one frame.

        Args:
            planes: The decoded picture.
            labels_HW: Not drawn.
            shares: Not drawn.
            objects: Not drawn: networks with objects have no maps.
            canvas: Planes to fill, of :attr:`output_size`.
            line: Figures to show.
            cam_hw: Class activation map that covers the whole picture, float32, any size.
        """
        assert cam_hw is not None, "the engine was asked to watch a class"
        self._heat.draw(planes, cam=cam_hw, canvas=canvas)
        if self._legend is not None:
            self._legend.draw(canvas)
        if self._hud is not None:
            self._hud.draw(canvas, line=line)
