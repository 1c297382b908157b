"""What a training is made of: one frozen value, written next to every checkpoint."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from losszero_rt.bundle import SIDE_STEP
from losszero_rt.classmap import NIGHT_RIDE, ClassMap
from losszero_rt.errors import UsageError
from losszero_rt.network import NetworkSpec
from losszero_rt.preprocess import InputSpec
from train.ranges import check_ranges
from train.schedule import Schedule, rate_factor

SourceName = str
Precision = Literal["fp32", "bf16", "fp16"]

# Fields that early states and records do not have, and what they were before they were there.
_LATER: Mapping[str, Any] = {"sync_norms": False, "walker_share": 0.0}

# EfficientNet-Lite0 was trained on (x / 255 - 0.5) / 0.5.
LITE0_INPUT = InputSpec(size=(384, 672), mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


@dataclass(frozen=True, kw_only=True)
class Phase:
    """A stretch of the training with one crop size.

    Attributes:
        epochs: Number of epochs, at least one.
        crop_size: (height, width) of the training crops, multiples of 32.
        batch_size: Crops a step, over all devices and micro-batches together.
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
    """Numbers of the loss; the formulas are in losses/. A term of weight 0 is not computed.

    Attributes:
        classes: Weight of each class in the cross entropy and in the focal loss.
        cross_entropy: Weight of the cross entropy.
        focal: Weight of the focal loss.
        focal_gamma: How fast sure pixels stop counting in it.
        dice: Weight of the dice term.
        tversky: Weight of the Tversky term.
        tversky_false_positives: What a false positive costs in it; a false negative the rest to 1.
        lovasz: Weight of the Lovasz-softmax term.
        boundary: Weight of the boundary loss, whose distances are in picture diagonals.
    """

    classes: tuple[float, ...] = (1.0, 1.0, 3.0, 1.0, 1.2, 2.0)
    cross_entropy: float = 1.0
    focal: float = 0.0
    focal_gamma: float = 2.0
    dice: float = 0.5
    tversky: float = 0.0
    tversky_false_positives: float = 0.3
    lovasz: float = 0.0
    boundary: float = 0.0

    def __post_init__(self) -> None:
        pixel_terms = (self.cross_entropy, self.focal)
        terms = (*pixel_terms, self.dice, self.tversky, self.lovasz, self.boundary)
        if min(terms) < 0 or not any(terms) or min(self.classes, default=0) <= 0:
            raise UsageError(
                f"loss weights {terms}, classes {self.classes}",
                accepted="no weight below 0, one term above 0, classes above 0",
            )

    @property
    def of_regions(self) -> bool:
        """Whether any term needs probabilities."""
        return any((self.dice, self.tversky, self.lovasz, self.boundary))


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
        walker_share: Share of these rides with many people on foot, most in dark clothes.
        learning_rate: Peak rate of decoder and head.
        encoder_rate_factor: The encoder's rate as a part of ``learning_rate``.
        part_rates: Peak rates of the parts that a network names itself (Mask R-CNN: backbone,
            rpn, roi); parts that are not named here get ``learning_rate``.
        schedule: How the rate goes from the first step to the last; see schedule.py.
        warmup_share: Part of all steps in which the rate climbs.
        weight_decay: AdamW weight decay.
        gradient_clip: Largest norm of the gradient.
        ema_decay: Decay of the averaged weights, which are what is saved and measured; 0 saves
            the weights as they are.
        loss: Numbers of the loss.
        paste_rate: Part of the pictures without a bike into which bike and rider are pasted.
        lane_paste_rate: Part of the pictures onto whose road another's lane marks are painted.
        vehicle_paste_rate: Part of the pictures into which another's vehicles are pasted.
        night: Whether day pictures are darkened and all are lit as by headlights.
        encoder_weights: Where the encoder starts: ``imagenet-offline``, ``imagenet``, ``none``
            or the path of a file.
        frozen_stages: Encoder stages after the stem that are not trained, 0 to train all.
        precision: Number format of the forward and backward pass. On a CPU fp32 is the fast one
            for depthwise networks; fp16 needs an accelerator.
        accumulate: Micro-batches a step and device; the batch stays the phase's. Doubled when
            memory runs out.
        sync_norms: Whether batch norms take their statistics over all devices together, instead
            of each over its own pictures; needs accelerators, and changes nothing with one.
        patience: Epochs without a better validation mIoU after which to stop; None never stops.
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
    walker_share: float = 0.0
    learning_rate: float = 2e-3
    encoder_rate_factor: float = 0.3
    part_rates: Mapping[str, float] = field(default_factory=dict)
    schedule: Schedule = "cosine"
    warmup_share: float = 0.1
    weight_decay: float = 0.02
    gradient_clip: float = 2.0
    ema_decay: float = 0.99
    loss: LossWeights = LossWeights()
    paste_rate: float = 0.35
    lane_paste_rate: float = 0.25
    vehicle_paste_rate: float = 0.25
    night: bool = True
    encoder_weights: str = "imagenet-offline"
    frozen_stages: int = 0
    precision: Precision = "fp32"
    accumulate: int = 1
    sync_norms: bool = False
    patience: int | None = None
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
        if any(side % SIDE_STEP for side in self.input.size):
            raise UsageError(
                f"an input of {self.input.size[0]}x{self.input.size[1]}",
                accepted=f"height and width in multiples of {SIDE_STEP}, as python -m export wants",
            )
        check_ranges(vars(self))
        self._check_background()
        self._check_choices()
        self._check_pastes()

    def _check_background(self) -> None:
        """Refuse objects of another background than the classes'; other networks have none."""
        ids = (self.network.background_id, self.classes.background_id)
        if self.network.architecture == "mask-rcnn" and ids[0] != ids[1]:
            raise UsageError(
                f"a mask-rcnn network with background_id {ids[0]}, classes with {ids[1]}",
                accepted="the same background_id in both",
            )

    def _check_choices(self) -> None:
        for name, value, choices in (
            ("precision", self.precision, get_args(Precision)),
            ("schedule", self.schedule, get_args(Schedule)),
        ):
            if value not in choices:
                raise UsageError(f"unknown {name} {value!r}", accepted=", ".join(choices))
        smallest = min(phase.batch_size for phase in self.phases)
        if not 1 <= self.accumulate <= smallest or not 0 <= self.ema_decay < 1:
            raise UsageError(
                f"{self.accumulate} micro-batches of a batch of {smallest}, "
                f"ema_decay {self.ema_decay}",
                accepted="1 to batch_size micro-batches, 0 <= ema_decay < 1",
            )
        if self.patience is not None and self.patience < 1:
            raise UsageError(f"patience of {self.patience} epochs", accepted="1 or more, or none")

    def _check_pastes(self) -> None:
        """Refuse pastes of classes that the pictures cannot have."""
        for rate, needed in (
            (self.paste_rate, ("my bike", "rider")),
            (self.lane_paste_rate, ("road", "lane mark")),
            (self.vehicle_paste_rate, ("undrivable", "road", "lane mark", "moveable")),
        ):
            if rate:
                self.classes.ids_of(needed)

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
        """Return the learning rate of a step, counted from 0."""
        done = step / self.num_steps
        return self.learning_rate * rate_factor(
            done, schedule=self.schedule, warmup_share=self.warmup_share
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for a JSON file.

        Those that came later are left out while they change nothing, so that what an earlier
        version wrote is still recognised as the same configuration.
        """
        return {
            name: value
            for name, value in asdict(self).items()
            if name not in _LATER or value != _LATER[name]
        }
