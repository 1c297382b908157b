"""The OpenVINO engine: any CPU, no torch.

One inference stream a thread, as far as requests go round: on a CPU that gives the most frames a
second for the least work. The caller keeps several requests under way, so no stream waits for
its next input.

Shape letters: N frames of a batch, H, W height and width of the input, h, w of the labels.
"""

import importlib
import os
import sys
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from losszero_rt.bundle import Bundle
from losszero_rt.engine.protocol import EngineInfo, EngineOptions, Extras, Precision
from losszero_rt.errors import ModelError

if TYPE_CHECKING:
    import openvino

# OpenVINO's word for each precision, both as a hint and in the graph that executes.
HINTS: dict[str, str] = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}
_FASTEST_FIRST: tuple[Precision, ...] = ("bf16", "fp32")
_CAPABILITIES = {"bf16": "BF16", "fp32": "FP32"}
_WORDS = {word: name for name, word in HINTS.items()}
_REPORTERS = ("openvino_telemetry", "openvino.tools.ovc")


def import_openvino() -> ModuleType:
    """Import openvino without its telemetry, which forks and opens a socket on import.

    Raises:
        ModelError: If openvino is not installed.
    """
    try:
        with without_modules(*_REPORTERS):
            return importlib.import_module("openvino")
    except ImportError as error:
        raise ModelError(
            f"the openvino engine needs the package openvino ({error})",
            remedy="pip install openvino",
        ) from error


@contextmanager
def without_modules(*names: str) -> Iterator[None]:
    """Make ``import`` of some modules fail inside a ``with`` block."""
    kept = {name: sys.modules[name] for name in names if name in sys.modules}
    sys.modules.update(dict.fromkeys(names))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]
        sys.modules.update(kept)


class OpenVinoTicket:
    """One submission under way.

    Args:
        request: Started with the frames of the submission.
        num_frames: Frames submitted; the rest of the batch is padding.
        free: Where the request goes back to once it was read.
    """

    def __init__(
        self,
        request: "openvino.InferRequest",
        *,
        num_frames: int,
        free: "deque[openvino.InferRequest]",
    ) -> None:
        self._request: openvino.InferRequest | None = request
        self._num_frames = num_frames
        self._free = free
        self._labels_Nhw: np.ndarray | None = None
        self._infer_ms = 0.0

    def result(self) -> np.ndarray:
        """Wait, then return the labels, uint8 (n, h, w), owned by the caller."""
        if self._request is not None:
            request, self._request = self._request, None
            try:
                request.wait()
                self._labels_Nhw = request.get_output_tensor(0).data[: self._num_frames].copy()
                self._infer_ms = float(request.latency)
            except RuntimeError as error:
                raise ModelError(f"the openvino engine failed: {_first_line(error)}") from error
            finally:
                self._free.append(request)
        assert self._labels_Nhw is not None, "the first result() raised"
        return self._labels_Nhw

    @property
    def extras(self) -> Extras:
        """What came beside the labels."""
        return Extras()

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
            model.reshape([options.batch, *bundle.input_spec.size, 3])
            settings = _settings(precision, threads, num_streams=min(threads, options.num_requests))
            compiled = core.compile_model(model, "CPU", settings)
            requests = [compiled.create_infer_request() for _ in range(options.num_requests)]
        except RuntimeError as error:
            raise ModelError(
                f"OpenVINO {ov.__version__} refuses the graph of {bundle.path}: "
                f"{_first_line(error)}",
                remedy="export the bundle again with this OpenVINO: python -m export",
            ) from error
        _check_ports(compiled, bundle, batch=options.batch)
        for request in requests:
            request.get_input_tensor(0).data[...] = 0
        self._requests = requests
        self._free = deque(requests)
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
        return OpenVinoTicket(request, num_frames=len(inputs_NHWC), free=self._free)

    def close(self) -> None:
        """Wait for what is under way and release the graph. May be called twice."""
        requests, self._requests = self._requests, []
        for request in requests:
            request.wait()
        self._free.clear()


def num_cores(*, cgroup_limit: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """Return the cores that this process may use: its affinity, within its container's quota.

    Args:
        cgroup_limit: File of Linux control groups (version 2): ``QUOTA PERIOD`` in microseconds,
            the quota ``max`` without a limit.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        quota, period = cgroup_limit.read_text().split()
        return max(1, min(allowed or 1, round(int(quota) / int(period))))
    except (OSError, ValueError):
        return allowed or 1


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


def capable_precisions() -> tuple[Precision, ...]:
    """Return the arithmetic that this CPU has, the fastest first."""
    capabilities = import_openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return tuple(p for p in _FASTEST_FIRST if _CAPABILITIES[p] in capabilities)


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


def executed_precision(compiled: "openvino.CompiledModel") -> str:
    """Read the arithmetic of the convolutions back from the graph that executes.

    The name of the kernel tells it (``brgconv_avx512_1x1_bf16``); the node's runtimePrecision
    does not: it is that of the stored weights where they are converted on the way in.

    Returns:
        ``fp32``, ``bf16`` or ``fp16``; several joined by ``+``, the most frequent first.
    """
    counts: Counter[str] = Counter()
    for node in compiled.get_runtime_model().get_ordered_ops():
        facts = node.get_rt_info()
        if "Convolution" in facts["layerType"].astype(str):
            counts[facts["primitiveType"].astype(str).rpartition("_")[2]] += 1
    return "+".join(_WORDS.get(word, word) for word, _ in counts.most_common())


def openvino_facts() -> dict[str, Any]:
    """Return version and devices for ``doctor``; says so where something is absent."""
    try:
        ov = import_openvino()
        core = ov.Core()
        devices = {
            device: f"{core.get_property(device, 'FULL_DEVICE_NAME')}: "
            + " ".join(sorted(core.get_property(device, "OPTIMIZATION_CAPABILITIES")))
            for device in core.available_devices
        }
    except (ModelError, RuntimeError) as error:
        return {"absent": str(error)}
    return {"version": str(ov.__version__), **devices}


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


def _check_ports(compiled: "openvino.CompiledModel", bundle: Bundle, *, batch: int) -> None:
    wanted = (
        ("u8", [batch, *bundle.input_spec.size, 3]),
        ("u8", [batch, *bundle.labels_size]),
    )
    ports = [*compiled.inputs, *compiled.outputs]
    found = tuple((port.get_element_type().to_string(), list(port.shape)) for port in ports)
    if found != wanted:
        raise ModelError(
            f"the OpenVINO graph of {bundle.path} maps {found[0]} to {found[1:]}",
            accepted=f"{wanted[0]} to {wanted[1]}, as its manifest says",
            remedy="export the bundle again: python -m export",
        )


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
