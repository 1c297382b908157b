"""The overlay: class colours laid on the YUV planes of a frame.

Colours and weights are looked up at label size, premultiplied, smoothed there, and enlarged
bilinearly to plane size. So class borders are smooth at full size, and the full-size work is two
enlargements, one multiplication and one addition a plane, inside the rectangle that has labels.
A rim along the borders, in a stronger tint of each class's own colour, keeps the picture crisp;
it is part of the lookup and so free at full size.

Shape letters: H, W height and width.
"""

from collections.abc import Sequence
from typing import Literal, get_args

import cv2
import numpy as np

from losszero_rt.classmap import ClassMap
from losszero_rt.errors import UsageError
from losszero_rt.frame import Matrix, Planes
from losszero_rt.overlay.tint import RIM, Tinter
from losszero_rt.overlay.tones import Chroma, YuvKind, lay, to_tones
from losszero_rt.overlay.window import copy_outside, grid_step, occupied

View = Literal["overlay", "mask", "side"]
VIEWS: tuple[View, ...] = get_args(View)

_RIM_GAIN = 5 / 3  # weight of a rim over the weight of its area
_MAX_ENLARGEMENT = 4.0  # above so many samples a label corners show, and labels are refined first
_MARGIN = 2  # labels that smoothing and enlarging reach beyond a border


class Blender:
    """Lays class colours on frames of one size. Not for two threads at once: it keeps buffers.

    Args:
        classmap: Names and colours, at most 126 classes.
        size: (height, width) of the frames.
        alpha: Weight of the colours, 0..1.
        classes: Ids shown; None shows all but the background.
        view: ``overlay``, ``mask`` (colours alone, on black) or ``side`` (the frame as it came on
            the left, the overlay on the right, each at full size).
        matrix: YUV matrix of the frames.
        full_range: Whether the frames' values span 0..255.
        chroma: Layout of the frames and of the canvas.

    Attributes:
        output_size: (height, width) of the canvas: twice as wide as the frame for ``side``.

    Raises:
        UsageError: If alpha, view or classes are not among what is accepted.
    """

    def __init__(
        self,
        *,
        classmap: ClassMap,
        size: tuple[int, int],
        alpha: float = 0.45,
        classes: Sequence[int] | None = None,
        view: View = "overlay",
        matrix: Matrix = "bt601",
        full_range: bool = False,
        chroma: Chroma = "420",
    ) -> None:
        _check_choices(classmap, alpha=alpha, view=view)
        self._view = view
        self.output_size = (size[0], size[1] * 2 if view == "side" else size[1])
        kind = YuvKind(matrix=matrix, full_range=full_range, chroma=chroma)
        self._sizes = (size, kind.chroma_size(size))
        self._canvas_sizes = (self.output_size, kind.chroma_size(self.output_size))
        shown = shown_classes(classmap, classes=classes)
        self._ids = _drawn_ids(classmap, shown)
        # With the usual choice every class is drawn under its own id, and needs no lookup.
        self._renumber = shown != tuple(range(1, classmap.num_classes))
        colours, weights = _palette(classmap, shown, alpha=alpha, ids=self._ids)
        if view == "mask":
            weights[:] = 1.0
        self._table = to_tones(colours, weights=weights, kind=kind)
        self._keep, self._colour = np.empty(size, np.uint8), np.empty(size, np.uint8)
        self._labels_size = (0, 0)  # prepared for when the first labels come

    def _fit(self, labels_size: tuple[int, int]) -> None:
        """Prepare for labels of another size; the size rarely changes within a stream."""
        height, width = labels_size
        luma, chroma = self._sizes
        factor = 1
        while max(luma[0] / height, luma[1] / width) / factor > _MAX_ENLARGEMENT:
            factor *= 2
        self._labels_size = labels_size
        self._steps = (
            grid_step(height, lengths=(luma[0], chroma[0])),
            grid_step(width, lengths=(luma[1], chroma[1])),
        )
        self._renumbered = np.empty(labels_size, np.uint8)
        self._tinter = Tinter(
            self._table,
            labels_size=labels_size,
            factor=factor,
            ids=sorted({0, *self._ids.tolist()}),
            rims=self._view != "mask",
        )

    def draw(self, planes: Planes, *, labels: np.ndarray, canvas: Planes) -> None:
        """Draw one frame. What has no class that is shown stays as it is, to the bit.

        Args:
            planes: The frame.
            labels: uint8 (H, W) class ids at any size; they cover the whole picture.
            canvas: Planes of ``output_size`` to write; rows may be strided. For ``overlay`` it
                may be ``planes`` itself.

        Raises:
            UsageError: If planes or canvas are not of the promised size.
        """
        sources: Sequence[np.ndarray] = (planes.y, planes.u, planes.v)
        targets: Sequence[np.ndarray] = (canvas.y, canvas.u, canvas.v)
        check_sizes("frame", planes, sizes=self._sizes)
        check_sizes("canvas", canvas, sizes=self._canvas_sizes)
        if labels.shape != self._labels_size:
            self._fit((labels.shape[0], labels.shape[1]))
        if self._renumber:
            labels = cv2.LUT(labels, self._ids, dst=self._renumbered)
        if self._view == "mask":
            self._draw_mask(labels, targets)
            return
        if self._view == "side":
            targets = start_side(sources, targets)
        self._draw_overlay(sources, labels, targets)

    def _draw_mask(self, labels_HW: np.ndarray, targets: Sequence[np.ndarray]) -> None:
        tones = self._tinter.tint(labels_HW)
        for colour, target in zip((tones.y, tones.u, tones.v), targets, strict=True):
            enlarge(colour, out=target)

    def _draw_overlay(
        self,
        sources: Sequence[np.ndarray],
        labels_HW: np.ndarray,
        targets: Sequence[np.ndarray],
    ) -> None:
        window = occupied(labels_HW, steps=self._steps, margin=_MARGIN)
        for source, target in zip(sources, targets, strict=True):
            copy_outside(window.on(source.shape), source=source, out=target)
        if window.empty:
            return
        tones = self._tinter.tint(labels_HW[window.on(labels_HW.shape)])
        for i, colour in enumerate((tones.y, tones.u, tones.v)):
            box = window.on(sources[i].shape)
            inside = sources[i][box]
            corner = tuple(map(slice, inside.shape))
            keep, wide = self._keep[corner], self._colour[corner]
            if i < 2:  # the two chroma planes share their weights
                enlarge(tones.keep, out=keep)
            enlarge(colour, out=wide)
            lay(keep, wide, source=inside, out=targets[i][box])


