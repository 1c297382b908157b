"""What the pipeline asks of those who paint its frames and of those who take them."""

from typing import Protocol

import numpy as np

from losszero_rt.frame import Cargo, Frame, Planes
from losszero_rt.objects import Objects


class PicturePainter(Protocol):
    """Draws one frame; :class:`losszero_rt.pipeline.painter.Painter` is one."""

    def paint(
        self,
        planes: Planes,
        *,
        labels_HW: np.ndarray,
        shares: np.ndarray,
        objects: Objects | None,
        canvas: Planes,
        line: str,
        cam_hw: np.ndarray | None,
    ) -> None:
        """Draw the planes of a frame, with what is known of it, into a canvas."""
        ...


class Sink(Protocol):
    """Where painted frames go; :class:`losszero_rt.video.VideoSink` is one."""

    def canvas(self) -> Planes:
        """Return planes to paint into, valid until :meth:`write`."""
        ...

    def write(self, canvas: Planes, *, frame: Frame) -> None:
        """Encode one painted frame with the frame's own time."""
        ...

    def copy(self, cargo: Cargo) -> None:
        """Pass one packet on untouched."""
        ...
