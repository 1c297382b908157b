"""Which layers of an OpenVINO graph suffer most from int8.

A quantised graph holds, before each convolution and matrix product, an operation that rounds its
input (FakeQuantize), and its kernel as whole numbers with a scale. Here one layer at a time gets
both in the graph of floats, and the difference that alone makes to the logits is its error.

Shape letters: H, W height and width of the input.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from losszero_rt.engine.openvino_facts import HINTS, import_openvino, openvino_core

LAYER_TYPES = ("Convolution", "GroupConvolution", "MatMul")
# What may lie between a layer and the operation that rounds its input.
_PASSED = ("Pad", "Reshape", "Transpose", "Squeeze", "Unsqueeze")
# How pictures are normalised before the first layer; NNCF takes these for layers of their own.
_NORMALISING = ("Add", "Subtract", "Multiply", "Divide")
_EXACT = {"INFERENCE_PRECISION_HINT": HINTS["fp32"]}


def quantised_layers(model: Any) -> list[str]:
    """Return the names of the layers of a quantised graph whose input and kernel are rounded."""
    return [
        node.get_friendly_name()
        for node in model.get_ordered_ops()
        if node.get_type_name() in LAYER_TYPES
        and _rounding_above(node.input(0)) is not None
        and _is_rounded(node.input_value(1).get_node())
    ]


def normalising_nodes(model: Any) -> list[str]:
    """Return the names of what a graph of floats does to its input before any layer.

    Rounding there costs time where the first layer stays in floats, and is the layer's own matter
    where it does not.
    """
    waiting, seen = list(model.get_parameters()), {}
    while waiting:
        for port in waiting.pop().output(0).get_target_inputs():
            node = port.get_node()
            name, kind = node.get_friendly_name(), node.get_type_name()
            if name not in seen and kind not in (*LAYER_TYPES, "ShapeOf"):
                seen[name] = kind
                waiting.append(node)
    return [name for name, kind in seen.items() if kind in _NORMALISING]


def rank_layers(
    floats: Any, quantised: Any, *, inputs: Sequence[np.ndarray]
) -> list[tuple[str, float]]:
    """Return the layers with the error of each, the worst first.

    Args:
        floats: Graph of floats whose first output is the logits; changed, and changed back.
        quantised: The same graph quantised, its nodes of the same names.
        inputs: uint8 (H, W, 3) each; a few will do.

    Returns:
        Names, and the root mean square of the difference of the logits over the logits'.
    """
    layers = {node.get_friendly_name(): node for node in floats.get_ordered_ops()}
    rounded = {node.get_friendly_name(): node for node in quantised.get_ordered_ops()}
    truth = _logits(floats, inputs)
    power = np.square(truth).mean()
    errors = {}
    for name in quantised_layers(quantised):
        undo = _round_layer(layers[name], like=rounded[name])
        errors[name] = float(np.sqrt(np.square(_logits(floats, inputs) - truth).mean() / power))
        for port, source in undo:
            port.replace_source_output(source)
    return sorted(errors.items(), key=lambda item: -item[1])


def _round_layer(layer: Any, *, like: Any) -> list[tuple[Any, Any]]:
    """Round input and kernel of one layer; return its ports with what they were fed from."""
    op = import_openvino().opset13
    above = _rounding_above(like.input(0))
    assert above is not None, "only such layers are ranked"
    steps, rounding = above
    port = layer.input(0)
    for _ in range(steps):
        port = port.get_source_output().get_node().input(0)
    undo = [(p, p.get_source_output()) for p in (port, layer.input(1))]
    levels = rounding.get_attributes()["levels"]
    fed = op.fake_quantize(undo[0][1], *rounding.input_values()[1:], levels)
    port.replace_source_output(fed.output(0))
    layer.input(1).replace_source_output(like.input_value(1))
    return undo


def _rounding_above(port: Any) -> tuple[int, Any] | None:
    """Return how many nodes lie between a port and the rounding of what it is fed, and that."""
    for steps in range(len(_PASSED)):
        node = port.get_source_output().get_node()
        if node.get_type_name() == "FakeQuantize":
            return steps, node
        if node.get_type_name() not in _PASSED:
            return None
        port = node.input(0)
    return None


def _is_rounded(node: Any) -> bool:
    """Say whether a kernel ends in a constant of whole numbers."""
    while node.get_input_size():
        node = node.input_value(0).get_node()
    return node.get_element_type().to_string() in ("i8", "u8")


def _logits(model: Any, inputs: Sequence[np.ndarray]) -> np.ndarray:
    request = openvino_core().compile_model(model, "CPU", _EXACT).create_infer_request()
    return np.concatenate([request.infer([pixels_HWC[None]])[0] for pixels_HWC in inputs])
