"""Where the frames of a live run go: the recording, the window and the page, each its own picture.

The recording and the window show the configured picture, whatever viewers of the page ask for. A
picture is painted twice only when the page's differs, and only while somebody watches.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import numpy as np

from losszero_rt.frame import Cargo, Frame, Planes
from losszero_rt.livestate import LiveStatus, PictureChoice
from losszero_rt.objects import Objects
from losszero_rt.pipeline.flow import captured_at_s
from losszero_rt.pipeline.heat_painter import HeatPainter
from losszero_rt.pipeline.live_picture import ChosenPicture, HeatWatch
from losszero_rt.pipeline.live_window import Window
from losszero_rt.pipeline.painter import Painter
from losszero_rt.pipeline.recording import Recording


class LivePage(Protocol):
    """A page that shows a live run; :class:`losszero_rt.serve.Page` is one."""

    @property
    def url(self) -> str:
        """Address to open, with the token where one is needed."""
        ...

    @property
    def warnings(self) -> tuple[str, ...]:
        """Lines a person should see."""
        ...

    @property
    def num_viewers(self) -> int:
        """Viewers at this moment."""
        ...

    @property
    def wants_frame(self) -> bool:
        """Whether a picture would be used now."""
        ...

    @property
    def choice(self) -> PictureChoice:
        """The picture that viewers asked for."""
        ...

    def prefer(self, choice: PictureChoice) -> None:
        """Choose the picture to begin with."""
        ...

    def bind(self) -> None:
        """Take the port; raises OutputError where it is taken."""
        ...

    def run(self) -> None:
        """Serve until :meth:`stop`."""
        ...

    def stop(self) -> None:
        """End :meth:`run`; may be called from any thread."""
        ...

    def show(self, planes: Planes, *, index: int, captured_at_s: float) -> None:
        """Take a copy of a painted picture; the newest wins."""
        ...

    def publish(self, status: LiveStatus) -> None:
        """Take the newest figures."""
        ...


class LiveOutputs:
    """Paints frames and hands them to all who take them: painter and sink of the pipeline in one.

    Args:
        configured: The configured picture, in the words of viewers.
        painter: Paints the configured picture.
        chosen: Paints what viewers asked for.
        heat: Has the engine watch classes.
        spare: Canvas of the configured picture for when nothing is recorded.
        recording: Takes every configured picture.
        window: Takes the configured pictures.
        page: Takes the pictures that its viewers asked for.

    Attributes:
        on_shown: Called when a frame has gone to all of them.
    """

    def __init__(
        self,
        *,
        configured: PictureChoice,
        painter: Painter | HeatPainter,
        chosen: ChosenPicture,
        heat: HeatWatch,
        spare: Planes,
        recording: Recording | None,
        window: Window | None,
        page: LivePage | None,
    ) -> None:
        self._configured = configured
        self._painter, self._chosen, self._heat = painter, chosen, heat
        self._spare = spare
        self._recording, self._window, self._page = recording, window, page
        self.on_shown: Callable[[], None] | None = None
        self._paints_configured = recording is not None or window is not None
        self._for_page: Planes | None = None

    def choice(self) -> PictureChoice:
        """Return the picture that the page shows, which is not always all that was asked for."""
        if self._page is None:
            return self._configured
        asked = self._page.choice
        cam = None if asked.view == "mask" else self._heat.possible(asked.cam)
        view = "overlay" if asked.view == "cam" and cam is None else asked.view
        return replace(asked, view=view, cam=cam)

    def canvas(self) -> Planes:
        """Return planes for the configured picture, valid until :meth:`write`."""
        return self._spare if self._recording is None else self._recording.canvas()

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
        """Paint what is wanted of one frame; see :class:`~losszero_rt.pipeline.painter.Painter`."""

        def paint(painter: Painter | HeatPainter, into: Planes) -> None:
            painter.paint(
                planes,
                labels_HW=labels_HW,
                shares=shares,
                objects=objects,
                canvas=into,
                line=line,
                cam_hw=cam_hw,
            )

        if self._paints_configured:
            paint(self._painter, canvas)
        choice = self._wanted()
        if choice is None:
            self._for_page = None
        elif self._paints_configured and choice == self._configured:
            self._for_page = canvas
        else:
            painter, self._for_page = self._chosen.prepare(choice)
            paint(painter, self._for_page)

    def write(self, canvas: Planes, *, frame: Frame) -> None:
        """Hand a painted frame to all who take it, who wait least first.

        Raises:
            OutputError: The recording cannot be written on.
        """
        if self._page is not None and self._for_page is not None:
            at_s = captured_at_s(frame)
            self._page.show(self._for_page, index=frame.index, captured_at_s=at_s)
        if self._window is not None:
            self._window.show(canvas)
        if self._recording is not None:
            self._recording.write(canvas, frame=frame)
        if self.on_shown is not None:
            self.on_shown()

    def copy(self, cargo: Cargo) -> None:
        """Leave a packet out: live sources are shown and recorded without sound."""

    def _wanted(self) -> PictureChoice | None:
        """Return the picture to paint for the page; None for none."""
        choice = self.choice()
        # Asked of every frame, watched or not: the engine learns when maps are wanted no more.
        drawn = self._heat.drawn(choice.cam)
        if self._page is None or choice.paused or not self._page.wants_frame:
            return None
        if choice.cam is not None and drawn is None:
            return replace(choice, view="overlay", cam=None)
        return choice
