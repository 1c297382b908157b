"""Small networks for tests of the training, and a tracker that remembers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from losszero_rt.network import NetworkSpec
from train.lineage import Artifact
from train.panels import Panel

CPU_OUT_OF_MEMORY = "[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"


class PlainNetwork(nn.Module):
    """Two convolutions without statistics: what it learns does not depend on micro-batches."""

    def __init__(self, num_classes: int = 6) -> None:
        super().__init__()
        self.encoder = nn.Conv2d(3, 8, 3, stride=4, padding=1)
        self.segmentation_head = nn.Conv2d(8, num_classes, 1)

    def forward(self, values_NCHW: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.segmentation_head(self.encoder(values_NCHW).relu())
        return logits


class HungryNetwork(PlainNetwork):
    """Has memory for a few pictures at once only, and running statistics."""

    def __init__(self, most: int, error: RuntimeError) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3)
        self.most = most
        self.error = error
        self.met: list[int] = []

    def forward(self, values_NCHW: torch.Tensor) -> torch.Tensor:
        normed_NCHW = self.norm(values_NCHW)
        if self.training:
            self.met.append(len(values_NCHW))
        if len(values_NCHW) > self.most:
            raise self.error
        return super().forward(normed_NCHW)


class SeeingNetwork(PlainNetwork):
    """Says its own losses, as networks of objects do, and remembers what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: list[dict[str, torch.Tensor]] = []

    def losses(
        self, values_NCHW: torch.Tensor, targets: Sequence[dict[str, torch.Tensor]]
    ) -> dict[str, torch.Tensor]:
        self.targets += targets
        logits_NCHW = self(values_NCHW)
        return {"one": logits_NCHW.square().mean(), "two": (logits_NCHW - 1).square().mean()}

    def parts(self) -> dict[str, list[nn.Parameter]]:
        return {
            "backbone": list(self.encoder.parameters()),
            "roi": list(self.segmentation_head.parameters()),
        }


def plain_network(spec: NetworkSpec) -> nn.Module:
    return PlainNetwork(spec.num_classes)


class RememberingTracker:
    """A tracker whose calls can be looked at."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, dict[str, float]]] = []
        self.panels: list[Panel] = []
        self.matrices: list[np.ndarray] = []
        self.artifacts: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = []

    def log(self, values: Mapping[str, float], *, step: int) -> None:
        self.rows.append((step, dict(values)))

    def pictures(self, panels: Sequence[Panel], *, step: int) -> None:
        self.panels += panels

    def confusion(self, matrix: np.ndarray, *, names: Sequence[str], step: int) -> None:
        self.matrices.append(matrix)

    def artifact(
        self,
        path: Path,
        *,
        kind: Any,
        name: str,
        version: str = "",
        aliases: Sequence[str] = (),
        uses: Sequence[str] = (),
    ) -> Artifact:
        self.artifacts.append((path.name, tuple(aliases), tuple(uses)))
        return Artifact(kind=kind, name=name, version=version, files={})

    def close(self) -> None:
        pass
