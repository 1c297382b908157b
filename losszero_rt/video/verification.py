"""Proof that a finished file holds what was written into it."""

from array import array
from fractions import Fraction
from pathlib import Path

from losszero_rt.errors import InputError, OutputError
from losszero_rt.video.probe import ProbeReport, probe

# Matroska counts milliseconds and has no negative times: everything may move by one constant,
# the priming of the audio.
_MAX_SHIFT_S = Fraction(1)


def verify(
    path: Path, *, pts: "array[int]", time_base: Fraction, exact: bool
) -> tuple[ProbeReport, Fraction]:
    """Compare a file with the times that were handed to its muxer.

    Args:
        path: The closed file.
        pts: Times in order of presentation, in units of ``time_base``.
        time_base: Seconds per unit.
        exact: Whether the container keeps times exactly; else to one of its own units, after
            one shift that all times share.

    Returns:
        What the file holds, and that shift in seconds.

    Raises:
        OutputError: It cannot be read, or holds other frames or times.
    """
    try:
        report = probe(path)
    except InputError as error:
        raise OutputError(f"the output cannot be read back: {error}") from error
    if report.frames != len(pts):
        raise OutputError(f"{path} holds {report.frames} frames, {len(pts)} were written")
    unit = report.time_base
    shift = Fraction(0)
    if not exact:
        shift = report.pts[0] * unit - pts[0] * time_base
        if not -unit <= shift <= _MAX_SHIFT_S:
            raise OutputError(f"{path} starts {float(shift):.3f} s off")
    tolerance = Fraction(0) if exact else unit
    for number, (written, found) in enumerate(zip(pts, report.pts, strict=True)):
        if abs(found * unit - written * time_base - shift) > tolerance:
            raise OutputError(
                f"{path}: frame {number} lies at {float(found * unit):.6f} s, "
                f"written at {float(written * time_base):.6f} s"
            )
    return report, shift
