"""Where a labelled frame goes besides the video: mask files and scores here, JSON lines too.

Every outlet has the same four methods. A failing outlet is closed and reported, the others go on.
"""

from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from losszero_rt.classmap import ClassMap
from losszero_rt.errors import InputError, OutputError
from losszero_rt.frame import Frame, LostFrame
from losszero_rt.metrics import BoundaryKeeper, ScoreKeeper
from losszero_rt.objects import Objects
from losszero_rt.overlay import labels_at
from losszero_rt.timings import Stage
from losszero_rt.video import write_output

StageTimes = dict[Stage, float]


class Outlet(Protocol):
    """Takes labelled frames, one after the other.

    Attributes:
        name: What a person calls it.
        saves: Whether it leaves something behind; the others count and measure.
    """

    name: str
    saves: bool

    def take(
        self,
        frame: Frame,
        *,
        labels_HW: np.ndarray,
        shares: np.ndarray,
        stage_ms: StageTimes,
        objects: Objects | None,
    ) -> None:
        """Use one shown frame."""
        ...

    def lose(self, lost: LostFrame) -> None:
        """Hear of one frame that will not be shown."""
        ...

    def close(self) -> None:
        """Finish the source at hand."""
        ...


def file_stem(frame_index: int, *, still: str | None) -> str:
    """Return the name of a frame's files: a still's own stem, else the index in six digits."""
    return still if still is not None else f"{frame_index:06d}"


class MaskWriter:
    """Writes 8-bit PNG files of class ids at the frame's size.

    Args:
        folder: Folder in an existing one.
        size: (height, width) of the upright picture without padding.
        still: Stem of the file name when the source is a still.
    """

    name = "masks"
    saves = True

    def __init__(self, folder: Path, *, size: tuple[int, int], still: str | None) -> None:
        self._folder = folder
        self._size = size
        self._still = still
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make {folder}: {error.strerror}") from error

    def take(
        self,
        frame: Frame,
        *,
        labels_HW: np.ndarray,
        shares: np.ndarray,
        stage_ms: StageTimes,
        objects: Objects | None,
    ) -> None:
        """Write one mask file: whole under its name, or not at all."""
        path = self._folder / f"{file_stem(frame.index, still=self._still)}.png"
        full_HW = labels_at(labels_HW, size=frame.planes.size)
        ok, png = cv2.imencode(".png", without_padding(full_HW, size=self._size))
        assert ok, "OpenCV encodes every uint8 picture"
        write_output(path, png.tobytes())

    def lose(self, lost: LostFrame) -> None:
        """Leave a lost frame without a mask."""

    def close(self) -> None:
        """Nothing is held open."""


def without_padding(map_HW: np.ndarray, *, size: tuple[int, int]) -> np.ndarray:
    """Cut the row and column off that an odd picture was given to make its size even."""
    return map_HW[: size[0], : size[1]]


class Accuracy:
    """Scores labels against truth over all sources of a run.

    Args:
        classmap: The classes.
    """

    def __init__(self, classmap: ClassMap) -> None:
        self._regions = ScoreKeeper(classmap)
        self._boundaries = BoundaryKeeper(classmap)

    def add(self, labels_HW: np.ndarray, *, truth: np.ndarray) -> None:
        """Score one frame; its labels are brought to the size of the truth first."""
        labels_HW = labels_at(labels_HW, size=(truth.shape[0], truth.shape[1]))
        self._regions.add(labels_HW, truth=truth)
        self._boundaries.add(labels_HW, truth=truth)

    def as_dict(self) -> dict[str, Any] | None:
        """Return the scores with their n and intervals; None when nothing was scored."""
        if not len(self._regions):
            return None
        boundary = self._boundaries.scores().as_dict()
        return {**self._regions.scores().as_dict(), "boundary": boundary}


class Scorer:
    """Compares the labels of this very run with label files.

    Args:
        folder: Folder of 8-bit id PNG files named as :class:`MaskWriter` names them.
        accuracy: Collects the scores over all sources.
        size: (height, width) of the upright picture without padding.
        still: Stem of the file name when the source is a still.
    """

    name = "labels"
    saves = False

    def __init__(
        self, folder: Path, *, accuracy: Accuracy, size: tuple[int, int], still: str | None
    ) -> None:
        self._folder = folder
        self._accuracy = accuracy
        self._size = size
        self._still = still

    def take(
        self,
        frame: Frame,
        *,
        labels_HW: np.ndarray,
        shares: np.ndarray,
        stage_ms: StageTimes,
        objects: Objects | None,
    ) -> None:
        """Score one frame if it has a label file."""
        path = self._folder / f"{file_stem(frame.index, still=self._still)}.png"
        if not path.is_file():
            return
        if frame.planes.size != self._size:
            full_HW = labels_at(labels_HW, size=frame.planes.size)
            labels_HW = without_padding(full_HW, size=self._size)
        try:
            self._accuracy.add(labels_HW, truth=read_label_file(path))
        except ValueError as error:
            raise InputError(f"{path}: {error}") from error

    def lose(self, lost: LostFrame) -> None:
        """Leave a lost frame out of the scores."""

    def close(self) -> None:
        """Nothing is held open."""


def read_label_file(path: Path) -> np.ndarray:
    """Read an 8-bit single-channel PNG of class ids, uint8 (H, W)."""
    labels_HW = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if labels_HW is None or labels_HW.dtype != np.uint8 or labels_HW.ndim != 2:
        raise InputError(
            f"{path} is no label file",
            accepted="8-bit single-channel PNG files of class ids, 255 ignored",
        )
    return labels_HW
