"""The OpenVINO engine: any CPU, no torch.

The caller keeps several requests under way, so no stream waits for its next input. Precision and
streams are those that were asked for, or the fastest on this machine; see ``openvino_choice``.

Shape letters: N frames of a batch, H, W height and width of the input, h, w of the labels.
"""

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from losszero_rt.bundle import Bundle
from losszero_rt.engine.openvino_choice import choose
from losszero_rt.engine.openvino_facts import (
    executed_precision,
    first_line,
    import_openvino,
    openvino_core,
)
from losszero_rt.engine.openvino_graphs import holds
from losszero_rt.engine.openvino_sums import sums_port
from losszero_rt.engine.overflowing import FrameOverflowError, overflow_in
from losszero_rt.engine.protocol import EngineInfo, EngineOptions, Extras, check_class
from losszero_rt.engine.torch_facts import INSTALL
from losszero_rt.errors import ModelError
from losszero_rt.network.mask_rcnn_split import is_split
from losszero_rt.timings import now_s

if TYPE_CHECKING:
    import openvino

# From a request that is done to labels (n, h, w) that the caller owns, extras, and what is wrong.
Read = Callable[["openvino.InferRequest"], tuple[np.ndarray, Extras, FrameOverflowError | None]]


class OpenVinoTicket:
    """One submission under way.

    Args:
        request: Started with the frames of the submission; nobody else uses it until it was read.
        read: Reads it once it is done.
        free: Where the request goes back to once it was read.
    """

    def __init__(
        self,
        request: "openvino.InferRequest",
        *,
        read: Read,
        free: "deque[openvino.InferRequest]",
    ) -> None:
        self._request: openvino.InferRequest | None = request
        self._read = read
        self._free = free
        self._extras = Extras()
        self._labels_Nhw: np.ndarray | None = None
        self._fault: FrameOverflowError | None = None
        self._infer_ms = 0.0

    def result(self) -> np.ndarray:
        """Wait, then return the labels, uint8 (n, h, w), owned by the caller.

        Raises:
            FrameOverflowError: If the values behind the labels of a frame overflowed.
            ModelError: If OpenVINO failed.
        """
        if self._request is not None:
            request, self._request = self._request, None
            try:
                request.wait()
                start_s = now_s()
                self._labels_Nhw, self._extras, self._fault = self._read(request)
                self._infer_ms = float(request.latency) + (now_s() - start_s) * 1e3
            except RuntimeError as error:
                raise ModelError(f"the openvino engine failed: {first_line(error)}") from error
            finally:
                self._free.append(request)
        if self._fault is not None:
            raise self._fault
        assert self._labels_Nhw is not None, "the first result() raised"
        return self._labels_Nhw

    @property
    def extras(self) -> Extras:
        """What came beside the labels; known after :meth:`result`."""
        return self._extras

    @property
    def infer_ms(self) -> float:
        """Time in the graph and in reading it, milliseconds; known after :meth:`result`."""
        return self._infer_ms


def started(
    requests: "Sequence[openvino.InferRequest]",
    free: "deque[openvino.InferRequest]",
    inputs_NHWC: np.ndarray,
) -> "openvino.InferRequest":
    """Start a free request with the frames of a submission.

    Args:
        requests: All of an engine; none once it is closed.
        free: Those of them that nobody waits for; one of them is taken.
        inputs_NHWC: uint8 (n, H, W, 3), at most as many as the batch.

    Raises:
        ModelError: If none is free.
    """
    if not free:
        raise ModelError(
            "the openvino engine has no free request",
            accepted=f"at most {len(requests)} unread tickets on an open engine",
        )
    request = free.popleft()
    request.get_input_tensor(0).data[: len(inputs_NHWC)] = inputs_NHWC
    request.start_async()
    return request


