"""Frames of a submission whose values overflowed, told apart from those that are good.

Shape letters: n frames submitted, h, w height and width of the labels.
"""

import numpy as np

from losszero_rt.engine.protocol import Extras
from losszero_rt.errors import NotFiniteError


class FrameOverflowError(NotFiniteError):
    """Some frames of a submission overflowed; the labels of the others are good.

    Args:
        what: What overflows.
        precision: What executes.
        rows: Positions in the submission of the frames that did.
        labels_nhw: uint8 (n, h, w); in ``rows`` they mean nothing.

    Attributes:
        rows: See above.
        labels_nhw: See above.
    """

    def __init__(
        self, what: str, *, precision: str, rows: frozenset[int], labels_nhw: np.ndarray
    ) -> None:
        super().__init__(what, precision=precision)
        self.rows, self.labels_nhw = rows, labels_nhw


def overflow_in(
    labels_nhw: np.ndarray, *, finite_n: np.ndarray, what: str, precision: str
) -> FrameOverflowError | None:
    """Return the error of a submission; None if nothing overflowed.

    Args:
        labels_nhw: uint8 (n, h, w).
        finite_n: bool (n,): whether the values that they are made of are finite.
        what: What executes.
        precision: In which arithmetic.
    """
    rows = frozenset(np.flatnonzero(~finite_n).tolist())
    if not rows:
        return None
    return FrameOverflowError(what, precision=precision, rows=rows, labels_nhw=labels_nhw)


class FailedTicket:
    """A submission that overflowed before there were labels.

    Args:
        fault: What is raised by whoever reads it.
    """

    extras = Extras()
    infer_ms = 0.0

    def __init__(self, fault: NotFiniteError) -> None:
        self._fault = fault

    def result(self) -> np.ndarray:
        """Raise what went wrong."""
        raise self._fault
