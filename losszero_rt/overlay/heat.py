"""The heat map: where a class activation map speaks, laid on the YUV planes of a frame.

A map is turned into 256 steps, enlarged with a cubic at a quarter of the frame or finer, looked
up in a colour scale there, and enlarged bilinearly to plane size: contours of the heat are smooth
at full size, and the full-size work is that of the class colours.

Shape letters: H, W height and width of a frame, h, w of a map.
"""

from collections.abc import Sequence
from typing import Literal, get_args

import cv2
import numpy as np

from losszero_rt.errors import UsageError
from losszero_rt.frame import Matrix, Planes
from losszero_rt.overlay.blend import check_sizes, enlarge, start_side
from losszero_rt.overlay.tones import Chroma, Tones, YuvKind, lay, to_tones

HeatView = Literal["overlay", "cam", "side"]
HEAT_VIEWS: tuple[HeatView, ...] = get_args(HeatView)

# The picture stays as it is below the first share of full heat; from the second on the colour
# has its whole weight. A map is seldom zero anywhere, and a haze over everything says nothing.
_HAZE, _SOLID = 0.12, 0.45
_GAIN = 5 / 3  # weight of full heat over that of a class's area: heat covers less of a picture
_MAX_ENLARGEMENT = 4.0
# Frames in which the scale halves once nothing speaks as loudly any more: two seconds at 30 a
# second. Twice as loud a frame, on the other hand, counts at once: nothing is ever cut off.
_HALF_LIFE = 60
# The scale never falls below this, in logits: a class that is absent stays dark instead of having
# its faintest trace drawn as full heat.
_LEAST_PEAK = 1.0


class HeatScale:
    """Turns maps into 256 steps, without flicker: the largest value of late is full heat.

    Attributes:
        peak: What counts as full heat now, in the unit of the maps.
    """

    def __init__(self) -> None:
        self.peak = _LEAST_PEAK

    def steps(self, cam_hw: np.ndarray) -> np.ndarray:
        """Return the map of the next frame, uint8 (h, w), 255 for full heat.

        Args:
            cam_hw: float32 (h, w), 0 and more; rows may be strided.
        """
        faded = self.peak * 0.5 ** (1 / _HALF_LIFE)
        self.peak = max(_LEAST_PEAK, faded, float(cam_hw.max(initial=0.0)))
        return cv2.convertScaleAbs(cam_hw, alpha=255 / self.peak)


def heat_colours() -> np.ndarray:
    """Return the colour scale as RGB, uint8 (256, 3), from cold to hot.

    Its lightness rises all the way, so it reads the same for every kind of colour vision and
    without colour; its cold end is black, which is what a picture at night fades into.
    """
    ramp = np.arange(256, dtype=np.uint8)[:, None]
    return np.ascontiguousarray(cv2.applyColorMap(ramp, cv2.COLORMAP_INFERNO)[:, 0, ::-1])