def shown_classes(classmap: ClassMap, *, classes: Sequence[int] | None) -> tuple[int, ...]:
    """Return the sorted ids to show: those asked for, or all but the background for None.

    Raises:
        UsageError: If an id is not in the class map.
    """
    if classes is None:
        return tuple(i for i in range(classmap.num_classes) if i != classmap.background_id)
    strangers = [i for i in classes if not 0 <= i < classmap.num_classes]
    if strangers:
        raise UsageError(
            f"class ids {', '.join(map(str, strangers))} to show",
            accepted=f"0..{classmap.num_classes - 1} ({', '.join(classmap.names)})",
        )
    return tuple(sorted(set(classes)))


def _drawn_ids(classmap: ClassMap, shown: Sequence[int]) -> np.ndarray:
    """Table from class id to id as drawn, uint8 (256,): 0 for all that is not shown."""
    ids = np.zeros(256, np.uint8)
    for class_id in shown:
        ids[class_id] = class_id or classmap.num_classes
    return ids


def _palette(
    classmap: ClassMap, shown: Sequence[int], *, alpha: float, ids: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """RGB colours (256, 3) and weights (256,) by drawn id, those of rims from ``RIM`` on."""
    colours, weights = np.zeros((256, 3)), np.zeros(256)
    for class_id in shown:
        area = int(ids[class_id])
        colours[[area, area + RIM]] = classmap.colours[class_id]
        weights[[area, area + RIM]] = alpha, min(1.0, alpha * _RIM_GAIN)
    return colours, weights


def start_side(
    sources: Sequence[np.ndarray], targets: Sequence[np.ndarray]
) -> tuple[np.ndarray, ...]:
    """Copy the frame to the left half; return the right half of each plane."""
    for source, target in zip(sources, targets, strict=True):
        target[:, : source.shape[1]] = source
    return tuple(t[:, s.shape[1] :] for s, t in zip(sources, targets, strict=True))


def enlarge(small: np.ndarray, *, out: np.ndarray) -> None:
    """Resize to the shape of ``out``; area means only where labels are much finer."""
    shrinks = small.shape[0] > 3 * out.shape[0] or small.shape[1] > 3 * out.shape[1]
    way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    cv2.resize(small, (out.shape[1], out.shape[0]), dst=out, interpolation=way)


def _check_choices(classmap: ClassMap, *, alpha: float, view: str) -> None:
    if not 0 <= alpha <= 1:
        raise UsageError(f"alpha {alpha}", accepted="0 (no colour) to 1 (colour alone)")
    if view not in VIEWS:
        raise UsageError(f"view {view!r}", accepted=", ".join(VIEWS))
    if classmap.num_classes > RIM - 2:
        raise UsageError(f"{classmap.num_classes} classes", accepted=f"at most {RIM - 2}")


def check_sizes(what: str, planes: Planes, *, sizes: tuple[tuple[int, int], ...]) -> None:
    """Raise UsageError unless luma and chroma planes have these two sizes (height, width)."""
    if (planes.y.shape, planes.u.shape) != sizes:
        raise UsageError(
            f"{what} {planes!r}",
            accepted=f"luma {sizes[0]} and chroma {sizes[1]} (height, width)",
        )
