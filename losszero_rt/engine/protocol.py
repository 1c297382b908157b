"""What every engine promises: uint8 network inputs in, uint8 labels out, asynchronously.

Shape letters: N frames of a batch, H, W height and width, C colour channels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, get_args, runtime_checkable

import numpy as np

from losszero_rt.classmap import ClassMap
from losszero_rt.errors import UsageError
from losszero_rt.frame import Planes
from losszero_rt.objects import Objects

EngineName = Literal["openvino", "eager", "tensorrt"]
ENGINE_NAMES: tuple[EngineName, ...] = get_args(EngineName)
Precision = Literal["auto", "fp32", "bf16", "fp16", "int8"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)


@dataclass(frozen=True, kw_only=True)
class EngineOptions:
    """What the caller asks of an engine.

    Attributes:
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        precision: Wanted arithmetic; ``auto`` lets the engine choose the fastest that is exact
            enough on this device.
        batch: Frames a submission; the graph is static, a short last batch is padded.
        threads: CPU threads for the engine; 0 lets the engine use every core it may, or one thread
            a physical core where it finds that to be faster.
        streams: Frames that a CPU engine works on side by side, its threads shared out among
            them; 0 lets it measure what is fastest here.
        num_requests: How many submissions may be under way at once.
        objects: Give the objects too, where the network knows any.
        cams: Be ready to give class activation maps, see :meth:`Engine.watch`; without them a
            compiled graph is one of labels alone, which saves about a hundredth of its time.
        any_batch: ``batch`` is a wish: an engine compiled for other batches takes its nearest.
        trust_engine: Load compiled engines that are code although this user did not build them.
        build: Compile a TensorRT engine into the user's cache where none fits.
        check_logits: Let a compiled graph that can tell raise where its logits are not finite; the
            gate of an export, which looks at the logits themselves, wants the labels all the same.
            A network that is compiled in parts raises either way: where a part overflows there
            are no objects to paint labels of.
        int8_floats: Arithmetic of what an int8 graph leaves in floats; ``auto`` takes the fastest
            that its export proved, and the gate of an export names them in turn.
    """

    device: str = "auto"
    precision: Precision = "auto"
    batch: int = 1
    threads: int = 0
    streams: int = 0
    num_requests: int = 4
    objects: bool = True
    cams: bool = True
    any_batch: bool = False
    trust_engine: bool = False
    build: bool = False
    check_logits: bool = True
    int8_floats: Precision = "auto"


@dataclass(frozen=True, kw_only=True)
class EngineInfo:
    """What really runs.

    Attributes:
        name: Engine.
        device: Device name as its driver spells it.
        precision: Arithmetic that the compiled graph executes, read back from it; several are
            joined by ``+``, that of most layers first.
        precision_asked: Arithmetic that was asked for.
        input_size: (height, width) of the network input.
        labels_size: (height, width) of the labels that come back.
        batch: Frames a submission.
        threads: CPU threads, 0 on a GPU.
        version: Version of the library that executes it.
        gives_objects: Whether objects come beside the labels.
        trusted_by: Why an engine that is code was loaded: ``record`` of this user's own build, or
            ``--trust-engine``; empty where engines are data.
        streams: Frames that it works on side by side; 0 where that is no choice.
        chosen_by: Who chose precision and streams: ``asked``, ``default``, ``measured`` just now
            or ``remembered`` from an earlier start; empty where there is no choice.
        proof: What an engine that was built here was compared by, where that is less than the
            proof of an export; empty for engines of a bundle.
        compiled: Which parts of the network are compiled, and what runs between them; empty where
            it is compiled as a whole, or not at all.
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
    gives_objects: bool = False
    trusted_by: str = ""
    proof: str = ""
    streams: int = 0
    chosen_by: str = ""
    compiled: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Extras:
    """What an engine gives beside labels, where it can and was asked.

    Attributes:
        cams_NHW: float32 (n, h, w) class activation maps of the watched class at the head's
            stride, 0 and more, in the unit of the logits; None when no class was watched.
        objects: Objects of each frame, one a frame; None from networks that know no objects, and
            when they were not asked for.
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
        """Time in the engine until its answer was read, milliseconds; known after `result`."""
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

    def watch(self, class_id: int | None) -> None:
        """Give class activation maps beside the labels, from the next submission on.

        Args:
            class_id: The class; None for no maps. It may be changed at any time: nothing is
                loaded again, and labels stay the same.

        Raises:
            ModelError: If this engine cannot give maps of this model.
            UsageError: If the model has no such class.
        """
        ...

    def close(self) -> None:
        """Release the device; unread tickets are lost. May be called twice."""
        ...


@runtime_checkable
class PlanesEngine(Engine, Protocol):
    """An engine that would rather have frames than inputs: it makes inputs on its own device."""

    def submit_planes(self, frames: Sequence[Planes]) -> Ticket:
        """Start one batch of frames, placed as :meth:`InputSpec.place` says.

        The inputs are those of :meth:`InputSpec.fill`, and all else is as with :meth:`submit`.

        Args:
            frames: Upright planes, 1 to ``batch`` of them; they may be reused as soon as this
                returns.
        """
        ...


def check_class(class_id: int, *, classmap: ClassMap) -> None:
    """Refuse to watch a class that is none.

    Raises:
        UsageError: If there is no class of that id.
    """
    if not 0 <= class_id < classmap.num_classes:
        raise UsageError(
            f"class id {class_id} to watch",
            accepted=f"0..{classmap.num_classes - 1} ({', '.join(classmap.names)})",
        )
