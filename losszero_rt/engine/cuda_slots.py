"""Batches on their way through a GPU: each in a slot of buffers that live as long as the engine.

    host        copy_in stream        compute stream          copy_out stream       host
    fill   ->   input to device  ->   network, to uint8  ->   labels to host  ->   copy out
                     arrived ............ wait
                                          computed ............... wait
                                                                   done ........ synchronise

The three streams work on three slots at a time. A slot is filled again only after its labels were
read, and they are read only after ``done``, which comes behind everything that touches the slot:
so no buffer is ever written while something reads it, and none needs ``record_stream``.

A logit that is no number loses every comparison, so labels made of such logits look like any
others. The maps are made of the same values, so they are looked at beside every batch, on the GPU:
what is not finite there is told with the labels. (What only a head of several pixels overflows in
itself is not seen: its maps are made of what it takes.)

Shape letters: N frames of a batch, C classes, H, W height and width of the input, h, w of the
labels or of the maps.
"""

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from losszero_rt.engine.gpu_input import PlaneConverter
from losszero_rt.engine.slot import Slot, new_slot
from losszero_rt.errors import NotFiniteError
from losszero_rt.frame import Planes
from losszero_rt.preprocess import InputSpec

if TYPE_CHECKING:
    import torch

# From uint8 (N, H, W, 3) to integer labels (N, h, w) and, from networks that give them, the class
# activation maps of all classes before their ReLU (N, C, h, w).
Network = Callable[["torch.Tensor"], "tuple[torch.Tensor, torch.Tensor | None]"]


def labels_and_maps(
    replay: "Callable[[torch.Tensor], Sequence[torch.Tensor]]", inputs_NHWC: "torch.Tensor"
) -> "tuple[torch.Tensor, torch.Tensor | None]":
    """Return the labels of a network that is one engine, and its maps if it gives any."""
    labels_Nhw, *maps = replay(inputs_NHWC)
    return labels_Nhw, maps[0] if maps else None


@dataclass(frozen=True, kw_only=True, eq=False)
class Fetched:
    """What came back of a batch, owned by whoever fetched it.

    Attributes:
        labels_Nhw: uint8.
        cams_Nhw: float32 maps of the class that was asked for; None if none was.
        finite_n: bool (n,): False where the values behind a frame's labels overflowed.
        spent_ms: From the first copy to the last, milliseconds.
    """

    labels_Nhw: np.ndarray
    cams_Nhw: np.ndarray | None
    finite_n: np.ndarray
    spent_ms: float


