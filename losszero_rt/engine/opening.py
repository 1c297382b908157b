"""Choosing an engine, checking that it can run here, and opening it."""

from importlib.util import find_spec
from typing import Any, Literal, assert_never

from losszero_rt.bundle import Bundle
from losszero_rt.engine.protocol import ENGINE_NAMES, Engine, EngineName, EngineOptions
from losszero_rt.errors import ModelError, UsageError

_NO_TENSORRT = "no TensorRT engine in this bundle"


def open_engine(
    bundle: Bundle, *, name: EngineName | Literal["auto"] | str = "auto", options: EngineOptions
) -> Engine:
    """Open an engine for a bundle. Nothing falls back silently to another engine or device.

    Args:
        bundle: What to run.
        name: Engine, or ``auto``: the eager engine on a GPU that was asked for, else openvino.
        options: Device, precision, batch and threads.

    Raises:
        ModelError: If the engine cannot run this bundle here.
        UsageError: If there is no engine of that name.
    """
    if name == "auto":
        name = "eager" if options.device.startswith("cuda") else "openvino"
    if name == "openvino":
        from losszero_rt.engine.openvino_engine import OpenVinoEngine

        return OpenVinoEngine(bundle, options=options)
    if name == "eager":
        from losszero_rt.engine.eager_engine import EagerEngine

        return EagerEngine(bundle, options=options)
    if name == "tensorrt":
        raise ModelError(
            f"{bundle.path}: {why_not(bundle, 'tensorrt')}",
            accepted="engines here: openvino, eager",
            remedy="use --engine openvino, or --engine eager --device cuda on an NVIDIA GPU",
        )
    raise UsageError(f"engine {name!r}", accepted=f"auto, {', '.join(ENGINE_NAMES)}")


def fits(bundle: Bundle) -> dict[EngineName, str]:
    """Say of every engine ``fits``, or why it cannot run this bundle here; never raises."""
    return {name: why_not(bundle, name) or "fits" for name in ENGINE_NAMES}


def why_not(bundle: Bundle, name: EngineName) -> str:
    """Say why an engine cannot run a bundle on this machine; empty when it can."""
    if name == "openvino":
        from losszero_rt.engine import openvino_engine

        fault = openvino_engine.why_not(bundle)
        return fault or ("" if find_spec("openvino") else "pip install openvino")
    if name == "eager":
        from losszero_rt.engine import eager_engine

        return eager_engine.why_not()
    if name == "tensorrt":
        return (
            _NO_TENSORRT
            if find_spec("torch_tensorrt")
            else (
                f"{_NO_TENSORRT}, and torch_tensorrt is absent: pip install 'losszero-rt[tensorrt]'"
            )
        )
    assert_never(name)


def engine_facts() -> dict[str, Any]:
    """Return versions and devices of what could run engines, for ``doctor``; never raises."""
    from losszero_rt.engine.eager_engine import torch_facts
    from losszero_rt.engine.openvino_engine import openvino_facts

    tensorrt = "present" if find_spec("torch_tensorrt") else "absent"
    return {"openvino": openvino_facts(), "torch": torch_facts(), "torch_tensorrt": tensorrt}
