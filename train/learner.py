"""What changes while a network learns: its weights, their average, the optimiser's moments."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import nn

from losszero_rt.errors import UsageError
from train.config import TrainConfig
from train.freezing import freeze


@runtime_checkable
class ObjectLearner(Protocol):
    """What the training asks of a network that learns objects instead of labels."""

    def losses(
        self, values_NCHW: torch.Tensor, targets: Sequence[Mapping[str, torch.Tensor]]
    ) -> Mapping[str, torch.Tensor]:
        """Return the losses by name; their sum is what a step makes smaller."""

    def parts(self) -> Mapping[str, Sequence[nn.Parameter]]:
        """Return all parameters by part; each part may have a rate of its own."""


@dataclass(frozen=True, kw_only=True)
class Learner:
    """A network with what trains it.

    Attributes:
        network: Changed by every step.
        average: What is saved, measured and shipped.
        optimiser: AdamW over the parameters that are trained.
        frozen: Parts of ``network`` that are not.
    """

    network: nn.Module
    average: "AveragedWeights"
    optimiser: torch.optim.Optimizer
    frozen: tuple[nn.Module, ...]

    @classmethod
    def of(cls, network: nn.Module, *, config: TrainConfig) -> "Learner":
        """Return a learner at step 0."""
        frozen = freeze(network, num_stages=config.frozen_stages)
        return cls(
            network=network,
            average=AveragedWeights(network, decay=config.ema_decay),
            optimiser=_optimiser(network, config),
            frozen=frozen,
        )

    def prepare(self, *, rate: float) -> None:
        """Make ready for a step at a learning rate: what is frozen keeps its statistics."""
        self.network.train()
        for module in self.frozen:
            module.eval()
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["factor"]
        self.optimiser.zero_grad(set_to_none=True)

    def statistics(self) -> list[torch.Tensor]:
        """Return copies of the running statistics: all that a forward pass changes."""
        return [buffer.clone() for buffer in self.network.buffers()]

    @torch.no_grad()
    def put_back(self, statistics: list[torch.Tensor]) -> None:
        """Undo what forward passes changed since :meth:`statistics`."""
        for buffer, before in zip(self.network.buffers(), statistics, strict=True):
            buffer.copy_(before)


class AveragedWeights:
    """Exponential moving average of a network's state, buffers included.

    The decay starts low, so that the first steps are forgotten quickly.

    Args:
        network: Whose state to follow.
        decay: Decay a step once warm, 0..1; at 0 the average is the network itself.

    Attributes:
        network: A network with the averaged state, in evaluation mode.
        state: The tensors of that network, by name.
    """

    def __init__(self, network: nn.Module, *, decay: float) -> None:
        self._decay = decay
        self.network = copy.deepcopy(network).requires_grad_(False).eval()
        self.state = self.network.state_dict()

    def to(self, device: torch.device) -> None:
        """Move to a device."""
        self.network.to(device)
        self.state = self.network.state_dict()

    @torch.no_grad()
    def update(self, network: nn.Module, *, step: int) -> None:
        """Move towards the network's state after optimiser step ``step``, counted from 0."""
        decay = min(self._decay, (1 + step) / (10 + step))
        for key, value in network.state_dict().items():
            if value.is_floating_point():
                self.state[key].lerp_(value, 1 - decay)
            else:
                self.state[key].copy_(value)


def _optimiser(network: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """AdamW in groups by rate and by decayed (matrices) or not (biases, norms)."""
    factors = _rate_factors(network, config)
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            groups.setdefault((factors[name], parameter.ndim > 1), []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "weight_decay": config.weight_decay if decayed else 0.0,
                "factor": factor,
            }
            for (factor, decayed), parameters in groups.items()
        ],
        lr=config.learning_rate,
    )


def _rate_factors(network: nn.Module, config: TrainConfig) -> Mapping[str, float]:
    """Rate of every parameter, by name, as a part of the recipe's ``learning_rate``."""
    if not isinstance(network, ObjectLearner):
        if config.part_rates:
            raise UsageError(
                f"part_rates for {', '.join(config.part_rates)} of {config.network.architecture}",
                accepted="a network that names its parts: mask-rcnn",
                remedy="set encoder_rate_factor instead",
            )
        return {
            name: config.encoder_rate_factor if name.startswith("encoder.") else 1.0
            for name, _ in network.named_parameters()
        }
    parts = network.parts()
    if unknown := sorted(set(config.part_rates) - set(parts)):
        raise UsageError(f"part_rates for {', '.join(unknown)}", accepted=", ".join(parts))
    part_of = {id(weight): part for part, weights in parts.items() for weight in weights}
    return {
        name: config.part_rates.get(part_of[id(weight)], config.learning_rate)
        / config.learning_rate
        for name, weight in network.named_parameters()
    }
