"""The rules of types that TensorRT's headers state for strongly typed networks."""

from typing import Any

import tensorrt as trt

_DT = trt.DataType
FLOATS = {_DT.FLOAT, _DT.HALF, _DT.BF16}
SAME_TYPES = ("elementwise", "concatenation", "matrix_multiply", "normalization")
FLOAT_INPUTS = ("activation", "softmax", "convolution", "resize", "normalization", "scale")


class TypeRuleError(Exception):
    """A network that TensorRT documents as illegal."""


def check_types(layer: Any) -> None:
    """Raise TypeRuleError if the types of a layer's inputs break a rule.

    Source: NvInferRuntimeBase.h (kUINT8 feeds nothing but a cast) and NVIDIA/TensorRT#3985.
    """
    found = [tensor.dtype for tensor in layer.inputs if tensor is not None]
    if _DT.UINT8 in found and layer.kind not in ("cast", "identity"):
        raise TypeRuleError(f"{layer.kind}: UINT8 may only feed a cast")
    if layer.kind == "cast":
        _check_cast(found[0], layer.options["to"])
    if layer.kind in SAME_TYPES and len(set(found)) > 1:
        raise TypeRuleError(f"{layer.kind} '{layer.name}': operand types differ {found}")
    if layer.kind == "select" and (found[0] is not _DT.BOOL or found[1] is not found[2]):
        raise TypeRuleError(f"select '{layer.name}': {found}")
    if layer.kind in ("convolution", "deconvolution", "scale"):
        _check_weights(layer, found[0])
    if layer.kind in ("quantize", "dequantize"):
        _check_eight_bits(layer, found)
    integers = layer.kind == "activation" and found[0] in (_DT.INT32, _DT.INT64)
    if layer.kind in FLOAT_INPUTS and found[0] not in FLOATS and not integers:
        raise TypeRuleError(f"{layer.kind} '{layer.name}': input {found[0]}")


def _check_cast(source: Any, target: Any) -> None:
    others = {source, target} - {_DT.UINT8}
    if _DT.UINT8 in (source, target) and not others <= {_DT.FLOAT, _DT.HALF}:
        raise TypeRuleError(f"cast {source} to {target}: UINT8 converts only with FLOAT and HALF")


def _check_eight_bits(layer: Any, found: list[Any]) -> None:
    """Check a rounding to eight bits or back.

    Source: NvInfer.h, IQuantizeLayer and IDequantizeLayer: scales are floating; what goes in or
    comes out is floating on the one side and INT8 or FP8 on the other.
    """
    wide, narrow = found[0], layer.options["to"]
    if layer.kind == "dequantize":
        wide, narrow = narrow, wide
    if wide not in FLOATS or narrow not in (_DT.INT8, _DT.FP8) or found[1] not in FLOATS:
        raise TypeRuleError(f"{layer.kind} '{layer.name}': {found} to {layer.options['to']}")


def _check_weights(layer: Any, kind: Any) -> None:
    for role in ("kernel", "bias", "shift", "scale", "power"):
        weights = layer.options.get(role)
        if getattr(weights, "count", 0) and weights.dtype is not kind:
            raise TypeRuleError(
                f"{layer.kind} '{layer.name}': {role} {weights.dtype}, input {kind}"
            )
