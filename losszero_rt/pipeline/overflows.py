"""Frames whose values overflowed: their labels would look like any others, so they get none.

One such frame is no reason to end a ride that is being recorded; many in a row are, for then the
network does not fit its arithmetic.
"""

from collections.abc import Iterator

import numpy as np

from losszero_rt.errors import NotFiniteError
from losszero_rt.frame import Frame, StreamItem
from losszero_rt.pipeline.batcher import Batch
from losszero_rt.pipeline.flow import Admission, lost_from

REASON = "overflow"
# So many frames one after another end a run.
IN_A_ROW_MAX = 10


class Overflows:
    """Lets single batches without labels go, and no more than a few in a row."""

    def __init__(self) -> None:
        self._num_in_a_row = 0
        self._had_labels = False
        self._last: NotFiniteError | None = None

    def labels_of(self, batch: Batch) -> np.ndarray | None:
        """Wait for the labels of a batch, uint8 (n, h, w); None if it has no frame, or none fit.

        Raises:
            NotFiniteError: If too many frames in a row overflowed.
            ModelError: If the engine failed otherwise.
        """
        if batch.ticket is None:
            return None
        try:
            labels_Nhw = batch.ticket.result()
        except NotFiniteError as error:
            self._num_in_a_row += len(batch.frames)
            if self._num_in_a_row >= IN_A_ROW_MAX:
                raise
            self._last = error
            return None
        self._num_in_a_row, self._had_labels = 0, True
        return labels_Nhw

    def end(self) -> None:
        """Hear that the source ended.

        Raises:
            NotFiniteError: If no frame of it was without overflow.
        """
        if self._last is not None and not self._had_labels:
            raise self._last


def settled(batch: Batch, *, has_labels: bool, admission: Admission | None) -> Iterator[StreamItem]:
    """Yield the items of a batch, frames that are not shown exchanged for lost ones.

    Args:
        batch: Its labels are there, or never will be.
        has_labels: Which of the two.
        admission: Of a live run, whose batches have one frame: leaves out what is late by now, and
            hears of what has no labels.
    """
    if has_labels and admission is not None:
        yield from admission.ready(batch.items, admitted_at_s=batch.started_at_s)
        return
    for item in batch.items:
        if has_labels or not isinstance(item, Frame):
            yield item
            continue
        if admission is not None:
            admission.forgo(item)
        yield lost_from(item, fate="dropped", reason=REASON)
