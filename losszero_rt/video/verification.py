"""Proof that a finished file holds what was written into it."""

from array import array
from fractions import Fraction
from pathlib import Path

from losszero_rt.errors import InputError, OutputError
from losszero_rt.video.probe import ProbeReport, probe


class WrittenTimes:
    """The times that were handed to a muxer.

    Attributes:
        pts: Times in order of presentation, in the units of the source.
        last_duration: Units that the last frame lasts.
        durations_known: Whether the source said of every frame how long it lasts.
        latest_end: Where the frame that reaches furthest ends, in units. Sources may state longer
            times than there are until the next frame, so it need not be the last one.
    """

    def __init__(self) -> None:
        self.pts = array("q")
        self.last_duration = 0
        self.durations_known = True
        self.latest_end = 0

    def add(self, pts: int, *, duration: int) -> None:
        """Take note of the next frame; a duration of 0 is unknown."""
        self.pts.append(pts)
        self.last_duration = duration
        self.durations_known &= duration > 0
        self.latest_end = max(self.latest_end, pts + duration)


def verify(path: Path, *, written: WrittenTimes, time_base: Fraction, exact: bool) -> ProbeReport:
    """Compare a file with the times that were handed to its muxer.

    Args:
        path: The closed file.
        written: Those times.
        time_base: Seconds per unit of them.
        exact: Whether the container keeps times exactly; else to one of its own units.

    Returns:
        What the file holds.

    Raises:
        OutputError: It cannot be read, or holds other frames, times or another duration.
    """
    try:
        report = probe(path)
    except InputError as error:
        raise OutputError(f"the output cannot be read back: {error}") from error
    pts, unit = written.pts, report.time_base
    if report.frames != len(pts):
        raise OutputError(f"{path} holds {report.frames} frames, {len(pts)} were written")
    tolerance = Fraction(0) if exact else unit
    for number, (asked, found) in enumerate(zip(pts, report.pts, strict=True)):
        if abs(found * unit - asked * time_base) > tolerance:
            raise OutputError(
                f"{path}: frame {number} lies at {float(found * unit):.6f} s, "
                f"written at {float(asked * time_base):.6f} s"
            )
    _check_duration(path, report=report, written=written, time_base=time_base, exact=exact)
    return report


def _check_duration(
    path: Path, *, report: ProbeReport, written: WrittenTimes, time_base: Fraction, exact: bool
) -> None:
    """Compare the end of the video, where the source and the container state one.

    Raises:
        OutputError: The file lasts shorter or longer than what was written.
    """
    end_s = report.end_pts * report.time_base if exact else report.end_stated_s
    if end_s is None or not written.durations_known:
        return
    found_s = end_s - report.pts[0] * report.time_base
    first = written.pts[0]
    shortest_s = (written.pts[-1] + written.last_duration - first) * time_base
    longest_s = (written.latest_end - first) * time_base
    # Where times are rounded, start, end and duration each are, by half a unit.
    tolerance_s = report.time_base * (1 if exact else 2)
    if not shortest_s - tolerance_s <= found_s <= longest_s + tolerance_s:
        raise OutputError(
            f"{path} lasts {float(found_s):.6f} s, {float(shortest_s):.6f} s were written"
        )
