"""One submission to a TensorRT engine under way.

Shape letters: n frames submitted, h, w height and width of the labels.
"""

from collections.abc import Sequence

import numpy as np

from losszero_rt.engine.cuda_slots import CudaSlots
from losszero_rt.engine.eager_engine import to_objects
from losszero_rt.engine.gpu_health import Health
from losszero_rt.engine.overflowing import FrameOverflowError, overflow_in
from losszero_rt.engine.protocol import Extras
from losszero_rt.engine.slot import Slot
from losszero_rt.network import DetectedObjects
from losszero_rt.objects import Objects


class TensorRtTicket:
    """One submission under way.

    Args:
        slots: Where the labels come from.
        slot: The submission.
        num_frames: Frames submitted; the rest of the batch is padding.
        watched: Whether a class was watched.
        health: Of the device.
        precision: What the engine runs in.
        is_checked: Whether an overflow ends the submission.
        objects: On the GPU, of each frame of the batch; None where there are none.
    """

    def __init__(
        self,
        slots: CudaSlots,
        slot: Slot,
        *,
        num_frames: int,
        watched: bool,
        health: Health,
        precision: str,
        is_checked: bool,
        objects: Sequence[DetectedObjects] | None = None,
    ) -> None:
        self._slots = slots
        self._slot: Slot | None = slot
        self._num_frames = num_frames
        self._watched = watched
        self._health = health
        self._precision, self._is_checked = precision, is_checked
        self._objects = objects
        self._labels_nhw: np.ndarray | None = None
        self._fault: FrameOverflowError | None = None
        self._extras = Extras()
        self._infer_ms = 0.0

    def result(self) -> np.ndarray:
        """Wait, then return the labels, uint8 (n, h, w), owned by the caller.

        Raises:
            FrameOverflowError: If the values behind the labels of a frame overflowed, and that is
                checked.
            ModelError: If CUDA failed.
        """
        if self._slot is not None:
            slot, self._slot = self._slot, None
            with self._health.watching("while labels were fetched"):
                found = self._slots.fetch(slot, num_frames=self._num_frames, watched=self._watched)
                # Behind the labels in the stream of the computation, so they are there as well.
                objects = self._to_host()
            self._labels_nhw, self._infer_ms = found.labels_Nhw, found.spent_ms
            if self._is_checked:
                self._fault = overflow_in(
                    found.labels_Nhw,
                    finite_n=found.finite_n,
                    what="the tensorrt engine",
                    precision=self._precision,
                )
            self._extras = Extras(cams_NHW=found.cams_Nhw, objects=objects)
        if self._fault is not None:
            raise self._fault
        assert self._labels_nhw is not None, "the first result() raised"
        return self._labels_nhw

    def _to_host(self) -> tuple[Objects, ...] | None:
        given, self._objects = self._objects, None
        return None if given is None else tuple(map(to_objects, given[: self._num_frames]))

    @property
    def extras(self) -> Extras:
        """What came beside the labels: the map of a class that was watched, objects."""
        return self._extras

    @property
    def infer_ms(self) -> float:
        """Time from the first copy to the last, milliseconds; known after :meth:`result`."""
        return self._infer_ms
