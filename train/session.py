"""A training under way in one process: what it holds, and what it shares with the others."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch

from losszero_rt.errors import ModelError
from train.config import TrainConfig
from train.data import Data
from train.learner import Learner, ObjectLearner
from train.state import Progress, read_state, write_state
from train.team import Team

Choice = TypeVar("Choice")


@dataclass(kw_only=True)
class Session:
    """Everything that a step needs.

    Attributes:
        config: What to do.
        fabric: The ``lightning_fabric.Fabric`` of this process; launching.py alone imports it.
        learner: The weights and what trains them.
        trained: The learner's network as Fabric runs it: number format, gradients of all.
        optimiser: The learner's optimiser as Fabric runs it.
        progress: How far it is.
        cam_class: Id of the class whose heat the panels show; None takes the weakest.
    """

    config: TrainConfig
    fabric: Any
    learner: Learner
    trained: Any
    optimiser: Any
    progress: Progress
    cam_class: int | None = None

    @property
    def device(self) -> torch.device:
        """Where this process computes."""
        device: torch.device = self.fabric.device
        return device

    @property
    def team(self) -> Team:
        """The processes that share the training."""
        return Team(rank=self.fabric.global_rank, size=self.fabric.world_size, total=self._total)

    def show_heat_of(self, name: str | None) -> None:
        """Choose the class whose heat the panels show; None takes each epoch's weakest.

        Raises:
            UsageError: If there is no such class.
        """
        self.cam_class = None if name is None else self.config.classes.id_of(name)

    @property
    def learns_objects(self) -> bool:
        """Whether the network says its own losses, given the objects of a picture."""
        return isinstance(self.learner.network, ObjectLearner)

    def restore(self, folder: Path, *, data: Mapping[str, str]) -> None:
        """Go on from a state on disk, if it is of this ``data``; every process reads it."""
        self.progress, scaler = read_state(
            folder, config=self.config, data=data, learner=self.learner
        )
        # Empty where it was trained in another number format: the scale is found anew.
        if scaler:
            self.fabric.strategy.precision.load_state_dict(scaler)

    def save(self, folder: Path, *, data: Data) -> None:
        """Write the state; the first process does, and all have the same."""
        if self.team.leads:
            scaler: Mapping[str, Any] = self.fabric.strategy.precision.state_dict()
            write_state(
                folder,
                config=self.config,
                data=data.identity(),
                origin=data.origin,
                progress=self.progress,
                learner=self.learner,
                scaler=scaler,
            )

    def agree(self, wish: bool) -> bool:
        """Return in all processes whether any of them wishes."""
        if self.team.size == 1:
            return wish
        vote = torch.tensor(float(wish), device=self.device)
        return bool(self.team.total(vote).item() > 0)

    def of_all(self, number: int) -> list[int]:
        """Return in all processes the number that each of them has, by rank."""
        team = self.team
        if team.size == 1:
            return [number]
        numbers = torch.zeros(team.size, dtype=torch.float64, device=self.device)
        numbers[team.rank] = number
        return [int(value) for value in team.total(numbers).tolist()]

    def agree_on(self, choice: Choice | None, *, among: Iterable[Choice]) -> Choice | None:
        """Return in all processes the first of some values that any of them chose, or None."""
        chosen = [value for value in among if self.agree(choice == value)]
        return chosen[0] if chosen else None

    def halve_micro_batches(self, share: int) -> None:
        """Cut this process's ``share`` of a batch into twice as many parts from now on.

        Raises:
            ModelError: If a part is a single picture already, or there are other processes:
                those may be waiting for this one's gradients, so all have to end.
        """
        progress = self.progress
        was = min(progress.accumulate, share)
        if was == share or self.team.size > 1:
            asked = min(2 * was, share)
            raise ModelError(
                f"no memory for {share // was} pictures at once in step {progress.step}",
                remedy="choose smaller crops or a smaller network"
                if was == share
                else f"--resume with --accumulate {asked}",
            )
        progress.accumulate = min(2 * was, share)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    @torch.no_grad()
    def share_statistics(self) -> None:
        """Make the running statistics of all processes the mean of them, so all states agree."""
        statistics = [b for b in self.learner.network.buffers() if b.is_floating_point()]
        if self.team.size == 1 or not statistics:
            return
        flat = torch.cat([buffer.flatten().float() for buffer in statistics])
        mean = self.team.total(flat) / self.team.size
        means = torch.split(mean, [buffer.numel() for buffer in statistics])
        for buffer, own in zip(statistics, means, strict=True):
            buffer.copy_(own.view_as(buffer))

    def _total(self, tensor: torch.Tensor) -> torch.Tensor:
        total: torch.Tensor = self.fabric.all_reduce(tensor, reduce_op="sum")
        return total
