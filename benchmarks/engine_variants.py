"""The engines that are compared, each as a function from one input to labels and milliseconds.

Every one of them runs on one thread and takes one frame at a time: what it costs, and not how well
it shares a machine. The milliseconds are processor time, which on one thread is what the frame
takes on an idle machine, and hardly more on a busy one.
"""

import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.engine_subjects import Subject
from export.compile_onnx import PortableGraph, read_portable
from export.onnx_parity import import_onnxruntime
from export.trace import LogitsGraph
from losszero_rt.bundle import WEIGHTS_NAME
from losszero_rt.engine import EngineOptions, Precision
from losszero_rt.engine.eager_engine import EagerEngine, load_bundle_network
from losszero_rt.engine.openvino_facts import (
    HINTS,
    capable_precisions,
    import_openvino,
    openvino_core,
    without_modules,
)
from losszero_rt.engine.openvino_graphs import all_roles_of, holds, offered_precisions
from losszero_rt.engine.openvino_objects import open_on_openvino
from losszero_rt.network import upsample_logits

# From uint8 inputs (1, H, W, 3) to labels (1, h, w), and the milliseconds that took. Where
# normalising is not inside of what is compared, its time is left out.
Run = Callable[[np.ndarray], tuple[np.ndarray, float]]
EAGER, COMPILED, ONNX = "eager fp32", "torch.compile fp32", "ONNX Runtime fp32"
PLAIN, PLAIN_LOGITS = "plain conversion", "plain conversion, logits alone"
_ONE_THREAD = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1}


class AbsentError(Exception):
    """An engine that cannot run a network here; says why."""


def variants() -> dict[str, Callable[[Subject], Run]]:
    """Return what opens each engine, by what to call it."""
    openvino = [*capable_precisions()[::-1], "int8"]
    return {
        EAGER: _open_eager,
        COMPILED: _open_compiled,
        ONNX: _open_onnx,
        **{f"OpenVINO {p}": partial(_open_openvino, precision=p) for p in openvino},
        PLAIN: partial(_open_plain, argmax=True),
        PLAIN_LOGITS: partial(_open_plain, argmax=False),
    }


def size_mb(subject: Subject, name: str) -> float:
    """Return the size of the files that an engine reads, megabytes."""
    bundle, files = subject.bundle, [WEIGHTS_NAME]
    if name == ONNX:
        files = [bundle.engines["onnx"]["graph"]] if "onnx" in bundle.engines else []
    elif name.startswith("OpenVINO"):
        precision: Any = name.split()[1]
        roles = all_roles_of(bundle, precision) if holds(bundle, precision) else ()
        files = [bundle.engines["openvino"][role] for role in roles]
    return round(sum(bundle.files[file].num_bytes for file in files) / 1e6, 2)


def _open_eager(subject: Subject) -> Run:
    options = EngineOptions(device="cpu", precision="fp32", threads=1)
    engine = EagerEngine(subject.bundle, options=options)
    return timed(lambda inputs_1HWC: engine.submit(inputs_1HWC).result())


def _open_compiled(subject: Subject) -> Run:
    _want_one_graph(subject)
    bundle = subject.bundle
    graph = LogitsGraph(load_bundle_network(bundle), spec=bundle.input_spec).eval()
    torch.set_num_threads(1)
    compiled = torch.compile(PortableGraph(graph, labels_size=bundle.labels_size).eval())

    def find(inputs_1HWC: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            labels_1HW: np.ndarray = compiled(torch.from_numpy(inputs_1HWC))[0].numpy()
        return labels_1HW

    return timed(find)


def _open_onnx(subject: Subject) -> Run:
    if "onnx" in subject.absent:
        raise AbsentError(subject.absent["onnx"])
    onnxruntime = import_onnxruntime()
    content = subject.bundle.read(subject.bundle.engines["onnx"]["graph"])
    read_portable(content)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])

    def find(inputs_1HWC: np.ndarray) -> np.ndarray:
        labels_1HW: np.ndarray = session.run(["labels"], {"pixels": inputs_1HWC})[0]
        return labels_1HW

    return timed(find)


def _open_openvino(subject: Subject, *, precision: Precision) -> Run:
    if precision not in offered_precisions(subject.bundle):
        raise AbsentError(subject.absent.get("int8", "this CPU has no fast int8 products"))
    options = EngineOptions(precision=precision, threads=1, streams=1, num_requests=1, cams=False)
    engine = open_on_openvino(subject.bundle, options=options)
    return timed(lambda inputs_1HWC: engine.submit(inputs_1HWC).result())


def _open_plain(subject: Subject, *, argmax: bool) -> Run:
    """Open what converting the network as it is gives: floats in, logits of full size out.

    It runs in the fastest floats of this CPU. Normalising and argmax are left to NumPy; only the
    latter counts.
    """
    _want_one_graph(subject)
    spec, network = subject.bundle.input_spec, load_bundle_network(subject.bundle)
    import_openvino()
    with without_modules("openvino_telemetry"):
        from openvino.tools.ovc import convert_model
    graph = FullSizeGraph(network, spec.size).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        model = convert_model(graph, example_input=torch.zeros(1, 3, *spec.size))
    model.reshape([1, 3, *spec.size])
    settings = {"INFERENCE_PRECISION_HINT": HINTS[capable_precisions()[0]], **_ONE_THREAD}
    request = openvino_core().compile_model(model, "CPU", settings).create_infer_request()
    mean, std = (np.array(values, np.float32) * 255 for values in (spec.mean, spec.std))

    def find(values_NCHW: np.ndarray) -> np.ndarray:
        logits_NCHW = request.infer([values_NCHW])[0]
        labels_NHW: np.ndarray = logits_NCHW.argmax(1) if argmax else logits_NCHW[:, 0]
        return labels_NHW.astype(np.uint8)

    inner = timed(find)

    def run(inputs_1HWC: np.ndarray) -> tuple[np.ndarray, float]:
        values_1HWC = ((inputs_1HWC - mean) / std).astype(np.float32)
        return inner(np.ascontiguousarray(values_1HWC.transpose(0, 3, 1, 2)))

    return run


def _want_one_graph(subject: Subject) -> None:
    if "graph" in subject.absent:
        raise AbsentError(subject.absent["graph"])


class FullSizeGraph(nn.Module):
    """A network from normalised values to logits at the size of its input."""

    def __init__(self, network: nn.Module, size: tuple[int, int]) -> None:
        super().__init__()
        self.network = network
        self.size = size

    def forward(self, values_NCHW: torch.Tensor) -> torch.Tensor:
        """Return the logits."""
        return upsample_logits(self.network(values_NCHW), self.size)


def timed(find: Callable[[np.ndarray], np.ndarray]) -> Run:
    """Return a function with the milliseconds of processor time that it takes, all threads."""

    def run(inputs: np.ndarray) -> tuple[np.ndarray, float]:
        start_s = time.process_time()
        found = find(inputs)
        return found, (time.process_time() - start_s) * 1e3

    return run
