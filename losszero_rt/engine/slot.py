"""The buffers and events of one batch on its way through a GPU.

Shape letters: N frames of a batch, H, W height and width of the input, h, w of the labels or of
the maps.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from losszero_rt.engine.plane_buffers import PlaneBuffers, Shape, zeros_pinned

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True, eq=False)
class Slot:
    """The buffers and events of one batch under way.

    Attributes:
        input_host: uint8 (N, H, W, 3), pinned.
        input_device: The same on the GPU.
        planes: Where frames come in as planes, to be made an input of on the GPU.
        labels_device: uint8 (N, h, w) on the GPU.
        labels_host: The same, pinned.
        cams_device: float32 (N, h, w) on the GPU, of one class; empty without maps.
        cams_host: The same, pinned.
        finite_device: bool (N,) on the GPU: whether the values behind a frame's labels are finite.
        finite_host: The same, pinned.
        begun: Before the first copy; timed.
        arrived: The input is on the GPU.
        computed: The labels are made.
        done: The labels are on the host; timed.
    """

    input_host: "torch.Tensor"
    input_device: "torch.Tensor"
    planes: PlaneBuffers
    labels_device: "torch.Tensor"
    labels_host: "torch.Tensor"
    cams_device: "torch.Tensor"
    cams_host: "torch.Tensor"
    finite_device: "torch.Tensor"
    finite_host: "torch.Tensor"
    begun: "torch.cuda.Event"
    arrived: "torch.cuda.Event"
    computed: "torch.cuda.Event"
    done: "torch.cuda.Event"


def new_slot(
    input_shape: Shape, labels_shape: Shape, cams_shape: Shape, *, device: "torch.device"
) -> Slot:
    """Return a slot with memory of its own, but for planes, whose size nobody knows yet."""
    import torch

    def event(*, read: bool = False) -> "torch.cuda.Event":
        # A blocking event lets the waiting thread sleep; without it a core would spin.
        made: torch.cuda.Event = torch.cuda.Event(  # type: ignore[no-untyped-call]
            enable_timing=read, blocking=read
        )
        return made

    return Slot(
        input_host=zeros_pinned(input_shape),
        input_device=torch.empty(input_shape, dtype=torch.uint8, device=device),
        planes=PlaneBuffers(device),
        labels_device=torch.empty(labels_shape, dtype=torch.uint8, device=device),
        labels_host=zeros_pinned(labels_shape),
        cams_device=torch.empty(cams_shape, dtype=torch.float32, device=device),
        cams_host=zeros_pinned(cams_shape, dtype=torch.float32),
        # True until something shows it: networks without maps show nothing.
        finite_device=torch.ones(labels_shape[0], dtype=torch.bool, device=device),
        finite_host=zeros_pinned(labels_shape[:1], dtype=torch.bool),
        begun=event(read=True),
        arrived=event(),
        computed=event(),
        done=event(read=True),
    )
