"""The OpenVINO engine: any CPU, no torch.

One inference stream a thread, as far as requests go round: on a CPU that gives the most frames a
second for the least work. The caller keeps several requests under way, so no stream waits for
its next input.

Shape letters: N frames of a batch, H, W height and width of the input, h, w of the labels.
"""

from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np

from losszero_rt.bundle import Bundle
from losszero_rt.cores import num_cores
from losszero_rt.engine.openvino_facts import (
    HINTS,
    capable_precisions,
    executed_precision,
    first_line,
    import_openvino,
)
from losszero_rt.engine.protocol import (
    EngineInfo,
    EngineOptions,
    Extras,
    Precision,
    check_class,
)
from losszero_rt.errors import ModelError

if TYPE_CHECKING:
    import openvino


class OpenVinoTicket:
    """One submission under way.

    Args:
        request: Started with the frames of the submission.
        num_frames: Frames submitted; the rest of the batch is padding.
        watched: The class whose activation maps are wanted; None for none.
        free: Where the request goes back to once it was read.
    """

    def __init__(
        self,
        request: "openvino.InferRequest",
        *,
        num_frames: int,
        watched: int | None,
        free: "deque[openvino.InferRequest]",
    ) -> None:
        self._request: openvino.InferRequest | None = request
        self._num_frames = num_frames
        self._watched = watched
        self._free = free
        self._extras = Extras()
        self._labels_Nhw: np.ndarray | None = None
        self._infer_ms = 0.0

    def result(self) -> np.ndarray:
        """Wait, then return the labels, uint8 (n, h, w), owned by the caller."""
        if self._request is not None:
            request, self._request = self._request, None
            try:
                request.wait()
                self._labels_Nhw = request.get_output_tensor(0).data[: self._num_frames].copy()
                if self._watched is not None:
                    cams_NCHW = request.get_output_tensor(1).data[: self._num_frames]
                    self._extras = Extras(cams_NHW=cams_NCHW[:, self._watched].copy())
                self._infer_ms = float(request.latency)
            except RuntimeError as error:
                raise ModelError(f"the openvino engine failed: {first_line(error)}") from error
            finally:
                self._free.append(request)
        assert self._labels_Nhw is not None, "the first result() raised"
        return self._labels_Nhw

    @property
    def extras(self) -> Extras:
        """What came beside the labels."""
        return self._extras

    @property
    def infer_ms(self) -> float:
        """Time the submission spent in the engine, milliseconds; known after :meth:`result`."""
        return self._infer_ms


class OpenVinoEngine:
    """Runs the OpenVINO graph of a bundle.

    Args:
        bundle: Holds the graph.
        options: ``device`` must be ``auto`` or ``cpu``.

    Raises:
        ModelError: If the bundle holds no such graph, or it does not compile here.
    """

    def __init__(self, bundle: Bundle, *, options: EngineOptions) -> None:
        fault = why_not(bundle) or _device_fault(options.device)
        if fault:
            raise ModelError(fault, accepted="a bundle with an OpenVINO graph, on a CPU")
        ov = import_openvino()
        core = ov.Core()
        threads = options.threads or num_cores()
        precision = choose_precision(bundle, options.precision)
        try:
            model = read_graph(core, bundle)
            for result in [] if options.cams else model.get_results()[1:]:
                model.remove_result(result)
            model.reshape([options.batch, *bundle.input_spec.size, 3])
            settings = _settings(precision, threads, num_streams=min(threads, options.num_requests))
            compiled = core.compile_model(model, "CPU", settings)
            requests = [compiled.create_infer_request() for _ in range(options.num_requests)]
        except RuntimeError as error:
            raise ModelError(
                f"OpenVINO {ov.__version__} refuses the graph of {bundle.path}: "
                f"{first_line(error)}",
                remedy="export the bundle again with this OpenVINO: python -m export",
            ) from error
        cams_size = bundle.cams_size if options.cams else None
        _check_ports(compiled, bundle, batch=options.batch, cams_size=cams_size)
        for request in requests:
            request.get_input_tensor(0).data[...] = 0
        self._requests = requests
        self._free = deque(requests)
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
            threads=threads,
            version=str(ov.__version__),
        )

    @property
    def info(self) -> EngineInfo:
        """What really runs."""
        return self._info

    def submit(self, inputs_NHWC: np.ndarray) -> OpenVinoTicket:
        """Start one batch; see the protocol. Hot path: shape and dtype are the caller's promise."""
        if not self._free:
            raise ModelError(
                "the openvino engine has no free request",
                accepted=f"at most {len(self._requests)} unread tickets on an open engine",
            )
        request = self._free.popleft()
        request.get_input_tensor(0).data[: len(inputs_NHWC)] = inputs_NHWC
        request.start_async()
        return OpenVinoTicket(
            request, num_frames=len(inputs_NHWC), watched=self._watched, free=self._free
        )

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
    roles = bundle.engines.get("openvino", {})
    if not {"graph", "constants"} <= set(roles):
        return f"{bundle.path} holds no OpenVINO graph"
    return ""


def read_graph(core: "openvino.Core", bundle: Bundle) -> "openvino.Model":
    """Deserialise the graph of a bundle from bytes that were verified."""
    roles = bundle.engines["openvino"]
    graph, constants = bundle.read(roles["graph"]), bundle.read(roles["constants"])
    return core.read_model(graph, constants)


def choose_precision(bundle: Bundle, asked: Precision) -> Precision:
    """Settle what to execute: ``auto`` is the fastest arithmetic that export proved equal.

    Raises:
        ModelError: If this CPU does not have what was asked for.
    """
    capable = capable_precisions()
    if asked == "auto":
        proved = bundle.parity.get("openvino", {}).get("precisions") or capable
        return next((p for p in capable if p in proved), "fp32")
    if asked not in capable:
        raise ModelError(
            f"precision {asked} was asked for, which this CPU does not have",
            accepted=f"precisions: auto, {', '.join(capable)}",
        )
    return asked


def _settings(precision: Precision, threads: int, *, num_streams: int) -> dict[str, Any]:
    return {
        "INFERENCE_PRECISION_HINT": HINTS[precision],
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": num_streams,
        # Decoder and encoder threads share the cores: pinned threads could not step aside.
        "ENABLE_CPU_PINNING": False,
    }


def _device_fault(device: str) -> str:
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
    ports = [*compiled.inputs, *compiled.outputs]
    found = tuple((port.get_element_type().to_string(), list(port.shape)) for port in ports)
    if found != wanted:
        raise ModelError(
            f"the OpenVINO graph of {bundle.path} maps {found[0]} to {found[1:]}",
            accepted=f"{wanted[0]} to {wanted[1:]}, as its manifest says",
            remedy="export the bundle again: python -m export",
        )
