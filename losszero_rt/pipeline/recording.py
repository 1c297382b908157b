"""The recording of a live run: one video, or one after the other of a given length.

    NAME.mp4                          without segments
    NAME-000.mp4, NAME-001.mp4, ...   with them

Every file starts at zero with its first frame, and keeps the times between its frames: where the
signal was lost it has a gap. Where no file of its kind can hold a gap (mp4 and mov: more than six
hours and a half) the next one begins behind it, as NAME-001.mp4 even without segments. A segment is
finished and read back on a thread of its own, while the next one is being written.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from losszero_rt.errors import LossZeroError, OutputError
from losszero_rt.frame import Cargo, Frame, Planes, VideoInfo
from losszero_rt.pipeline.lane import Background
from losszero_rt.pipeline.segments import remove_segments, segment_path
from losszero_rt.video import (
    EncodeOptions,
    OutputLock,
    SinkReport,
    VideoSink,
)
from losszero_rt.video.muxing import longest_step
from losszero_rt.video.output_path import format_of, part_of

# A segment of hours is read back at the speed of the disk.
FINISH_TIMEOUT_S = 600.0


@dataclass(frozen=True, kw_only=True)
class Segment:
    """One finished file of a recording.

    Attributes:
        report: What was written.
        start_s: Where it starts in the time of the source, seconds.
    """

    report: SinkReport
    start_s: float

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for a report."""
        return {
            "path": str(self.report.path),
            "frames": self.report.frames,
            "duration_s": self.report.duration_s,
            "start_s": round(self.start_s, 6),
            "codec": self.report.codec,
        }


class _Ending:
    """A file that is being finished on a thread of its own."""

    def __init__(self, sink: VideoSink, *, start_s: float) -> None:
        self._sink = sink
        self._start_s = start_s
        self.segment: Segment | None = None
        self.error: LossZeroError | None = None
        self._work = Background(self._finish, name="segment")

    def wait(self) -> None:
        if not self._work.join(FINISH_TIMEOUT_S):
            self.error = OutputError("a segment could not be finished in ten minutes")

    @property
    def ended(self) -> bool:
        return not self._work.is_running

    @property
    def num_bytes(self) -> int:
        return self._sink.num_bytes

    def _finish(self) -> None:
        try:
            self.segment = Segment(report=self._sink.close(), start_s=self._start_s)
        except LossZeroError as error:
            self.error = error


