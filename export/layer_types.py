"""Reading the arithmetic of a TensorRT engine from its inspector, not from what was asked for."""

import re
from typing import Any

from losszero_rt.errors import ModelError

HALF_SHARE_MIN = 0.9
# Of the heavy layers of an eight-bit engine; first and last layers often stay half.
QUANTISED_SHARE_MIN = 0.5
# Layers whose arithmetic is the engine's: none of them may run in fp32 in an fp16 engine. The
# inspector writes the kernel's library before the word, or other words behind it.
_HEAVY = re.compile(r"conv(?!ert)|matrix_?multiply|gemm|attention|mha", re.IGNORECASE)
# Where a tensor has its type: TensorRT 11 has a field of its own for it, 10 wrote the layout into
# the same one. Layouts alone are not asked: they name types that the tensor has not.
# Source: NVIDIA, "Migrating IEngineInspector Usage from TensorRT 10.x to 11.x".
_TYPE_FIELDS = ("datatype", "format/datatype", "type")
_QUANTISED = ("int8", "fp8")


def precision_of(layers: list[Any]) -> tuple[str, float]:
    """Read the arithmetic of an engine from its layer information.

    Args:
        layers: ``Layers`` of the inspector's JSON: objects with ``LayerType``, ``Inputs`` and
            ``Outputs``, each tensor with ``DataType``, or ``Format/Datatype`` before TensorRT 11.

    Returns:
        ``fp16``, ``fp32``, ``int8``, ``fp8`` or ``mixed``, and the share of the floating tensors
        that are half.

    Raises:
        ModelError: If the layers carry no types, so that nothing could be read.
    """
    kinds: list[str] = []
    heavy: list[set[str]] = []
    for layer in layers:
        if not isinstance(layer, dict):
            continue
        found = [_kind(tensor) for side in ("Inputs", "Outputs") for tensor in layer.get(side, [])]
        kinds += [kind for kind in found if kind]
        if _HEAVY.search(str(layer.get("LayerType", ""))):
            heavy.append({kind for kind in found if kind})
    floats = [kind for kind in kinds if kind in ("half", "float")]
    if not kinds:
        raise ModelError(
            "the engine says nothing of the types of its layers",
            accepted="layer information with types",
            remedy="build with the debugger's layer information switched on",
        )
    half_share = floats.count("half") / max(1, len(floats))
    return _settle(kinds, heavy, half_share), half_share


def _settle(kinds: list[str], heavy: list[set[str]], half_share: float) -> str:
    for kind in _QUANTISED:
        share = sum(kind in one for one in heavy) / max(1, len(heavy))
        if share >= QUANTISED_SHARE_MIN and not any("float" in one for one in heavy):
            return kind
    if any(kind in kinds for kind in _QUANTISED):
        return "mixed"
    # Layers of names that are not known may be heavy ones too.
    least = HALF_SHARE_MIN if heavy else 1.0
    if half_share >= least and set().union(*heavy) <= {"half"}:
        return "fp16"
    return "fp32" if "half" not in kinds else "mixed"


def _kind(tensor: object) -> str:
    """Return ``half``, ``float``, ``int8``, ``fp8``, or nothing for any other type."""
    known = tensor if isinstance(tensor, dict) else {}
    fields = {str(key).lower(): value for key, value in known.items()}
    text = next((str(fields[key]).lower() for key in _TYPE_FIELDS if key in fields), "")
    words = {
        "fp8": ("fp8", "float8"),
        "half": ("half", "fp16", "float16"),
        "float": ("float", "fp32"),
        # Labels and pictures are other integers.
        "int8": ("int8",),
    }
    if "uint8" in text:
        return ""
    return next((kind for kind, names in words.items() if any(n in text for n in names)), "")
