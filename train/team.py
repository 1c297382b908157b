"""The processes that share one training, as its parts see them."""

from collections.abc import Callable
from dataclasses import dataclass

import torch


def _unchanged(tensor: torch.Tensor) -> torch.Tensor:
    return tensor


@dataclass(frozen=True, kw_only=True)
class Team:
    """Who shares the work.

    Attributes:
        rank: This process, 0..size-1; 0 writes and speaks.
        size: Number of processes, over all machines.
        total: Sums a tensor over all processes; each gets the sum.
    """

    rank: int = 0
    size: int = 1
    total: Callable[[torch.Tensor], torch.Tensor] = _unchanged

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes and speaks."""
        return self.rank == 0


ALONE = Team()
