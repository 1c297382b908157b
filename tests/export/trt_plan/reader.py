"""A recorded layer as the rules of shapes read it."""

from typing import Any

import torch


class Reader:
    """A layer seen at one of the two batch sizes."""

    def __init__(self, layer: Any, mark: int) -> None:
        self.layer, self.mark, self.options = layer, mark, layer.options

    @property
    def kind(self) -> Any:
        """Type of the first input."""
        return self.layer.inputs[0].dtype

    @property
    def num_inputs(self) -> int:
        """Number of inputs."""
        return len(self.layer.inputs)

    def has(self, index: int) -> bool:
        """Whether an input is connected."""
        return index < self.num_inputs and self.layer.inputs[index] is not None

    def size(self, index: int = 0) -> tuple[int, ...]:
        """Shape of an input."""
        found: tuple[int, ...] = self.layer.inputs[index].size(self.mark)
        return found

    def value(self, index: int = 0) -> torch.Tensor | None:
        """Small value of an input."""
        return self.layer.inputs[index].value(self.mark) if self.has(index) else None

    def meta(self, index: int = 0) -> torch.Tensor:
        """A tensor of an input's shape that holds nothing."""
        return torch.empty(self.size(index), device="meta")

    def numbers(self, index: int, option: str) -> list[int]:
        """Numbers given by an input, else by an attribute."""
        if self.has(index):
            value = self.value(index)
            assert value is not None, f"{option} of {self.layer.name} is not known"
            return [int(number) for number in value.reshape(-1)]
        return [int(number) for number in self.options[option]]
