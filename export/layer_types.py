"""Reading the arithmetic of a TensorRT engine from its inspector, not from what was asked for."""

from typing import Any

from losszero_rt.errors import ModelError

HALF_SHARE_MIN = 0.9
# Layers whose arithmetic is the engine's: none of them may run in fp32 in an fp16 engine.
HEAVY_LAYERS = ("convolution", "deconvolution", "matrixmultiply", "matrix_multiply", "gemm")


def precision_of(layers: list[Any]) -> tuple[str, float]:
    """Read the arithmetic of an engine from its layer information.

    Args:
        layers: ``Layers`` of the inspector's JSON: objects with ``LayerType``, ``Inputs`` and
            ``Outputs``, each tensor with ``Format/Datatype``.

    Returns:
        ``fp16``, ``fp32`` or ``mixed``, and the share of the floating tensors that are half.

    Raises:
        ModelError: If the layers carry no types, so that nothing could be read.
    """
    kinds: list[str] = []
    heavy: set[str] = set()
    for layer in layers:
        if not isinstance(layer, dict):
            continue
        found = [_kind(tensor) for side in ("Inputs", "Outputs") for tensor in layer.get(side, [])]
        floats = [kind for kind in found if kind]
        kinds += floats
        if str(layer.get("LayerType", "")).lower().replace(" ", "") in HEAVY_LAYERS:
            heavy |= set(floats)
    if not kinds:
        raise ModelError(
            "the engine says nothing of the types of its layers",
            accepted="layer information with types",
            remedy="build with the debugger's layer information switched on",
        )
    half_share = kinds.count("half") / len(kinds)
    if half_share >= HALF_SHARE_MIN and heavy <= {"half"}:
        return "fp16", half_share
    return ("fp32" if "half" not in kinds else "mixed"), half_share


def _kind(tensor: Any) -> str:
    """Return ``half``, ``float``, or nothing for a tensor that is not floating."""
    text = str(tensor.get("Format/Datatype", "") if isinstance(tensor, dict) else "").lower()
    if "half" in text or "fp16" in text:
        return "half"
    return "float" if "float" in text or "fp32" in text else ""
