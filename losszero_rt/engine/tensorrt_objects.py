"""A network that finds objects on a GPU: TensorRT engines of its parts, and torch between them.

Overlaps are a matter of as many boxes as there are, so that the host waits for the device between
the parts; what follows the last of them does not. What a part gives is brought to float at once,
for boxes are coordinates; the heads take regions in the arithmetic that they were built in.

Shape letters: N frames of a batch, H, W height and width of the input, h, w of the labels, R
regions, S their side.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from losszero_rt.bundle import Bundle
from losszero_rt.engine.engine_files import EngineFile, Gpu, export_words, head_files, misfit
from losszero_rt.engine.engine_trust import settle_trust
from losszero_rt.engine.protocol import EngineOptions
from losszero_rt.errors import ModelError
from losszero_rt.network import DetectedObjects, upsample_logits
from losszero_rt.network.mask_rcnn_split import (
    HEADS,
    PARTS,
    Head,
    Part,
    SplitNetwork,
    in_pieces,
    is_split,
    num_regions,
)

if TYPE_CHECKING:
    import torch

# From the input of an engine to all of its outputs.
Replay = Callable[["torch.Tensor"], "Sequence[torch.Tensor]"]
# What a report says of a network that is compiled in parts.
COMPILED = "trunk, box head, mask head; anchors, overlaps and RoIAlign run in torch on the GPU"


class ObjectsOnGpu:
    """From uint8 inputs (N, H, W, 3) to labels (N, h, w); the objects lie beside them.

    Args:
        bundle: The network.
        trunk: The engine of the trunk.
        heads: The engines of the heads, each of a fixed number of regions.
        precision: Arithmetic of the engines; the heads take half, but for ``fp32``.
        device: The GPU.
        gives_objects: Whether anybody wants the objects.

    Attributes:
        device: The GPU.
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        trunk: Replay,
        heads: Mapping[Part, Replay],
        precision: str,
        device: "torch.device",
        gives_objects: bool = True,
    ) -> None:
        import torch

        self.device = device
        self._ask_trunk = _in_float(trunk)
        self._input_size, self._labels_size = bundle.input_spec.size, bundle.labels_size
        self._gives_objects = gives_objects
        self._found: list[DetectedObjects] | None = None
        dtype = torch.float32 if precision == "fp32" else torch.float16
        asked = {
            part: in_pieces(
                _in_float(heads[part], dtype=dtype), num=num_regions(bundle.network_spec, part)
            )
            for part in HEADS
        }
        self._split = SplitNetwork(
            bundle.network_spec,
            boxes=asked["boxes"],
            masks=asked["masks"],
            precision=precision,
            device=device,
        )

    def __call__(self, inputs_NHWC: "torch.Tensor") -> "tuple[torch.Tensor, None]":
        """Return the labels of a batch, and no maps."""
        trunk, self._found = self._ask_trunk(inputs_NHWC), None
        if self._gives_objects:
            logits_NChw, self._found = self._split.logits_and_objects(trunk, size=self._input_size)
        else:
            logits_NChw = self._split.logits(trunk, size=self._input_size)
        return upsample_logits(logits_NChw, self._labels_size).argmax(1), None

    def logits(self, inputs_NHWC: "torch.Tensor") -> "torch.Tensor":
        """Return the painted logits (N, C, h, w) at the painter's stride."""
        return self._split.logits(self._ask_trunk(inputs_NHWC), size=self._input_size)

    def take(self) -> list[DetectedObjects] | None:
        """Return the objects of the last batch, on the GPU; None if nobody wants them."""
        found, self._found = self._found, None
        return found


def objects_around(
    bundle: Bundle,
    *,
    trunk: Replay,
    file: EngineFile,
    replay_of: Callable[[EngineFile], Replay],
    device: "torch.device",
    options: EngineOptions,
) -> ObjectsOnGpu | None:
    """Return what runs around the parts of a network that is compiled in parts, else None.

    Args:
        bundle: Its heads were checked.
        trunk: The engine of the trunk.
        file: What that was loaded from; all parts run in its arithmetic.
        replay_of: Loads an engine.
        device: The GPU.
        options: Whether anybody wants the objects.
    """
    if not is_split(bundle.network_spec):
        return None
    return ObjectsOnGpu(
        bundle,
        trunk=trunk,
        heads={part: replay_of(head) for part, head in head_files(bundle).items()},
        precision=file.precision,
        device=device,
        gives_objects=options.objects,
    )


def check_heads(bundle: Bundle, *, gpu: Gpu, precision: str, options: EngineOptions) -> None:
    """Check that the engines of the heads may run beside that of the trunk, if there are parts.

    Raises:
        ModelError: If one is missing, was built for another machine or in another arithmetic, or
            nobody vouches for it.
    """
    if not is_split(bundle.network_spec):
        return
    files = head_files(bundle)
    if set(files) != set(HEADS):
        raise ModelError(
            f"TensorRT engines of the trunk and of {', '.join(files) or 'no head'}",
            accepted=f"engines of {', '.join(PARTS)}",
            remedy=export_words(options.batch),
        )
    for file in files.values():
        fault = misfit(file, gpu=gpu)
        if not fault and file.precision != precision:
            fault = f"{file.name} runs in {file.precision}, the trunk in {precision}"
        if fault:
            raise ModelError(
                fault,
                accepted="engines of all parts, built on this machine in one arithmetic",
                remedy=export_words(options.batch),
            )
        settle_trust(file.sha256, name=file.name, trust_engine=options.trust_engine)


def _in_float(replay: Replay, *, dtype: "torch.dtype | None" = None) -> Head:
    """Let an engine that takes another arithmetic, if one is named, give float."""
    return lambda given: [
        one.float() for one in replay(given if dtype is None else given.to(dtype))
    ]
