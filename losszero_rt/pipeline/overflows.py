"""Frames whose values overflowed: their labels would look like any others, so they get none.

One such frame is no reason to end a ride that is being recorded; many in a row are, for then the
network does not fit its arithmetic.
"""

from collections.abc import Collection, Iterator

import numpy as np

from losszero_rt.engine.overflowing import FrameOverflowError
from losszero_rt.errors import NotFiniteError
from losszero_rt.frame import Frame, StreamItem
from losszero_rt.pipeline.batcher import Batch
from losszero_rt.pipeline.flow import Admission, lost_from

REASON = "overflow"
# So many frames one after another end a run.
IN_A_ROW_MAX = 10
_NONE: frozenset[int] = frozenset()


class Overflows:
    """Lets single frames without labels go, and no more than a few in a row."""

    def __init__(self) -> None:
        self._num_in_a_row = 0
        self._had_labels = False
        self._last: NotFiniteError | None = None

    def labels_of(self, batch: Batch) -> tuple[np.ndarray | None, frozenset[int]]:
        """Wait for the labels of a batch.

        Returns:
            uint8 (n, h, w), None if there are none; and the positions of the frames, among those
            of the batch, that have none.

        Raises:
            NotFiniteError: If too many frames in a row overflowed.
            ModelError: If the engine failed otherwise.
        """
        if batch.ticket is None:
            return None, _NONE
        every = range(len(batch.frames))
        labels_Nhw, lost = None, _NONE
        try:
            labels_Nhw = batch.ticket.result()
        except FrameOverflowError as error:
            self._last, labels_Nhw, lost = error, error.labels_nhw, error.rows
        except NotFiniteError as error:
            self._last, lost = error, frozenset(every)
        for row in every:
            self._count(row in lost)
        return labels_Nhw, lost

    def _count(self, is_lost: bool) -> None:
        if not is_lost:
            self._num_in_a_row, self._had_labels = 0, True
            return
        self._num_in_a_row += 1
        if self._num_in_a_row >= IN_A_ROW_MAX and self._last is not None:
            raise self._last

    def end(self) -> None:
        """Hear that the source ended.

        Raises:
            NotFiniteError: If no frame of it was without overflow.
        """
        if self._last is not None and not self._had_labels:
            raise self._last


def settled(
    batch: Batch, *, lost: Collection[int], admission: Admission | None
) -> Iterator[tuple[StreamItem, int]]:
    """Yield the items of a batch, each with its position among the frames.

    Frames that are not shown are exchanged for lost ones.

    Args:
        batch: Its labels are there, or never will be.
        lost: Positions of the frames that have none.
        admission: Of a live run, whose batches have one frame: leaves out what is late by now, and
            hears of what has no labels.
    """
    row = 0
    for item in batch.items:
        if not isinstance(item, Frame):
            yield item, row
            continue
        kept: StreamItem = item
        if row in lost:
            kept = lost_from(item, fate="dropped", reason=REASON)
            if admission is not None:
                admission.forgo(item)
        elif admission is not None:
            kept = admission.judge_ready(item, admitted_at_s=batch.started_at_s)
        yield kept, row
        row += 1