class HeatBlender:
    """Lays heat maps on frames of one size. Not for two threads at once: it keeps buffers.

    Args:
        size: (height, width) of the frames.
        alpha: Weight of the colours, 0..1, as for class colours; full heat gets more.
        view: ``overlay``, ``cam`` (the heat alone, on black) or ``side`` (the frame as it came on
            the left, the overlay on the right, each at full size).
        matrix: YUV matrix of the frames.
        full_range: Whether the frames' values span 0..255.
        chroma: Layout of the frames and of the canvas.

    Attributes:
        output_size: (height, width) of the canvas: twice as wide as the frame for ``side``.

    Raises:
        UsageError: If alpha or view are not among what is accepted.
    """

    def __init__(
        self,
        *,
        size: tuple[int, int],
        alpha: float = 0.45,
        view: HeatView = "overlay",
        matrix: Matrix = "bt601",
        full_range: bool = False,
        chroma: Chroma = "420",
    ) -> None:
        if not 0 <= alpha <= 1:
            raise UsageError(f"alpha {alpha}", accepted="0 (no colour) to 1 (colour alone)")
        if view not in HEAT_VIEWS:
            raise UsageError(f"view {view!r} of a heat map", accepted=", ".join(HEAT_VIEWS))
        self._view = view
        self.output_size = (size[0], size[1] * 2 if view == "side" else size[1])
        kind = YuvKind(matrix=matrix, full_range=full_range, chroma=chroma)
        self._sizes = (size, kind.chroma_size(size))
        self._canvas_sizes = (self.output_size, kind.chroma_size(self.output_size))
        weights = np.ones(256) if view == "cam" else _weights(min(1.0, alpha * _GAIN))
        self._table = to_tones(heat_colours(), weights=weights, kind=kind)
        self._keep, self._colour = np.empty(size, np.uint8), np.empty(size, np.uint8)
        self._cam_size = (0, 0)  # prepared for when the first map comes
        self._scale = HeatScale()

    def draw(self, planes: Planes, *, cam: np.ndarray, canvas: Planes) -> None:
        """Draw one frame. Where the class says nothing the picture stays as it is, to the bit.

        Args:
            planes: The frame.
            cam: float32 (h, w) map that covers the whole picture, 0 and more; rows may be strided.
            canvas: Planes of ``output_size`` to write; rows may be strided. For ``overlay`` it
                may be ``planes`` itself.

        Raises:
            UsageError: If planes or canvas are not of the promised size.
        """
        check_sizes("frame", planes, sizes=self._sizes)
        check_sizes("canvas", canvas, sizes=self._canvas_sizes)
        if cam.shape != self._cam_size:
            self._fit((cam.shape[0], cam.shape[1]))
        tones = self._look_up(self._scale.steps(cam))
        sources: Sequence[np.ndarray] = (planes.y, planes.u, planes.v)
        targets: Sequence[np.ndarray] = (canvas.y, canvas.u, canvas.v)
        colours = (tones.y, tones.u, tones.v)
        if self._view == "cam":
            for colour, target in zip(colours, targets, strict=True):
                enlarge(colour, out=target)
            return
        if self._view == "side":
            targets = start_side(sources, targets)
        for i, (colour, source, target) in enumerate(zip(colours, sources, targets, strict=True)):
            corner = tuple(map(slice, source.shape))
            keep, wide = self._keep[corner], self._colour[corner]
            if i < 2:  # the two chroma planes share their weights
                enlarge(tones.keep, out=keep)
            enlarge(colour, out=wide)
            lay(keep, wide, source=source, out=target)

    def _fit(self, cam_size: tuple[int, int]) -> None:
        """Prepare for maps of another size; the size rarely changes within a stream."""
        height, width = self._sizes[0]
        factor = 1
        while max(height / cam_size[0], width / cam_size[1]) / factor > _MAX_ENLARGEMENT:
            factor *= 2
        self._cam_size = cam_size
        fine = (cam_size[0] * factor, cam_size[1] * factor)
        self._fine = np.empty(fine, np.uint8)
        self._tones = Tones(*(np.empty(fine, np.uint8) for _ in self._table))

    def _look_up(self, steps_hw: np.ndarray) -> Tones:
        fine_wh = self._fine.shape[::-1]
        cv2.resize(steps_hw, fine_wh, dst=self._fine, interpolation=cv2.INTER_CUBIC)
        for lookup, tone in zip(self._table, self._tones, strict=True):
            cv2.LUT(self._fine, lookup, dst=tone)
        return self._tones


def _weights(full: float) -> np.ndarray:
    """Weight of each step, float64 (256,): none, a smooth rise, then ``full``."""
    rise = np.clip((np.arange(256) / 255 - _HAZE) / (_SOLID - _HAZE), 0, 1)
    smooth: np.ndarray = full * rise * rise * (3 - 2 * rise)
    return smooth
