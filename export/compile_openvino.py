"""From a network to an OpenVINO graph that ends in labels.

The tail is written out instead of using Interpolate and TopK, because on one CPU thread these
cost more than a sixth of the whole network: an upsampling over few channels cannot be
vectorised in the layout that convolutions leave behind. Written as one small matrix product
(columns) and a blend of neighbouring rows fused with a running maximum, the same bilinear
logits and their argmax take about a millisecond at 384x672.

Shape letters: N pictures, C classes, h, w the decoder's height and width, H, W the labels'.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from export.trace import CamsGraph, LogitsGraph
from export.upsampling import merge_upsampling
from losszero_rt.bundle import Bundle
from losszero_rt.engine.openvino_facts import (
    HINTS,
    import_openvino,
    openvino_core,
    without_modules,
)
from losszero_rt.engine.openvino_graphs import read_graph
from losszero_rt.engine.openvino_sums import LOGITS
from losszero_rt.engine.protocol import Precision
from losszero_rt.errors import ModelError

if TYPE_CHECKING:
    import openvino
    import torch
    from torch import nn

FACTORS = (1, 2, 4, 8)


def convert_graph(graph: LogitsGraph | CamsGraph, *, size: tuple[int, int]) -> "openvino.Model":
    """Convert a network to OpenVINO, any number of pictures, logits at the decoder's stride.

    The trunk of a network that is compiled in parts gives other things; all of them are outputs.

    Args:
        graph: In evaluation mode.
        size: (height, width) of the input.

    Returns:
        A graph whose first output is the logits, and whose second one, if there is one, is the
        class activation maps.
    """
    import torch

    model = convert_part(graph, torch.zeros(2, *size, 3, dtype=torch.uint8))
    merge_upsampling(model)
    return model


def convert_part(part: "nn.Module", example: "torch.Tensor") -> "openvino.Model":
    """Convert a module to OpenVINO.

    Args:
        part: In evaluation mode.
        example: What it takes; of its shape only the first side may be another one later.
    """
    from torch.jit import TracerWarning  # type: ignore[attr-defined]

    import_openvino()
    with without_modules("openvino_telemetry"):
        from openvino.tools.ovc import convert_model
    with warnings.catch_warnings():
        # torch would rather see torch.export here: it gives the same graph, five times slower.
        warnings.simplefilter("ignore", FutureWarning)
        # What depends on the picture's size alone is meant to become constant.
        warnings.simplefilter("ignore", TracerWarning)
        return convert_model(part, example_input=example, input=[-1, *example.shape[1:]])


def with_labels(model: "openvino.Model", *, size: tuple[int, int]) -> "openvino.Model":
    """Return a graph that gives the uint8 labels (N, H, W) instead of the logits.

    Args:
        model: Ends in logits (N, C, h, w); a second output is kept as it is.
        size: (H, W), the same whole multiple of (h, w).

    Raises:
        ModelError: If the sizes do not fit.
    """
    ov = import_openvino()
    logits = model.output(0).get_node().input_value(0)
    logits.get_node().set_friendly_name(LOGITS)
    num_classes, height, width = (
        logits.get_partial_shape()[axis].get_length() for axis in (1, 2, 3)
    )
    factor = size[0] // height
    if (height * factor, width * factor) != size or factor not in FACTORS:
        raise ModelError(
            f"logits of {height}x{width} for labels of {size[0]}x{size[1]}",
            accepted=f"the same factor both ways, one of {FACTORS}",
        )
    planes = _finer_planes(logits, num_classes, (height, width), factor)
    labels = _argmax(planes)
    flat = _op().reshape(labels, _ints(0, -1, size[1]), True)
    cut = factor // 2
    if cut:
        flat = _op().slice(flat, _ints(cut), _ints(cut + size[0]), _ints(1), _ints(1))
    others = [port.get_node().input_value(0) for port in model.outputs[1:]]
    labelled = ov.Model([flat.output(0), *others], model.get_parameters(), "labels")
    for port, name in zip(labelled.outputs, ("labels", "cams"), strict=False):
        port.set_names({name})
    labelled.input(0).set_names({"pixels"})
    return labelled


def _finer_planes(
    logits: "openvino.Output", num_classes: int, size: tuple[int, int], factor: int
) -> "list[openvino.Node]":
    """Upsample logits and return one plane a class.

    A plane is (N, h + 1, factor, W), with ``factor // 2`` rows too many at top and bottom, or
    plain (N, 1, h, w) for factor 1.

    Row i of the padded logits and its successor enclose ``factor`` output rows::

        padded row  i          .          .          .          .       i + 1
        output         1/2f       3/2f       5/2f       7/2f            (factor f = 4)
    """
    op = _op()
    height, width = size
    axis = op.constant(np.int64(1))
    if factor == 1:
        return list(op.split(logits, axis, num_classes).outputs())
    padded = op.pad(logits, _ints(0, 0, 1, 0), _ints(0, 0, 1, 0), "edge")
    wide = op.matmul(padded, op.constant(_columns(width, factor)), False, False)
    below = ((np.arange(factor, dtype=np.float32) + 0.5) / factor).reshape(1, 1, factor, 1)
    planes = []
    for plane in op.split(wide, axis, num_classes).outputs():
        rows = [
            op.reshape(
                op.slice(plane, _ints(first), _ints(first + height + 1), _ints(1), _ints(2)),
                _ints(0, height + 1, 1, width * factor),
                True,
            )
            for first in (0, 1)
        ]
        upper = op.multiply(rows[0], op.constant(1 - below))
        lower = op.multiply(rows[1], op.constant(below))
        planes.append(op.add(upper, lower))
    return planes


def _argmax(planes: "list[openvino.Node]") -> "openvino.Node":
    """Index of the largest plane, uint8; the first one wins where two are equal."""
    op = _op()
    best, labels = planes[0], op.constant(np.float32(0))
    for class_id, plane in enumerate(planes[1:], start=1):
        labels = op.select(op.greater(plane, best), op.constant(np.float32(class_id)), labels)
        best = op.maximum(plane, best)
    return op.convert(labels, "u8")


def _columns(width: int, factor: int) -> np.ndarray:
    """Weights of bilinear upsampling along a row, corners not aligned, float32 (w, w * factor)."""
    places = np.clip((np.arange(width * factor) + 0.5) / factor - 0.5, 0, width - 1)
    distance = np.abs(np.arange(width)[:, None] - places[None])
    weights: np.ndarray = np.maximum(0, 1 - distance).astype(np.float32)
    return weights


def cams_size_of(model: "openvino.Model") -> tuple[int, int] | None:
    """Return (height, width) of a graph's class activation maps; None if it gives none."""
    if len(model.outputs) == 1:
        return None
    height, width = (model.output(1).get_partial_shape()[axis].get_length() for axis in (2, 3))
    return height, width


