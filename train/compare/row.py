"""One network in the comparison: what it is, what it is worth, what it costs, how fast it runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from train.scored import Scored
from train.seen import Overlap

Origin = Literal["recipe", "checkpoint"]


@dataclass(frozen=True, kw_only=True)
class Speed:
    """End-to-end speed on one engine, or why there is none.

    Attributes:
        engine: ``eager`` or ``openvino``.
        fps: Frames a second from file to file, the median of all rounds; None if not measured.
        rounds_fps: The same of every round.
        latency_ms: Median of decoded to handed on, of the median round.
        precision: Arithmetic that really ran.
        threads: CPU threads of the engine.
        frames: Frames of a round.
        warmup_frames: How many of them, at the start, are left out of the figure.
        absent: Why there is no figure; empty when there is one.
    """

    engine: str
    fps: float | None = None
    rounds_fps: tuple[float, ...] = ()
    latency_ms: float | None = None
    precision: str = ""
    threads: int = 0
    frames: int = 0
    warmup_frames: int = 0
    absent: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for a JSON file."""
        return {
            "fps": self.fps,
            "rounds_fps": list(self.rounds_fps),
            "latency_ms": self.latency_ms,
            "precision": self.precision,
            "threads": self.threads,
            "frames": self.frames,
            "warmup_frames": self.warmup_frames,
            "absent": self.absent,
        }


@dataclass(frozen=True, kw_only=True)
class Row:
    """One network in the comparison.

    Attributes:
        name: Unique in the comparison.
        origin: Whether a recipe was trained for it or a checkpoint given.
        network: The specification.
        input_size: (height, width) of the network input.
        weights_sha256: Digest of the weights.
        scored: Counts over the pictures that all were judged on; never test-time augmented.
        parameters: Number of parameters.
        gflops: 10^9 operations a picture at ``input_size``; a multiply-add counts as two.
        epochs: Epochs trained.
        epochs_planned: Epochs of the recipe; None where only the checkpoint is known.
        train_minutes: Training time; None where nobody noted it.
        overlap: How many of the scored pictures its weights were trained on.
        speeds: Speed by engine.
    """

    name: str
    origin: Origin
    network: Mapping[str, Any]
    input_size: tuple[int, int]
    weights_sha256: str
    scored: Scored
    parameters: int
    gflops: float
    epochs: int
    epochs_planned: int | None
    train_minutes: float | None
    overlap: Overlap
    speeds: Mapping[str, Speed] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return every figure, JSON ready."""
        return {
            "name": self.name,
            "origin": self.origin,
            "network": dict(self.network),
            "input_size": list(self.input_size),
            "weights_sha256": self.weights_sha256,
            "scores": self.scored.as_dict(),
            "parameters": self.parameters,
            "gflops": round(self.gflops, 3),
            "epochs": self.epochs,
            "epochs_planned": self.epochs_planned,
            "train_minutes": self.train_minutes,
            "training_pictures": self.overlap.as_dict(),
            "speeds": {engine: speed.as_dict() for engine, speed in self.speeds.items()},
        }
