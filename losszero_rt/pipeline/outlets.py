"""Where a labelled frame goes besides the video: mask files, JSON lines, scores.

Every outlet has the same four methods. A failing outlet is closed and reported, the others go on.
"""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, TextIO

import cv2
import numpy as np

from losszero_rt.classmap import ClassMap
from losszero_rt.errors import InputError, OutputError
from losszero_rt.frame import Frame, LostFrame
from losszero_rt.metrics import BoundaryKeeper, ScoreKeeper
from losszero_rt.objects import Objects
from losszero_rt.overlay import labels_at
from losszero_rt.pipeline.detections import frame_detections, object_lines
from losszero_rt.timings import Stage

StageTimes = dict[Stage, float]


class Outlet(Protocol):
    """Takes labelled frames, one after the other."""

    name: str

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
        """Write one mask file."""
        path = self._folder / f"{file_stem(frame.index, still=self._still)}.png"
        full_HW = labels_at(labels_HW, size=frame.planes.size)
        ok, png = cv2.imencode(".png", without_padding(full_HW, size=self._size))
        assert ok, "OpenCV encodes every uint8 picture"
        try:
            path.write_bytes(png.tobytes())
        except OSError as error:
            raise OutputError(f"cannot write {path}: {error.strerror}") from error

    def lose(self, lost: LostFrame) -> None:
        """Leave a lost frame without a mask."""

    def close(self) -> None:
        """Nothing is held open."""


def without_padding(map_HW: np.ndarray, *, size: tuple[int, int]) -> np.ndarray:
    """Cut the row and column off that an odd picture was given to make its size even."""
    return map_HW[: size[0], : size[1]]


class JsonLines:
    """Writes one JSON line a frame, and the report as the last line.

    The file is written under a ``.part`` name and gets its own when the report is in.

    Args:
        path: The file.
        classmap: Names of the classes.

    Attributes:
        source: The source whose frames come.
        failed: Whether the file could not be written on; it was said, and stays as it is.
    """

    name = "json"

    def __init__(self, path: Path, *, classmap: ClassMap) -> None:
        self._path = path
        self._part = path.with_name(path.name + ".part")
        self._names = classmap.names
        self.source = ""
        self.failed = False
        try:
            self._file: TextIO = self._part.open("w", buffering=1, encoding="utf-8")
        except OSError as error:
            raise OutputError(f"cannot write {path}: {error.strerror}") from error

    def take(
        self,
        frame: Frame,
        *,
        labels_HW: np.ndarray,
        shares: np.ndarray,
        stage_ms: StageTimes,
        objects: Objects | None,
    ) -> None:
        """Write the line of one shown frame."""
        line = {
            "source": self.source,
            "index": frame.index,
            "pts": frame.pts,
            "time": round(frame.time_s, 6),
            "fate": "shown",
            "suspect": frame.suspect,
            "shares": {n: round(float(s), 5) for n, s in zip(self._names, shares, strict=True)},
            "stage_ms": {stage: round(value, 3) for stage, value in stage_ms.items()},
        }
        if objects is not None:
            line["detections"] = frame_detections(objects, names=self._names)
            line["objects"] = object_lines(objects, names=self._names)
        self._write(line)

    def lose(self, lost: LostFrame) -> None:
        """Write the line of one lost frame."""
        line = {"source": self.source, "index": lost.index, "pts": lost.pts}
        self._write(line | {"fate": lost.fate, "reason": lost.reason})

    def close(self) -> None:
        """Leave the file open for the next source; every line is with the system already."""

    def finish(self, report: dict[str, Any]) -> None:
        """Write the report as the last line and name the file, unless a line is missing."""
        if self.failed:
            return
        self._write({"report": report})
        try:
            self._file.close()
            self._part.replace(self._path)
        except OSError as error:
            raise OutputError(f"cannot write {self._path}: {error.strerror}") from error

    def abandon(self) -> None:
        """Close the file; what it holds stays under its ``.part`` name, nothing leaves nothing."""
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            if not self._part.stat().st_size:
                self._part.unlink()

    def _write(self, line: dict[str, Any]) -> None:
        try:
            self._file.write(json.dumps(line, allow_nan=False) + "\n")
        except OSError as error:
            self.failed = True
            with suppress(OSError):
                self._file.close()
            raise OutputError(f"cannot write {self._path}: {error.strerror}") from error


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
