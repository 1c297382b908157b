"""The OpenVINO engine of networks that find objects: compiled parts, and torch between them.

The trunk, which is most of the work, runs in requests like any other graph, so that those of the
next frames are under way while boxes are sorted out here, as ``network/mask_rcnn_split`` tells.

Shape letters: N frames of a batch, C classes, H, W height and width of the input, h, w of the
labels, R regions, S their side.
"""

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from losszero_rt.bundle import Bundle
from losszero_rt.cores import num_cores
from losszero_rt.engine.eager_engine import to_objects
from losszero_rt.engine.openvino_blobs import compile_cached
from losszero_rt.engine.openvino_candidates import precisions_of, streams_of
from losszero_rt.engine.openvino_engine import (
    OpenVinoEngine,
    OpenVinoTicket,
    device_fault,
    started,
    why_not,
)
from losszero_rt.engine.openvino_facts import executed_precision, import_openvino, openvino_core
from losszero_rt.engine.openvino_graphs import GraphSpec, input_shape
from losszero_rt.engine.protocol import EngineInfo, EngineOptions, Extras
from losszero_rt.errors import ModelError
from losszero_rt.network import upsample_logits
from losszero_rt.network.building import no_linear_head
from losszero_rt.network.mask_rcnn_split import (
    HEADS,
    LEVELS,
    Part,
    SplitNetwork,
    in_pieces,
    is_split,
    num_regions,
)

if TYPE_CHECKING:
    import torch

Say = Callable[[str], None]
# What a report says of a network that is compiled in parts.
COMPILED = "trunk, box head, mask head; anchors, overlaps and RoIAlign run in torch"


