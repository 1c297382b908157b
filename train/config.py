"""What a training is made of: one frozen value, written next to every checkpoint."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from losszero_rt.classmap import NIGHT_RIDE, ClassMap
from losszero_rt.errors import UsageError
from losszero_rt.network import NetworkSpec
from losszero_rt.preprocess import InputSpec

EncoderWeights = Literal["imagenet-offline", "none"]
SourceName = Literal["night_ride", "comma10k", "rides"]

# EfficientNet-Lite0 was trained on (x / 255 - 0.5) / 0.5.
LITE0_INPUT = InputSpec(size=(384, 672), mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


@dataclass(frozen=True, kw_only=True)
class Phase:
    """A stretch of the training with one crop size.

    Attributes:
        epochs: Number of epochs, at least one.
        crop_size: (height, width) of the training crops, multiples of 32.
        batch_size: Crops a step.
        scale: Smallest and largest magnification relative to the network input: at 1 a picture
            has the size in which the runtime shows it to the network.
    """

    epochs: int
    crop_size: tuple[int, int]
    batch_size: int
    scale: tuple[float, float]

    def __post_init__(self) -> None:
        sides_fit = all(side >= 32 and side % 32 == 0 for side in self.crop_size)
        if self.epochs < 1 or self.batch_size < 2 or not sides_fit:
            raise UsageError(
                f"phase of {self.epochs} epochs, batch {self.batch_size}, crops {self.crop_size}",
                accepted="one epoch or more, batches of two or more, sides in multiples of 32",
            )
        if not 0 < self.scale[0] <= self.scale[1]:
            raise UsageError(f"scale range {self.scale}", accepted="0 < smallest <= largest")


@dataclass(frozen=True, kw_only=True)
class LossWeights:
    """Numbers of the loss; the formula is in losses.py.

    Attributes:
        classes: Weight of each class in the cross entropy.
        dice: Weight of the dice term beside the cross entropy.
        lovasz: Weight of the Lovasz-softmax term beside the cross entropy.
    """

    classes: tuple[float, ...] = (1.0, 1.0, 3.0, 1.0, 1.2, 2.0)
    dice: float = 0.5
    lovasz: float = 0.0


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """A training, complete: the same value gives the same weights.

    Attributes:
        network: What is trained.
        phases: What it sees, in order.
        input: The network input of validation and runtime.
        classes: Ids and names of the labels.
        samples_per_epoch: Crops an epoch.
        shares: Share of each source in the samples; sources without pictures are left out.
        num_rides: Rendered rides to draw, one picture each; 0 trains without.
        learning_rate: Peak rate of decoder and head.
        encoder_rate_factor: The encoder's rate as a part of ``learning_rate``.
        warmup_share: Part of all steps in which the rate climbs; it then falls as a cosine.
        weight_decay: AdamW weight decay.
        gradient_clip: Largest norm of the gradient.
        ema_decay: Decay of the averaged weights, which are what is saved and measured.
        loss: Numbers of the loss.
        paste_rate: Part of the pictures without a bike into which bike and rider are pasted.
        encoder_weights: Where the encoder starts.
        frozen_stages: Encoder stages after the stem that are not trained, 0 to train all.
        seed: Seed of everything drawn.
    """

    network: NetworkSpec
    phases: tuple[Phase, ...]
    input: InputSpec = LITE0_INPUT
    classes: ClassMap = NIGHT_RIDE
    samples_per_epoch: int = 240
    shares: Mapping[SourceName, float] = field(
        default_factory=lambda: {"night_ride": 0.6, "comma10k": 0.2, "rides": 0.2}
    )
    num_rides: int = 240
    learning_rate: float = 2e-3
    encoder_rate_factor: float = 0.3
    warmup_share: float = 0.1
    weight_decay: float = 0.02
    gradient_clip: float = 2.0
    ema_decay: float = 0.99
    loss: LossWeights = LossWeights()
    paste_rate: float = 0.35
    encoder_weights: EncoderWeights = "imagenet-offline"
    frozen_stages: int = 0
    seed: int = 1

    def __post_init__(self) -> None:
        if not self.phases:
            raise UsageError("a training without phases", accepted="one phase or more")
        counts = {len(self.loss.classes), self.classes.num_classes, self.network.num_classes}
        if len(counts) > 1:
            raise UsageError(
                f"{len(self.loss.classes)} loss weights, {self.classes.num_classes} classes, "
                f"{self.network.num_classes} outputs",
                accepted="the same number of each",
            )

    @property
    def num_epochs(self) -> int:
        """Epochs of all phases together."""
        return sum(phase.epochs for phase in self.phases)

    @property
    def num_steps(self) -> int:
        """Optimiser steps of all phases together."""
        return sum(phase.epochs * self.steps_in(phase) for phase in self.phases)

    def steps_in(self, phase: Phase) -> int:
        """Return the steps of one epoch of a phase."""
        return max(1, self.samples_per_epoch // phase.batch_size)

    def phase_of(self, epoch: int) -> Phase:
        """Return the phase of an epoch, counted from 0."""
        for phase in self.phases:
            if epoch < phase.epochs:
                return phase
            epoch -= phase.epochs
        raise UsageError(f"epoch beyond the training's {self.num_epochs}")

    def locate(self, step: int) -> tuple[int, int]:
        """Return the epoch of a step and its place in it, both counted from 0."""
        first_epoch = 0
        for phase in self.phases:
            steps = self.steps_in(phase)
            if step < phase.epochs * steps:
                return first_epoch + step // steps, step % steps
            step -= phase.epochs * steps
            first_epoch += phase.epochs
        return first_epoch, step

    def rate_at(self, step: int) -> float:
        """Return the learning rate of a step: a linear climb, then half a cosine down to 1 %."""
        done = step / self.num_steps
        if done < self.warmup_share:
            return self.learning_rate * (0.05 + 0.95 * done / self.warmup_share)
        falling = (done - self.warmup_share) / (1 - self.warmup_share)
        return self.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * falling)))

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for a JSON file."""
        return asdict(self)