class CudaSlots:
    """Sends batches through a network on a GPU, several at a time.

    Args:
        network: On the GPU; called on the compute stream, and asked twice here, before any other
            thread is at work: a CUDA graph must not be captured while another thread talks to the
            device.
        device: The GPU.
        batch: N.
        spec: Input size, and how frames become inputs.
        labels_size: (h, w) of the labels.
        cams_shape: (C, h, w) of the class activation maps; None for a network that gives none.
        num_slots: Batches that may be under way; three keep all streams busy.

    Raises:
        RuntimeError: If CUDA failed, or the network gives something else.
    """

    def __init__(
        self,
        network: Network,
        *,
        device: "torch.device",
        batch: int,
        spec: InputSpec,
        labels_size: tuple[int, int],
        cams_shape: tuple[int, int, int] | None = None,
        num_slots: int,
    ) -> None:
        import torch

        self._network = network
        self._spec = spec
        self._converter = PlaneConverter(device)
        self._copy_in = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        # One stream for ever: on another one the CUDA graph would be recorded again.
        self._compute = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._copy_out = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        input_shape = batch, *spec.size, 3
        num_maps, *maps_size = cams_shape or (0, 0, 0)
        self._slots = [
            new_slot(input_shape, (batch, *labels_size), (batch, *maps_size), device=device)
            for _ in range(num_slots)
        ]
        self._free = deque(self._slots)
        # Whatever lay in these buffers before was the default stream's, which ours do not wait for.
        torch.cuda.synchronize(device)
        watched = num_maps - 1 if num_maps else None
        for _ in range(2):
            slot = self.send(np.zeros(input_shape, np.uint8), watched=watched)
            self.fetch(slot, num_frames=batch)

    @property
    def num_slots(self) -> int:
        """Batches that may be under way."""
        return len(self._slots)

    @property
    def is_full(self) -> bool:
        """True when no slot is free."""
        return not self._free

    def send(self, inputs_NHWC: np.ndarray, *, watched: int | None = None) -> Slot:
        """Start a batch in a free slot; rows beyond those given keep what was there.

        Args:
            inputs_NHWC: uint8 (n, H, W, 3) with n up to the batch; may be reused on return.
            watched: Class whose activation map is copied out too; None for none.

        Raises:
            NotFiniteError: If a network in parts overflowed between them; the slot is free again.
            RuntimeError: If CUDA failed.
        """
        import torch

        slot = self._free.popleft()
        slot.input_host[: len(inputs_NHWC)].copy_(torch.from_numpy(inputs_NHWC))
        with torch.cuda.stream(self._copy_in):
            slot.begun.record(self._copy_in)
            slot.input_device.copy_(slot.input_host, non_blocking=True)
            slot.arrived.record(self._copy_in)
        return self._or_freed(slot, watched, frames=())

    def send_planes(self, frames: Sequence[Planes], *, watched: int | None = None) -> Slot:
        """Start a batch of frames that become inputs on the GPU; see :meth:`send`.

        Args:
            frames: Up to a batch of them, of any sizes; may be reused on return.
            watched: Class whose activation map is copied out too; None for none.

        Raises:
            RuntimeError: If CUDA failed.
        """
        import torch

        slot = self._free.popleft()
        slot.planes.fill(frames)
        with torch.cuda.stream(self._copy_in):
            slot.begun.record(self._copy_in)
            slot.planes.upload()
            slot.arrived.record(self._copy_in)
        return self._or_freed(slot, watched, frames=frames)

    def _or_freed(self, slot: Slot, watched: int | None, *, frames: Sequence[Planes]) -> Slot:
        """Go on; where a network in parts overflows between them nothing of the batch does."""
        try:
            return self._go_on(slot, watched, frames=frames)
        except NotFiniteError:
            self._compute.synchronize()
            self._free.append(slot)
            raise

    def _go_on(self, slot: Slot, watched: int | None, *, frames: Sequence[Planes]) -> Slot:
        """Compute what has arrived, or will have, and send the results back."""
        import torch

        with torch.cuda.stream(self._compute), torch.inference_mode():
            self._compute.wait_event(slot.arrived)
            self._convert(slot, frames)
            labels_Nhw, cams_NChw = self._network(slot.input_device)
            # To uint8 here: the compiler cannot end in it, and a quarter of the bytes go back.
            slot.labels_device.copy_(labels_Nhw)
            if cams_NChw is not None:
                slot.finite_device.copy_(cams_NChw.isfinite().flatten(1).all(1))
            if watched is not None:
                assert cams_NChw is not None, "whoever watches knows that there are maps"
                slot.cams_device.copy_(cams_NChw[:, watched]).relu_()
            slot.computed.record(self._compute)
        with torch.cuda.stream(self._copy_out):
            self._copy_out.wait_event(slot.computed)
            slot.labels_host.copy_(slot.labels_device, non_blocking=True)
            slot.finite_host.copy_(slot.finite_device, non_blocking=True)
            if watched is not None:
                slot.cams_host.copy_(slot.cams_device, non_blocking=True)
            slot.done.record(self._copy_out)
        return slot

    def _convert(self, slot: Slot, frames: Sequence[Planes]) -> None:
        if not frames:
            return
        for row, (planes, (luma_HW, chroma_2hw)) in enumerate(
            zip(frames, slot.planes.on_device(), strict=True)
        ):
            self._converter.write(
                luma_HW,
                chroma_2hw,
                matrix=planes.matrix,
                full_range=planes.full_range,
                place=self._spec.place(planes.size),
                out_HWC=slot.input_device[row],
            )

    def fetch(self, slot: Slot, *, num_frames: int, watched: bool = False) -> Fetched:
        """Wait for a batch, copy its results out and free its slot.

        Args:
            slot: What :meth:`send` or :meth:`send_planes` returned.
            num_frames: Frames to return.
            watched: Whether a map was asked for.

        Raises:
            RuntimeError: If CUDA failed; then the slot stays taken.
        """
        slot.done.synchronize()
        labels_Nhw: np.ndarray = slot.labels_host[:num_frames].clone().numpy()
        cams_Nhw = slot.cams_host[:num_frames].clone().numpy() if watched else None
        finite_n = slot.finite_host[:num_frames].clone().numpy()
        spent_ms = float(slot.begun.elapsed_time(slot.done))
        self._free.append(slot)
        return Fetched(
            labels_Nhw=labels_Nhw, cams_Nhw=cams_Nhw, finite_n=finite_n, spent_ms=spent_ms
        )

    def close(self) -> None:
        """Wait for what is under way and release the buffers. May be called twice."""
        self._free.clear()
        if self._slots:
            # After an error of CUDA there is nothing left to wait for.
            with suppress(RuntimeError):
                self._copy_out.synchronize()
            self._slots.clear()