class Recording:
    """Takes painted frames into one file, or into segments; a sink like any other.

    Args:
        path: The file, or what the segments are named after.
        info: Facts of the source.
        size: (height, width) of the pictures.
        options: How to encode.
        segment_s: Length of a segment in the time of the source, seconds; None for one file.
        force: Whether existing files may be replaced.

    Attributes:
        codec: Encoder in use.
        notes: Lines a person should see; new ones are added at the end.
        finished: The files that are finished and were read back.
        failures: Errors of segments that could not be finished while others went on.

    Raises:
        UsageError: The suffix is unknown, or the named encoder does not go with it.
        OutputError: The file must not or cannot be written, or no encoder opens.
    """

    def __init__(
        self,
        path: Path,
        *,
        info: VideoInfo,
        size: tuple[int, int],
        options: EncodeOptions,
        segment_s: float | None = None,
        force: bool = False,
    ) -> None:
        self._path, self._force = path, force
        # Times are counted from a file's own first frame on.
        self._info = replace(info, start_pts=0)
        self._size, self._options = size, options
        self._segment_s = segment_s
        self.finished: list[Segment] = []
        self.failures: list[LossZeroError] = []
        self._endings: list[_Ending] = []
        self._number = 0
        self._finished_bytes = 0
        self._longest_step = longest_step(format_of(path))
        self._origin_pts: int | None = None
        self._last_pts = 0
        self.notes: tuple[str, ...] = ()
        # A single file is locked by its sink. Of segments none is written all the time.
        self._lock = OutputLock(path) if segment_s is not None else None
        self._sink: VideoSink | None = None
        try:
            self._sink = self._open()
            if segment_s is not None and force:
                self.notes += remove_segments(path)
        except BaseException:
            self.abort()
            raise
        self.codec = self._sink.codec

    @property
    def num_bytes(self) -> int:
        """Bytes of pictures in all of its files; what encoders hold back is not among them."""
        under_way = [ending.num_bytes for ending in self._endings]
        current = 0 if self._sink is None else self._sink.num_bytes
        return self._finished_bytes + sum(under_way) + current

    def canvas(self) -> Planes:
        """Return planes to paint into, valid until :meth:`write`."""
        assert self._sink is not None, "no frame comes after a failure"
        return self._sink.canvas()

    def write(self, canvas: Planes, *, frame: Frame) -> None:
        """Encode one painted frame, in a new file when its segment is over.

        Raises:
            OutputError: The file cannot be written on; call :meth:`abort`.
        """
        if self._is_over(frame):
            canvas = self._go_on(canvas)
        if self._origin_pts is None:
            self._origin_pts = frame.pts
        self._last_pts = frame.pts
        assert self._sink is not None, "its canvas was painted"
        self._sink.write(canvas, frame=replace(frame, pts=frame.pts - self._origin_pts))
        self._collect(wait=False)

    def copy(self, cargo: Cargo) -> None:
        """Leave a packet out: live sources are recorded without sound."""

    def close(self) -> None:
        """Finish the last file and wait for those before it.

        Raises:
            OutputError: The last one cannot be finished, or does not hold what was written.
        """
        if self._origin_pts is None:
            self.abort()
            return
        self._end_segment()
        last = self._endings[-1]
        self._collect(wait=True)
        self._let_go()
        if last.error is not None:
            self.failures.remove(last.error)
            raise last.error

    def abort(self) -> None:
        """Stop after an error: what was written stays, playable; finished files stay finished."""
        if self._sink is not None:
            self._sink.abort()
        self._collect(wait=True)
        self._let_go()

    def _let_go(self) -> None:
        if self._lock is not None:
            self._lock.release()

    def _is_over(self, frame: Frame) -> bool:
        if self._origin_pts is None:
            return False
        if self._longest_step is not None and frame.pts - self._last_pts > self._longest_step:
            return True
        length_s = (frame.pts - self._origin_pts) * frame.time_base
        return self._segment_s is not None and length_s >= self._segment_s

    def _go_on(self, canvas: Planes) -> Planes:
        """Begin the next file; return its canvas with the picture that was painted for it."""
        self._end_segment()
        self._number += 1
        self._sink = self._open()
        fresh = self._sink.canvas()
        np.copyto(fresh.y, canvas.y)
        np.copyto(fresh.u, canvas.u)
        np.copyto(fresh.v, canvas.v)
        return fresh

    def _end_segment(self) -> None:
        assert self._sink is not None, "a file is open"
        assert self._origin_pts is not None, "it has frames"
        start_s = float(self._origin_pts * self._info.time_base)
        self._endings.append(_Ending(self._sink, start_s=start_s))
        self._sink, self._origin_pts = None, None

    def _collect(self, *, wait: bool) -> None:
        """Take in what became of files that were being finished, in their order."""
        while self._endings and (wait or self._endings[0].ended):
            ending = self._endings.pop(0)
            ending.wait()
            if ending.segment is not None:
                self.finished.append(ending.segment)
                self._finished_bytes += ending.segment.report.num_bytes
            if ending.error is not None:
                self.failures.append(ending.error)

    def _open(self) -> VideoSink:
        sink = VideoSink(
            self._next_path(),
            info=self._info,
            size=self._size,
            options=self._options,
            force=self._force,
            # Whoever restarts a recording that broke off wants both.
            put_aside=True,
        )
        self.notes += tuple(line for line in sink.notes if line not in self.notes)
        return sink

    def _next_path(self) -> Path:
        path = segment_path(self._path, number=self._number)
        if self._segment_s is not None:
            return path
        if self._number == 0:
            return self._path
        while path.exists() or part_of(path).exists():  # nobody said that it may be replaced
            self._number += 1
            path = segment_path(self._path, number=self._number)
        self.notes += (f"{self._path.name} cannot hold so long a gap: {path.name} goes on",)
        return path