class OpenVinoEngine:
    """Runs the OpenVINO graph of a bundle.

    Args:
        bundle: Holds the graph.
        options: ``device`` must be ``auto`` or ``cpu``.
        say: Hears what a person should know of the choice of precision and streams.

    Raises:
        ModelError: If the bundle holds no such graph, or it does not compile here.
    """

    def __init__(
        self, bundle: Bundle, *, options: EngineOptions, say: Callable[[str], None] | None = None
    ) -> None:
        fault = why_not(bundle) or device_fault(options.device)
        if fault:
            raise ModelError(fault, accepted="a bundle with an OpenVINO graph, on a CPU")
        ov = import_openvino()
        core = openvino_core()
        choice, compiled = choose(core, bundle, options=options, say=say or (lambda _: None))
        requests = [compiled.create_infer_request() for _ in range(options.num_requests)]
        cams_size = bundle.cams_size if options.cams else None
        _check_ports(compiled, bundle, batch=options.batch, cams_size=cams_size)
        for request in requests:
            request.get_input_tensor(0).data[...] = 0
        self._requests = requests
        self._free = deque(requests)
        self._sums = sums_port(compiled) if options.check_logits else None
        self._bundle, self._options = bundle, options
        self._watched: int | None = None
        self._info = EngineInfo(
            name="openvino",
            device=str(core.get_property("CPU", "FULL_DEVICE_NAME")),
            precision=executed_precision(compiled),
            precision_asked=options.precision,
            input_size=bundle.input_spec.size,
            labels_size=bundle.labels_size,
            batch=options.batch,
            threads=choice.threads,
            streams=choice.streams,
            chosen_by=choice.chosen_by,
            version=str(ov.__version__),
        )

    @property
    def info(self) -> EngineInfo:
        """What really runs."""
        return self._info

    def submit(self, inputs_NHWC: np.ndarray) -> OpenVinoTicket:
        """Start one batch; see the protocol. Hot path: shape and dtype are the caller's promise."""
        request = started(self._requests, self._free, inputs_NHWC)
        read = partial(self._read, num_frames=len(inputs_NHWC), watched=self._watched)
        return OpenVinoTicket(request, read=read, free=self._free)

    def _read(
        self, request: "openvino.InferRequest", *, num_frames: int, watched: int | None
    ) -> tuple[np.ndarray, Extras, FrameOverflowError | None]:
        """Copy what a request found; the rest of its batch is padding."""
        labels_Nhw: np.ndarray = request.get_output_tensor(0).data[:num_frames].copy()
        extras, fault = Extras(), None
        if watched is not None:
            cams_NCHW = request.get_output_tensor(1).data[:num_frames]
            extras = Extras(cams_NHW=cams_NCHW[:, watched].copy())
        if self._sums is not None:
            finite_N = np.isfinite(request.get_output_tensor(self._sums).data[:num_frames])
            what, precision = "the openvino graph", self._info.precision
            fault = overflow_in(labels_Nhw, finite_n=finite_N, what=what, precision=precision)
        return labels_Nhw, extras, fault

    def watch(self, class_id: int | None) -> None:
        """Give class activation maps of a class from now on; see the protocol.

        A graph with maps computes those of all classes, so that any class can be asked for at any
        time: with a head of one pixel they are its logits without the bias.
        """
        if class_id is not None:
            check_class(class_id, classmap=self._bundle.classmap)
            if self._bundle.cams_size is None:
                raise ModelError(
                    f"the OpenVINO graph of {self._bundle.path} gives no class activation maps",
                    accepted="bundles exported with them, of networks with a linear head",
                    remedy="export it again: python -m export, or try --engine eager",
                )
            if not self._options.cams:
                raise ModelError(
                    "this engine was opened for labels alone",
                    accepted="class activation maps of engines opened with cams=True",
                )
        self._watched = class_id

    def close(self) -> None:
        """Wait for what is under way and release the graph. May be called twice."""
        requests, self._requests = self._requests, []
        for request in requests:
            request.wait()
        self._free.clear()


def why_not(bundle: Bundle) -> str:
    """Say why a bundle cannot run here; empty when it can."""
    if not holds(bundle, "fp32"):
        return f"{bundle.path} holds no OpenVINO graph; its weights run with --engine eager"
    if is_split(bundle.network_spec) and not (find_spec("torch") and find_spec("torchvision")):
        return f"what a {bundle.network_spec.architecture} finds is sorted out in torch: {INSTALL}"
    return ""


def device_fault(device: str) -> str:
    """Say why the OpenVINO engine cannot run on a device; empty when it can."""
    return "" if device in ("auto", "cpu") else f"the openvino engine cannot run on {device!r}"


def _check_ports(
    compiled: "openvino.CompiledModel",
    bundle: Bundle,
    *,
    batch: int,
    cams_size: tuple[int, int] | None,
) -> None:
    wanted: tuple[tuple[str, list[int]], ...] = (
        ("u8", [batch, *bundle.input_spec.size, 3]),
        ("u8", [batch, *bundle.labels_size]),
    )
    if cams_size is not None:
        wanted += (("f32", [batch, bundle.classmap.num_classes, *cams_size]),)
    if sums_port(compiled) is not None:
        wanted += (("f32", [batch]),)
    ports = [*compiled.inputs, *compiled.outputs]
    found = tuple((port.get_element_type().to_string(), list(port.shape)) for port in ports)
    if found != wanted:
        raise ModelError(
            f"the OpenVINO graph of {bundle.path} maps {found[0]} to {found[1:]}",
            accepted=f"{wanted[0]} to {wanted[1:]}, as its manifest says",
            remedy="export the bundle again: python -m export",
        )