class ObjectsOpenVinoEngine:
    """Runs the parts of a network that finds objects; one thread at a time collects tickets.

    Args:
        bundle: Holds the graphs of the parts.
        options: ``device`` must be ``auto`` or ``cpu``; nothing is measured, ``auto`` is the
            fastest arithmetic that was proved and a stream a thread.
        say: Hears why compiled graphs cannot be kept.

    Raises:
        ModelError: If the bundle holds no such graphs, they do not compile here, or torch is
            absent.
    """

    def __init__(self, bundle: Bundle, *, options: EngineOptions, say: Say | None = None) -> None:
        fault = why_not(bundle) or device_fault(options.device)
        if fault:
            raise ModelError(fault, accepted="a bundle with OpenVINO graphs, on a CPU, with torch")
        import torch

        ov = import_openvino()
        self._core, self._bundle, self._say = openvino_core(), bundle, say or (lambda _: None)
        self._threads = options.threads or num_cores()
        # What lies between the parts runs while the trunk of the next frame does.
        torch.set_num_threads(self._threads)
        self._precision = precisions_of(bundle, options)[0]
        self._gives_objects = options.objects
        streams = streams_of(options, self._threads)[0]
        trunk = self._compiled("trunk", num=options.batch, streams=streams)
        sizes = {part: num_regions(bundle.network_spec, part) for part in HEADS}
        heads = {part: self._compiled(part, num=num, streams=1) for part, num in sizes.items()}
        self._heads = {part: head.create_infer_request() for part, head in heads.items()}
        asked = {part: in_pieces(partial(self._ask, part), num=sizes[part]) for part in HEADS}
        self._split = SplitNetwork(
            bundle.network_spec,
            boxes=asked["boxes"],
            masks=asked["masks"],
            precision=self._precision,
        )
        self._requests = [trunk.create_infer_request() for _ in range(options.num_requests)]
        self._free = deque(self._requests)
        for request in self._requests:
            request.get_input_tensor(0).data[...] = 0
        found = [executed_precision(one) for one in (trunk, *heads.values())]
        named = options.precision != "auto" and options.streams
        self._info = EngineInfo(
            name="openvino",
            device=str(self._core.get_property("CPU", "FULL_DEVICE_NAME")),
            precision="+".join(dict.fromkeys("+".join(found).split("+"))),
            precision_asked=options.precision,
            input_size=bundle.input_spec.size,
            labels_size=bundle.labels_size,
            batch=options.batch,
            threads=self._threads,
            streams=streams,
            chosen_by="asked" if named else "default",
            version=str(ov.__version__),
            gives_objects=options.objects,
            compiled=COMPILED,
        )

    @property
    def info(self) -> EngineInfo:
        """What really runs."""
        return self._info

    def _compiled(self, part: Part, *, num: int, streams: int) -> Any:
        spec = GraphSpec(
            precision=self._precision,
            floats=self._precision,
            batch=num,
            cams=False,
            threads=self._threads,
            streams=streams,
            part=part,
        )
        compiled = compile_cached(self._core, self._bundle, spec=spec, say=self._say)
        _check_ports(compiled, self._bundle, spec=spec)
        return compiled

    def _ask(self, part: Part, regions_RCSS: "torch.Tensor") -> "list[torch.Tensor]":
        """Run a head; its outputs are overwritten by its next call."""
        if part not in self._heads:
            raise ModelError("the openvino engine is closed", remedy="open it again")
        request = self._heads[part]
        request.get_input_tensor(0).data[...] = regions_RCSS.numpy()
        request.infer()
        return _outputs(request)

    def submit(self, inputs_NHWC: np.ndarray) -> OpenVinoTicket:
        """Start one batch; see the protocol. Hot path: shape and dtype are the caller's promise."""
        request = started(self._requests, self._free, inputs_NHWC)
        read = partial(self._read, num_frames=len(inputs_NHWC))
        return OpenVinoTicket(request, read=read, free=self._free)

    def _read(self, request: Any, *, num_frames: int) -> tuple[np.ndarray, Extras, None]:
        """Sort out what the trunk found, which is not needed afterwards."""
        import torch

        size, found = self._info.input_size, _outputs(request, num=num_frames)
        if self._gives_objects:
            logits_NChw, objects = self._split.logits_and_objects(found, size=size)
            extras = Extras(objects=tuple(map(to_objects, objects)))
        else:
            logits_NChw, extras = self._split.logits(found, size=size), Extras()
        with torch.inference_mode():
            labels = upsample_logits(logits_NChw, self._info.labels_size).argmax(1)
        # Parts look at their own values, all frames together.
        return labels.to(torch.uint8).numpy(), extras, None

    def logits(self, inputs_NHWC: np.ndarray) -> np.ndarray:
        """Return the painted logits of one batch, float32 (n, C, h, w) at the painter's stride."""
        request = self._requests[0]
        request.get_input_tensor(0).data[: len(inputs_NHWC)] = inputs_NHWC
        request.infer()
        trunk = _outputs(request, num=len(inputs_NHWC))
        found: np.ndarray = self._split.logits(trunk, size=self._info.input_size).numpy()
        return found

    def watch(self, class_id: int | None) -> None:
        """Refuse: without a linear head there is nothing to be forward-only and exact about.

        Raises:
            ModelError: If a class is named.
        """
        if class_id is not None:
            raise no_linear_head()

    def close(self) -> None:
        """Wait for what is under way and release the graphs. May be called twice."""
        requests, self._requests = self._requests, []
        for request in requests:
            request.wait()
        self._free.clear()
        self._heads.clear()


def open_on_openvino(
    bundle: Bundle, *, options: EngineOptions, say: Say | None = None
) -> OpenVinoEngine | ObjectsOpenVinoEngine:
    """Open the OpenVINO engine that fits a bundle: of one graph, or of parts.

    Raises:
        ModelError: If it cannot run here.
    """
    if is_split(bundle.network_spec):
        return ObjectsOpenVinoEngine(bundle, options=options, say=say)
    return OpenVinoEngine(bundle, options=options, say=say)


def _outputs(request: Any, *, num: int | None = None) -> "list[torch.Tensor]":
    """Return what a request found of its first frames, in its own memory."""
    import torch

    return [torch.from_numpy(tensor.data[:num]) for tensor in request.output_tensors]


def _check_ports(compiled: Any, bundle: Bundle, *, spec: GraphSpec) -> None:
    wanted = ("f32" if spec.part in HEADS else "u8", input_shape(bundle, spec))
    (given,) = compiled.inputs
    found = (given.get_element_type().to_string(), list(given.shape))
    num_wanted = {"trunk": 3 * len(LEVELS), "boxes": 2, "masks": 1}[spec.part or "trunk"]
    types = [port.get_element_type().to_string() for port in compiled.outputs]
    if found != wanted or types != ["f32"] * num_wanted:
        raise ModelError(
            f"the OpenVINO graph of the {spec.part} in {bundle.path} maps {found} to {types}",
            accepted=f"{wanted} to {num_wanted} outputs of f32, as its manifest says",
            remedy="export the bundle again: python -m export",
        )