def cut_at_logits(
    bundle: Bundle, *, precision: Precision = "fp32", cams: bool = False
) -> "openvino.Model":
    """Read a graph of a bundle again, as one that ends where the labels begin.

    Args:
        bundle: Holds the graph.
        precision: Which of its graphs: the one of int8, or of floats.
        cams: Keep the class activation maps as a second output, where it has any.

    Raises:
        ModelError: If its logits have no name: it was not written by :func:`with_labels`.
    """
    ov = import_openvino()
    model = read_graph(openvino_core(), bundle, precision=precision)
    others = [port.get_node().input_value(0) for port in model.outputs[1:]] if cams else []
    for node in model.get_ordered_ops():
        if node.get_friendly_name() == LOGITS:
            return ov.Model([node.output(0), *others], model.get_parameters(), LOGITS)
    raise ModelError(
        f"the OpenVINO graph of {bundle.path} has no node named {LOGITS}",
        accepted="graphs written by python -m export",
    )


def cpu_facts() -> dict[str, Any]:
    """Return this CPU's ``device`` name and ``capabilities`` and OpenVINO's ``version``."""
    ov = import_openvino()
    core = openvino_core()
    return {
        "device": str(core.get_property("CPU", "FULL_DEVICE_NAME")),
        "capabilities": sorted(map(str, core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))),
        "version": str(ov.__version__),
    }


def run_logits(
    model: "openvino.Model", inputs: Sequence[np.ndarray], *, floats: Precision
) -> list[np.ndarray]:
    """Run a graph that ends in logits on uint8 (H, W, 3) pictures; float32 (1, C, h, w) each.

    Args:
        model: The graph.
        inputs: The pictures.
        floats: Arithmetic of what is not int8 in it.
    """
    hint = {"INFERENCE_PRECISION_HINT": HINTS[floats]}
    request = openvino_core().compile_model(model, "CPU", hint).create_infer_request()
    return [request.infer([pixels_HWC[None]])[0].copy() for pixels_HWC in inputs]


def save_graph(model: "openvino.Model", folder: Path, *, stem: str = "model") -> dict[str, str]:
    """Write a graph, its constants in fp16 wherever that loses nothing; return files by role."""
    ov = import_openvino()
    graph, constants = f"{stem}.xml", f"{stem}.bin"
    for node in model.get_ops():
        if node.get_type_name() == "Constant" and node.get_element_type() == ov.Type.f32:
            _halve(node)
    ov.save_model(model, folder / graph, compress_to_fp16=False)
    return {"graph": graph, "constants": constants}


def _halve(node: "openvino.Node") -> None:
    """Store a float32 constant in fp16 if every value survives; compilers undo it on loading."""
    op = _op()
    values = node.get_data()
    halved = values.astype(np.float16)
    if values.size > 1 and np.array_equal(halved.astype(np.float32), values):
        narrow = op.convert(op.constant(halved), "f32")
        users = node.output(0).get_target_inputs()
        for user in users:
            user.replace_source_output(narrow.output(0))


def _op() -> Any:
    ov = import_openvino()
    return ov.opset13


def _ints(*values: int) -> "openvino.Node":
    return _op().constant(np.array(values, np.int64))
