"""What changes while a network learns: its weights, their average, the optimiser's moments."""

from dataclasses import dataclass

import torch
from torch import nn

from train.config import TrainConfig
from train.freezing import early_stages


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
        frozen = early_stages(network, num_stages=config.frozen_stages)
        for module in frozen:
            module.requires_grad_(False)
        return cls(
            network=network,
            average=AveragedWeights(network, decay=config.ema_decay),
            optimiser=_optimiser(network, config),
            frozen=tuple(frozen),
        )

    def prepare(self, *, rate: float) -> None:
        """Make ready for a step at a learning rate: what is frozen keeps its statistics."""
        self.network.train()
        for module in self.frozen:
            module.eval()
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["factor"]


class AveragedWeights:
    """Exponential moving average of a network's state, buffers included.

    The decay starts low, so that the first steps are forgotten quickly.

    Args:
        network: Whose state to follow.
        decay: Decay a step once warm, 0..1.
    """

    def __init__(self, network: nn.Module, *, decay: float) -> None:
        self._decay = decay
        self.state = {key: value.clone() for key, value in network.state_dict().items()}

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
    """AdamW in four groups: encoder or not, decayed (matrices) or not (biases, norms)."""
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        key = name.startswith("encoder."), parameter.ndim > 1
        groups.setdefault(key, []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "weight_decay": config.weight_decay if decayed else 0.0,
                "factor": config.encoder_rate_factor if in_encoder else 1.0,
            }
            for (in_encoder, decayed), parameters in groups.items()
        ],
        lr=config.learning_rate,
    )
