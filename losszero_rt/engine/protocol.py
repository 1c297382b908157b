"""What every engine promises: uint8 network inputs in, uint8 labels out, asynchronously.

Shape letters: N frames of a batch, H, W height and width, C colour channels.
"""

from dataclasses import dataclass
from typing import Literal, Protocol, get_args

import numpy as np

EngineName = Literal["openvino", "eager", "tensorrt"]
ENGINE_NAMES: tuple[EngineName, ...] = get_args(EngineName)
Precision = Literal["auto", "fp32", "bf16", "fp16"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)


@dataclass(frozen=True, kw_only=True)
class EngineOptions:
    """What the caller asks of an engine.

    Attributes:
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        precision: Wanted arithmetic; ``auto`` lets the engine choose the fastest that is exact
            enough on this device.
        batch: Frames a submission; the graph is static, a short last batch is padded.
        threads: CPU threads for the engine; 0 lets the engine use every core it may.
        num_requests: How many submissions may be under way at once.
    """

    device: str = "auto"
    precision: Precision = "auto"
    batch: int = 1
    threads: int = 0
    num_requests: int = 4


@dataclass(frozen=True, kw_only=True)
class EngineInfo:
    """What really runs.

    Attributes:
        name: Engine.
        device: Device name as its driver spells it.
        precision: Arithmetic that the compiled graph executes, read back from it.
        precision_asked: Arithmetic that was asked for.
        input_size: (height, width) of the network input.
        labels_size: (height, width) of the labels that come back.
        batch: Frames a submission.
        threads: CPU threads, 0 on a GPU.
        version: Version of the library that executes it.
    """

    name: EngineName
    device: str
    precision: str
    precision_asked: Precision
    input_size: tuple[int, int]
    labels_size: tuple[int, int]
    batch: int
    threads: int
    version: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Objects:
    """Objects found in one frame, most certain first.

    Attributes:
        class_ids: uint8 (K,) class of each object.
        scores: float32 (K,) confidence of each object, 0..1.
        boxes: float32 (K, 4) x0, y0, x1, y1 in pixels of the network input.
        masks: bool (K, h, w) at labels size.
    """

    class_ids: np.ndarray
    scores: np.ndarray
    boxes: np.ndarray
    masks: np.ndarray

    def __repr__(self) -> str:
        return f"Objects({len(self.class_ids)})"


@dataclass(frozen=True, kw_only=True, eq=False)
class Extras:
    """What an engine gives beside labels, where it can and was asked.

    Attributes:
        cams_NHW: uint8 (n, h, w) class activation maps at the head's stride, 255 where the class
            speaks loudest in that frame; None without.
        objects: Objects of each frame, one a frame; None from networks that know no objects.
    """

    cams_NHW: np.ndarray | None = None
    objects: tuple[Objects, ...] | None = None


class Ticket(Protocol):
    """One submission under way."""

    def result(self) -> np.ndarray:
        """Wait, then return the labels, uint8 (n, h, w) with n the frames submitted.

        The array belongs to the caller. Raises what went wrong in the engine.
        """
        ...

    @property
    def extras(self) -> Extras:
        """What came beside the labels; known after :meth:`result`."""
        ...

    @property
    def infer_ms(self) -> float:
        """Time the submission spent in the engine, milliseconds; known after :meth:`result`."""
        ...


class Engine(Protocol):
    """Anything that maps network input to labels."""

    @property
    def info(self) -> EngineInfo:
        """What really runs."""
        ...

    def submit(self, inputs_NHWC: np.ndarray) -> Ticket:
        """Start one batch.

        Args:
            inputs_NHWC: uint8 (n, H, W, 3), 1 <= n <= batch. The array may be reused as soon as
                this returns. At most ``num_requests`` tickets may be unread; the caller keeps
                that promise and collects tickets in the order of submission.
        """
        ...

    def close(self) -> None:
        """Release the device; unread tickets are lost. May be called twice."""
        ...
