"""One JSON line a frame, and the report as the last one: into a file, or to standard output."""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from losszero_rt.classmap import ClassMap
from losszero_rt.errors import OutputError
from losszero_rt.frame import Frame, LostFrame
from losszero_rt.objects import Objects
from losszero_rt.pipeline.detections import frame_detections, object_lines
from losszero_rt.pipeline.outlets import StageTimes
from losszero_rt.video import OutputLock, part_of, put_part_aside
from losszero_rt.video.leftovers import drop_empty

_STANDARD_OUTPUT = ("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")


def is_standard_output(path: Path | None) -> bool:
    """Say whether a name, if there is one, means the standard output of this process."""
    return str(path) in _STANDARD_OUTPUT


class JsonLines:
    """Writes one JSON line a frame, and the report as the last line.

    The file is written under a ``.part`` name and gets its own when the report is in. No other
    process can write it meanwhile.

    Args:
        path: The file, or a name of the standard output.
        classmap: Names of the classes.
        put_aside: Give lines that an interrupted run left a name of their own; else they go.

    Attributes:
        notes: Lines a person should see.
        source: The source whose frames come.
        failure: Why the file could not be written on; it stays as it is. None while it can.
    """

    name = "json"
    saves = True

    def __init__(self, path: Path, *, classmap: ClassMap, put_aside: bool = False) -> None:
        self._path, self._part = path, part_of(path)
        self._names = classmap.names
        self.source = ""
        self.failure: OutputError | None = None
        self.notes: tuple[str, ...] = ()
        self._goes_out = is_standard_output(path)
        self._shown_name = "the standard output" if self._goes_out else str(path)
        self._lock = None if self._goes_out else OutputLock(path)
        try:
            self._file = self._open(put_aside=put_aside)
        except OSError as error:
            self._release()
            raise self._error(error) from error

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
        if self.failure is not None:
            return
        self._write({"report": report})
        try:
            self._file.close()
            if not self._goes_out:
                self._part.replace(self._path)
        except OSError as error:
            raise self._error(error) from error
        self._release()

    def abandon(self) -> None:
        """Close the file; what it holds stays under its ``.part`` name, nothing leaves nothing."""
        with suppress(OSError):
            self._file.close()
        if self._lock is not None:  # without it the file is another run's by now
            drop_empty(self._part)
        self._release()

    def _open(self, *, put_aside: bool) -> TextIO:
        """Open the file, or standard output by a number of its own, so that closing it is free."""
        if self._goes_out:
            return os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
        if put_aside and self._part.is_file() and self._part.stat().st_size:
            kept = put_part_aside(self._path)
            self.notes = (f"{self._part} of an interrupted run is kept as {kept}",)
        return self._part.open("w", buffering=1, encoding="utf-8")

    def _release(self) -> None:
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.release()

    def _error(self, error: OSError) -> OutputError:
        return OutputError(f"cannot write {self._shown_name}: {error.strerror}")

    def _write(self, line: dict[str, Any]) -> None:
        if self.failure is not None:
            raise self.failure
        try:
            self._file.write(json.dumps(line, allow_nan=False) + "\n")
        except OSError as error:
            self.failure = self._error(error)
            with suppress(OSError):
                self._file.close()
            raise self.failure from error
