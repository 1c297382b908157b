"""Choosing an engine, checking that it can run here, and opening it."""

from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from typing import Any, Literal, assert_never

from losszero_rt.bundle import Bundle
from losszero_rt.engine.model import Model, TrainedModel, export_command
from losszero_rt.engine.protocol import ENGINE_NAMES, Engine, EngineName, EngineOptions
from losszero_rt.engine.torch_facts import has_nvidia_driver, why_no_gpu
from losszero_rt.errors import ModelError, UsageError


def nobody(_: str) -> None:
    """Hear a line that nobody wants to read."""


def open_engine(
    model: Model,
    *,
    name: EngineName | Literal["auto"] | str = "auto",
    options: EngineOptions,
    say: Callable[[str], None] = nobody,
) -> Engine:
    """Open an engine for a model. Nothing falls back silently to another engine or device.

    Args:
        model: What to run.
        name: Engine, or ``auto``: the eager engine for a checkpoint; on a GPU that was asked for,
            tensorrt where an engine fits, else eager; on a CPU openvino, which says so where the
            device is ``auto`` and a GPU stays idle.
        options: Device, precision, batch and threads.
        say: Hears what a person should know of the choice, and how a build goes on.

    Raises:
        ModelError: If the engine cannot run this model here.
        UsageError: If there is no engine of that name.
    """
    note = ""
    if name == "auto":
        name, note = _choose(model, options=options)
    if name not in ENGINE_NAMES:
        raise UsageError(f"engine {name!r}", accepted=f"auto, {', '.join(ENGINE_NAMES)}")
    if name == "eager":
        from losszero_rt.engine.eager_engine import EagerEngine

        engine = EagerEngine(model, options=options)
        # Only now: where the device is not there, the error alone is what matters.
        if note:
            say(note)
        return engine
    if isinstance(model, TrainedModel):
        raise ModelError(
            f"the {name} engine cannot run {model.path}, which is a training checkpoint",
            accepted="the eager engine runs checkpoints, compiled engines run bundles",
            remedy=f"leave --engine away, or make a bundle: {export_command(model)}",
        )
    if name == "openvino":
        from losszero_rt.engine.openvino_objects import open_on_openvino

        if note:
            say(note)
        return open_on_openvino(model, options=options, say=say)
    return _open_tensorrt(model, options=options, say=say)


def _choose(model: Model, *, options: EngineOptions) -> tuple[EngineName, str]:
    """Return an engine, and what a person should know of the choice."""
    if isinstance(model, TrainedModel):
        note = f"--build compiles bundles, a checkpoint runs eagerly: {export_command(model)}"
        return "eager", note if options.build else ""
    if not options.device.startswith("cuda"):
        return _choose_without_gpu(model, options=options)
    from losszero_rt.engine import tensorrt_engine
    from losszero_rt.engine.engine_files import export_words

    fault = tensorrt_engine.why_not(model, options=options)
    if options.build or not fault:
        return "tensorrt", ""
    batch = 1 if options.any_batch else options.batch
    command = export_words(batch, model=str(model.path))
    return "eager", f"eager engine on {options.device}: {fault}; compile one: {command}"


def _choose_without_gpu(bundle: Bundle, *, options: EngineOptions) -> tuple[EngineName, str]:
    # An ONNX file, which most bundles hold, is for other runtimes.
    if set(bundle.engines) - {"onnx"} == {"tensorrt"}:
        return "tensorrt", ""
    is_idle = options.device == "auto" and has_nvidia_driver()
    why = why_no_gpu() if is_idle else ""
    return "openvino", f"openvino engine on the CPU: {why}" if why else ""


def _open_tensorrt(bundle: Bundle, *, options: EngineOptions, say: Callable[[str], None]) -> Engine:
    from losszero_rt.engine import tensorrt_engine
    from losszero_rt.engine.building import build_engine
    from losszero_rt.engine.gpu_health import GpuMemoryError, release_memory

    if options.build and tensorrt_engine.why_not(bundle, options=options):
        build_engine(bundle, options=options, say=say)
    while True:
        try:
            engine = tensorrt_engine.TensorRtEngine(bundle, options=options)
            if engine.info.proof:
                say(f"tensorrt engine built here, not measured on labels: {engine.info.proof}")
            return engine
        except GpuMemoryError as error:
            if error.smaller is None:
                raise
            say(f"{error.came}: going on with batches of {error.smaller}")
            options = replace(options, batch=error.smaller, any_batch=False)
        release_memory()


def fits(model: Model) -> dict[EngineName, str]:
    """Say of every engine ``fits``, or why it cannot run this model here; never raises."""
    return {name: why_not(model, name) or "fits" for name in ENGINE_NAMES}


def why_not(model: Model, name: EngineName) -> str:
    """Say why an engine cannot run a model on this machine; empty when it can."""
    if name == "eager":
        from losszero_rt.engine import torch_facts

        return torch_facts.why_not()
    if isinstance(model, TrainedModel):
        return f"runs bundles: {export_command(model)}"
    if name == "openvino":
        from losszero_rt.engine import openvino_engine

        fault = openvino_engine.why_not(model)
        return fault or ("" if find_spec("openvino") else "pip install openvino")
    if name == "tensorrt":
        from losszero_rt.engine import tensorrt_engine

        return tensorrt_engine.why_not(model, options=EngineOptions(any_batch=True))
    assert_never(name)


def engine_facts() -> dict[str, Any]:
    """Return versions and devices of what could run engines, for ``doctor``; never raises."""
    from losszero_rt.engine.openvino_facts import openvino_facts
    from losszero_rt.engine.openvino_remembered import remembered_choices
    from losszero_rt.engine.torch_facts import torch_facts

    tensorrt = "present" if find_spec("torch_tensorrt") else "absent"
    openvino = {**openvino_facts(), "measured": remembered_choices()}
    return {"openvino": openvino, "torch": torch_facts(), "torch_tensorrt": tensorrt}
