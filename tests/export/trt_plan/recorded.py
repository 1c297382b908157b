"""Layers and tensors of a recorded network: what is asked of TensorRT, with types and shapes.

Every layer is evaluated for two batch sizes at once, so that a dimension that differs is known to
be dynamic. Small constants are carried along, because shapes are computed from them.
"""

import collections
import ctypes
from typing import Any

import numpy as np
import tensorrt as trt
import torch

from tests.export.trt_plan import shapes
from tests.export.trt_plan.reader import Reader
from tests.export.trt_plan.rules import check_types

KINDS = {
    trt.DataType.FLOAT: torch.float32,
    trt.DataType.HALF: torch.float16,
    trt.DataType.BF16: torch.bfloat16,
    trt.DataType.INT32: torch.int32,
    trt.DataType.INT64: torch.int64,
    trt.DataType.BOOL: torch.bool,
    trt.DataType.UINT8: torch.uint8,
    trt.DataType.INT8: torch.int8,
}
KIND_OF = {dtype: kind for kind, dtype in KINDS.items()}
BATCHES = (3, 5)
VALUES_MAX = 8192

# (type, shape, small value or None) of one output at one batch size.
Result = tuple[Any, tuple[int, ...], torch.Tensor | None]


class Weights:
    """Constants as converters hand them over; small ones keep their values."""

    def __init__(self, *given: Any) -> None:
        self.dtype, self.value, self.count = trt.DataType.FLOAT, None, 0
        if len(given) == 1 and isinstance(given[0], np.ndarray):
            self.value = torch.from_numpy(np.ascontiguousarray(given[0])).clone()
            self.dtype, self.count = KIND_OF[self.value.dtype], self.value.numel()
        elif len(given) == 1:
            self.dtype = given[0]
        elif len(given) == 3:
            self.dtype, address, self.count = given
            if 0 < self.count <= VALUES_MAX and self.dtype in KINDS:
                dtype = KINDS[self.dtype]
                size = self.count * torch.empty((), dtype=dtype).element_size()
                content = bytearray(ctypes.string_at(address, size))
                self.value = torch.frombuffer(content, dtype=dtype).clone()


class Tensor(trt.ITensor):  # type: ignore[misc]
    """One output of a layer."""

    def __init__(self, layer: "Layer", index: int) -> None:
        self.layer, self.index = layer, index
        self.name = f"{layer.kind}_{len(layer.network.layers)}_{index}"

    @property
    def dtype(self) -> Any:
        """Its type."""
        return self.layer.results()[0][self.index][0]

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape, -1 where it follows the batch."""
        one, other = (result[self.index][1] for result in self.layer.results())
        return tuple(a if a == b else -1 for a, b in zip(one, other, strict=True))

    @property
    def is_shape_tensor(self) -> bool:
        """Whether its values are known."""
        return self.value(0) is not None and self.value(1) is not None

    def size(self, mark: int) -> tuple[int, ...]:
        """Its shape at one of the two batch sizes."""
        return tuple(self.layer.results()[mark][self.index][1])

    def value(self, mark: int) -> torch.Tensor | None:
        """Its small value at one of the two batch sizes."""
        return self.layer.results()[mark][self.index][2]

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other


class Layer(trt.ILayer):  # type: ignore[misc]
    """One layer: kind, inputs and whatever attributes converters set."""

    _OWN = ("network", "kind", "inputs", "options", "outputs", "name", "metadata", "_results")

    def __init__(self, network: Any, kind: str, inputs: list[Any], **options: Any) -> None:
        self.network, self.kind, self.inputs = network, kind, inputs
        self.options, self.outputs = options, dict[int, Tensor]()
        self.name, self.metadata = "", ""
        self._results: list[list[Result]] | None = None
        network.layers.append(self)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self._OWN:
            self.__dict__[name] = value
        else:
            self.options[name] = value
            self._results = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "options" not in self.__dict__:
            raise AttributeError(name)
        return self.options.get(name)

    def set_input(self, index: int, tensor: Tensor) -> None:
        """Connect one input."""
        self.inputs += [None] * (index + 1 - len(self.inputs))
        self.inputs[index] = tensor
        self._results = None

    def get_input(self, index: int) -> Any:
        """Return one input."""
        return self.inputs[index]

    def get_output(self, index: int) -> Tensor:
        """Return one output."""
        if index not in self.outputs:
            self.outputs[index] = Tensor(self, index)
        return self.outputs[index]

    @property
    def num_inputs(self) -> int:
        """Number of inputs."""
        return len(self.inputs)

    @property
    def num_outputs(self) -> int:
        """Number of outputs."""
        return len(self.results()[0])

    @property
    def type(self) -> Any:
        """The layer's type."""
        return getattr(trt.LayerType, self.kind.upper())

    def results(self) -> list[list[Result]]:
        """Outputs at both batch sizes; checks the rules of types on the way."""
        if self._results is None:
            check_types(self)
            infer = getattr(shapes, self.kind)
            self._results = [infer(Reader(self, mark)) for mark in (0, 1)]
        return self._results


def summary(layers: list[Layer]) -> dict[str, int]:
    """Count layers by kind and type of their first output."""
    kinds = collections.Counter(f"{layer.kind}:{layer.results()[0][0][0].name}" for layer in layers)
    return dict(kinds.most_common())
