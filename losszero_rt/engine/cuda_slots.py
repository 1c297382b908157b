"""Batches on their way through a GPU: each in a slot of buffers that live as long as the engine.

    host        copy_in stream        compute stream          copy_out stream       host
    fill   ->   input to device  ->   network, to uint8  ->   labels to host  ->   copy out
                     arrived ............ wait
                                          computed ............... wait
                                                                   done ........ synchronise

The three streams work on three slots at a time. A slot is filled again only after its labels were
read, and they are read only after ``done``, which comes behind everything that touches the slot:
so no buffer is ever written while something reads it, and none needs ``record_stream``.

Shape letters: N frames of a batch, H, W height and width of the input, h, w of the labels.
"""

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True, eq=False)
class Slot:
    """The buffers and events of one batch under way.

    Attributes:
        input_host: uint8 (N, H, W, 3), pinned.
        input_device: The same on the GPU.
        labels_device: uint8 (N, h, w) on the GPU.
        labels_host: The same, pinned.
        begun: Before the first copy; timed.
        arrived: The input is on the GPU.
        computed: The labels are made.
        done: The labels are on the host; timed.
    """

    input_host: "torch.Tensor"
    input_device: "torch.Tensor"
    labels_device: "torch.Tensor"
    labels_host: "torch.Tensor"
    begun: "torch.cuda.Event"
    arrived: "torch.cuda.Event"
    computed: "torch.cuda.Event"
    done: "torch.cuda.Event"


class CudaSlots:
    """Sends batches through a network on a GPU, several at a time.

    Args:
        labels_of: From uint8 (N, H, W, 3) to integer labels (N, h, w), both on the GPU; called on
            the compute stream, and asked twice here, before any other thread is at work: a CUDA
            graph must not be captured while another thread talks to the device.
        device: The GPU.
        batch: N.
        input_size: (H, W).
        labels_size: (h, w).
        num_slots: Batches that may be under way; three keep all streams busy.
    """

    def __init__(
        self,
        labels_of: Callable[["torch.Tensor"], "torch.Tensor"],
        *,
        device: "torch.device",
        batch: int,
        input_size: tuple[int, int],
        labels_size: tuple[int, int],
        num_slots: int,
    ) -> None:
        import torch

        self._labels_of = labels_of
        self._copy_in = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        # One stream for ever: on another one the CUDA graph would be recorded again.
        self._compute = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._copy_out = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        shapes = (batch, *input_size, 3), (batch, *labels_size)
        self._slots = [_new_slot(*shapes, device=device) for _ in range(num_slots)]
        self._free = deque(self._slots)
        # Whatever lay in these buffers before was the default stream's, which ours do not wait for.
        torch.cuda.synchronize(device)
        for _ in range(2):
            self.fetch(self.send(np.zeros(shapes[0], np.uint8)), num_frames=batch)

    @property
    def num_slots(self) -> int:
        """Batches that may be under way."""
        return len(self._slots)

    @property
    def is_full(self) -> bool:
        """True when no slot is free."""
        return not self._free

    def send(self, inputs_NHWC: np.ndarray) -> Slot:
        """Start a batch in a free slot; rows beyond those given keep what was there.

        Args:
            inputs_NHWC: uint8 (n, H, W, 3) with n up to the batch; may be reused on return.

        Raises:
            RuntimeError: If CUDA failed.
        """
        import torch

        slot = self._free.popleft()
        slot.input_host[: len(inputs_NHWC)].copy_(torch.from_numpy(inputs_NHWC))
        with torch.cuda.stream(self._copy_in):
            slot.begun.record(self._copy_in)
            slot.input_device.copy_(slot.input_host, non_blocking=True)
            slot.arrived.record(self._copy_in)
        with torch.cuda.stream(self._compute), torch.inference_mode():
            self._compute.wait_event(slot.arrived)
            # To uint8 here: the compiler cannot end in it, and a quarter of the bytes go back.
            slot.labels_device.copy_(self._labels_of(slot.input_device))
            slot.computed.record(self._compute)
        with torch.cuda.stream(self._copy_out):
            self._copy_out.wait_event(slot.computed)
            slot.labels_host.copy_(slot.labels_device, non_blocking=True)
            slot.done.record(self._copy_out)
        return slot

    def fetch(self, slot: Slot, *, num_frames: int) -> tuple[np.ndarray, float]:
        """Wait for a batch, copy its labels out and free its slot.

        Returns:
            uint8 (num_frames, h, w), and the milliseconds from its first copy to its last.

        Raises:
            RuntimeError: If CUDA failed; then the slot stays taken.
        """
        slot.done.synchronize()
        labels_Nhw: np.ndarray = slot.labels_host[:num_frames].clone().numpy()
        spent_ms = float(slot.begun.elapsed_time(slot.done))
        self._free.append(slot)
        return labels_Nhw, spent_ms

    def close(self) -> None:
        """Wait for what is under way and release the buffers. May be called twice."""
        self._free.clear()
        if self._slots:
            # After an error of CUDA there is nothing left to wait for.
            with suppress(RuntimeError):
                self._copy_out.synchronize()
            self._slots.clear()


def _new_slot(
    input_shape: tuple[int, ...], labels_shape: tuple[int, ...], *, device: "torch.device"
) -> Slot:
    import torch

    def event(*, read: bool = False) -> "torch.cuda.Event":
        # A blocking event lets the waiting thread sleep; without it a core would spin.
        made: torch.cuda.Event = torch.cuda.Event(  # type: ignore[no-untyped-call]
            enable_timing=read, blocking=read
        )
        return made

    return Slot(
        input_host=_pinned(input_shape),
        input_device=torch.empty(input_shape, dtype=torch.uint8, device=device),
        labels_device=torch.empty(labels_shape, dtype=torch.uint8, device=device),
        labels_host=_pinned(labels_shape),
        begun=event(read=True),
        arrived=event(),
        computed=event(),
        done=event(read=True),
    )


def _pinned(shape: tuple[int, ...]) -> "torch.Tensor":
    """Return zeros in pinned memory; in pageable memory, slower but right, where none is left."""
    import torch

    try:
        return torch.zeros(shape, dtype=torch.uint8, pin_memory=True)
    except RuntimeError:
        return torch.zeros(shape, dtype=torch.uint8)
