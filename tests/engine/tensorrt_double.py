"""torch_tensorrt for machines without it: the operator that runs engines says what is bright.

Its maps are what is dark and what is bright, every fourth place; a frame of nothing but
``TOO_MUCH`` makes them overflow.
"""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from export.origin import write_weights
from losszero_rt.bundle import WEIGHTS_NAME, Bundle, seal
from losszero_rt.engine import tensorrt_engine
from losszero_rt.engine.engine_files import OUTPUTS, Gpu
from losszero_rt.engine.engine_trust import record_trust
from losszero_rt.errors import ModelError
from tests.bundles import CLASSES, INPUT, NETWORK, SIZE
from tests.engine.simulated_gpu import SimulatedGpu, simulated

VERSIONS = {"torch_tensorrt": "2.14.0", "tensorrt": "11.1.0.106"}
STRIDE = 4
TOO_MUCH = 201
CAMS_SIZE = (SIZE[0] // STRIDE, SIZE[1] // STRIDE)
HERE = Gpu(name="Test GPU", compute_capability=(9, 0), versions=VERSIONS)
FACTS: dict[str, Any] = {
    "outputs": OUTPUTS,
    "precision": "fp32",
    "precision_found": "fp32",
    "gpu": HERE.name,
    "compute_capability": [9, 0],
    "versions": {**VERSIONS, "torch": torch.__version__},
}


@cache
def _operator() -> Any:
    @torch.library.custom_op("tensorrt::execute_engine", mutates_args=())
    def execute_engine(inputs: list[torch.Tensor], engine: torch.Tensor) -> list[torch.Tensor]:
        red_NHW = inputs[0][..., 0]
        labels_NHW = (red_NHW > engine[0]).int()
        if len(engine) == 1:
            return [labels_NHW]
        bright_Nhw = red_NHW[:, ::STRIDE, ::STRIDE].half() / 256
        bright_Nhw[(red_NHW == TOO_MUCH).all(2).all(1)] = torch.nan
        return [labels_NHW, torch.stack([1 - bright_Nhw, bright_Nhw], 1)]

    @execute_engine.register_fake
    def _(inputs: list[torch.Tensor], engine: torch.Tensor) -> list[torch.Tensor]:
        num, height, width, _ = inputs[0].shape
        labels_NHW = torch.empty((num, height, width), dtype=torch.int32)
        maps_shape = num, 2, -(-height // STRIDE), -(-width // STRIDE)
        return [labels_NHW, torch.empty(maps_shape, dtype=torch.half)][: len(engine)]

    return execute_engine


class Compiled(nn.Module):
    """What a compiled network looks like once it is saved: engines, and nothing else."""

    engine: torch.Tensor

    def __init__(self, *, num_engines: int, cams: bool) -> None:
        super().__init__()
        self.num_engines = num_engines
        # As many values as the engine has outputs.
        self.register_buffer("engine", torch.tensor([127] * (1 + cams), dtype=torch.uint8))

    def forward(self, frames: torch.Tensor) -> tuple[torch.Tensor, ...] | torch.Tensor:
        run = _operator()
        made = [one for _ in range(self.num_engines) for one in run([frames], self.engine)]
        return made[0] if len(made) == 1 else tuple(made)


@cache
def engine_bytes(batch: int, *, num_engines: int = 1, cams: bool = False) -> bytes:
    """A program as ``torch_tensorrt.save`` writes it."""
    # No engine takes uint8.
    example = torch.zeros(batch, *SIZE, 3, dtype=torch.float16)
    graph = Compiled(num_engines=num_engines, cams=cams).eval()
    program = torch.export.export(graph, (example,))
    file = io.BytesIO()
    torch.export.save(program, file)
    return file.getvalue()


def write_engines(
    folder: Path,
    *,
    batches: tuple[int, ...] = (1, 3),
    trusted: bool = True,
    contents: dict[int, bytes] | None = None,
    network: nn.Module | None = None,
    cams: bool = False,
    **facts: object,
) -> Bundle:
    """Write a bundle that holds nothing but TensorRT engines."""
    folder.mkdir()
    (folder / WEIGHTS_NAME).write_bytes(b"never read by compiled engines")
    if network is not None:
        write_weights(network, folder / WEIGHTS_NAME)
    for batch in batches:
        content = (contents or {}).get(batch) or engine_bytes(batch, cams=cams)
        (folder / f"tensorrt-b{batch}.pt2").write_bytes(content)
    if cams:
        facts = {"cams_size": list(CAMS_SIZE), **facts}
    bundle = seal(
        Bundle(
            path=folder,
            name=folder.name,
            network_spec=NETWORK,
            input_spec=INPUT,
            labels_size=SIZE,
            classmap=CLASSES,
            engines={"tensorrt": {f"b{b}": f"tensorrt-b{b}.pt2" for b in batches}},
            built={"tensorrt": {f"b{b}": {**FACTS, "batch": b, **facts} for b in batches}},
            files={},
            versions={},
            source_sha256="",
            scores={},
            data={},
            licence="",
            attribution="",
        )
    )
    if trusted:
        for batch in batches:
            record_trust(bundle.files[f"tensorrt-b{batch}.pt2"].sha256, facts={"batch": batch})
    return bundle


@dataclass
class Library:
    """What the engine asked of torch_tensorrt.

    Attributes:
        graphs_on: Whether CUDA graphs are switched on now.
        calls: For each run, whether it was replayed from a graph.
    """

    graphs_on: bool = False
    calls: list[bool] = field(default_factory=list)

    @contextmanager
    def enable_cudagraphs(self, module: nn.Module) -> Iterator[Any]:
        self.graphs_on = True
        try:
            yield lambda inputs: self._run(module, inputs)
        finally:
            self.graphs_on = False

    def _run(self, module: nn.Module, inputs: torch.Tensor) -> Any:
        self.calls.append(self.graphs_on)
        return module(inputs)


@contextmanager
def without_gpu(patch: pytest.MonkeyPatch, *, cache_folder: Path, seed: int = 0) -> Iterator[Any]:
    """Run the TensorRT engine where there is neither a GPU nor the library.

    Yields:
        The simulated GPU, and what is asked of the library.
    """
    # Exporting is not to be simulated.
    engine_bytes(1), engine_bytes(3), engine_bytes(1, num_engines=2)
    engine_bytes(1, cams=True), engine_bytes(3, cams=True)
    library = Library()
    module, low_level = ModuleType("torch_tensorrt"), ModuleType("tensorrt")
    module.__dict__.update(
        __version__=VERSIONS["torch_tensorrt"],
        ENABLED_FEATURES=SimpleNamespace(torch_tensorrt_runtime=True),
        runtime=SimpleNamespace(enable_cudagraphs=library.enable_cudagraphs),
    )
    low_level.__dict__["__version__"] = VERSIONS["tensorrt"]
    for one in (module, low_level):
        one.__spec__ = ModuleSpec(one.__name__, None)
    patch.setitem(sys.modules, "torch_tensorrt", module)
    patch.setitem(sys.modules, "tensorrt", low_level)
    patch.setattr(tensorrt_engine, "find_spec", lambda name: name)
    patch.setattr(tensorrt_engine, "find_gpu", _find_gpu)
    patch.setattr(torch.cuda, "get_device_name", lambda *_: HERE.name)
    patch.setattr(torch.cuda, "get_device_capability", lambda *_: HERE.compute_capability)
    patch.setattr(torch.cuda, "device", lambda *_: nullcontext())
    patch.setenv("LOSSZERO_CACHE", str(cache_folder))
    with simulated(SimulatedGpu(seed=seed), patch) as gpu:
        yield gpu, library


def _find_gpu(name: str) -> torch.device:
    if name not in ("auto", "cuda"):
        raise ModelError(f"device {name!r} is not here")
    return torch.device("cpu")
