"""A compiled program as it is called: with pictures, whatever numbers its engine takes.

The C++ runtime of torch-tensorrt 2.14 has no uint8 in its table of types and refuses an engine that
takes any, when it is made and when it is loaded; so engines take halves, or floats, in which 0..255
are exact. The cast stays on the device, in the stream of whoever calls.

Source: torch-tensorrt 2.14.0, ``core/runtime/TRTEngine.cpp`` (``setup_input_binding_infos``) and
``core/util/trt_util.cpp`` (``get_trt_at_type_map``); the table was read from the binary.
"""

from contextlib import nullcontext
from typing import Any

import torch
from torch import nn

from losszero_rt.errors import ModelError


class EngineProgram(nn.Module):
    """Calls an engine with what it takes, on the device where that lies.

    Args:
        program: One engine, and what unpacks its outputs.
        dtype: What it takes.
    """

    def __init__(self, program: nn.Module, *, dtype: torch.dtype) -> None:
        super().__init__()
        self.program, self.dtype = program, dtype

    def forward(self, given: torch.Tensor) -> Any:
        """Return what the engine gives for pictures, uint8 (N, H, W, 3), or regions."""
        return self.through(self.program, given)

    def through(self, program: nn.Module, given: torch.Tensor) -> Any:
        """Do the same through what CUDA graphs have made of the program."""
        # The engine makes its context on the device that is current then.
        is_gpu = given.device.type == "cuda"
        with torch.cuda.device(given.device) if is_gpu else nullcontext():
            return program(given.to(self.dtype))


def program_of(exported: torch.export.ExportedProgram, *, execute: str) -> EngineProgram:
    """Return the program of an exported one.

    Args:
        exported: With a single input, whose shape never changes: guards have nothing to guard.
        execute: Name of the operation that runs an engine.

    Raises:
        ModelError: If it holds more or less than one engine.
    """
    num_engines = sum(str(node.target) == execute for node in exported.graph.nodes)
    if num_engines != 1:
        raise ModelError(
            f"the compiled graph holds {num_engines} TensorRT engines",
            accepted="exactly one",
            remedy="export the bundle again: python -m export",
        )
    (name,) = exported.graph_signature.user_inputs
    (given,) = (node for node in exported.graph.nodes if node.name == name)
    return EngineProgram(exported.module(check_guards=False), dtype=given.meta["val"].dtype)
