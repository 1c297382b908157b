from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from losszero_rt.checkpoint import Checkpoint, write_checkpoint
from losszero_rt.classmap import NIGHT_RIDE
from losszero_rt.metrics import BANDS, BoundaryScores, Scores
from losszero_rt.network import NetworkSpec, build_network
from losszero_rt.preprocess import InputSpec
from train.compare.row import Row, Speed
from train.scored import Scored
from train.seen import Overlap

SPEC = NetworkSpec(architecture="unet", decoder_channels=8)
INPUT = InputSpec(size=(64, 96), mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
MakeRow = Callable[..., Row]


def scored_like(quality: float) -> Scored:
    """Counts of three pictures of which a share is right; nobody rides in them."""
    right, wrong = round(1000 * quality), round(1000 * (1 - quality))
    matrix = np.zeros((6, 6), np.int64)
    for class_id in (0, 1, 2, 3, 5):
        matrix[class_id, class_id] = right
        matrix[class_id, (class_id + 1) % 2] += wrong
    matrices = np.stack([matrix, matrix * 2, matrix])
    counts = np.zeros((3, 6, 2), np.int64)
    counts[:, :4] = (right, 1000)
    scores = Scores(matrices=matrices, classmap=NIGHT_RIDE)
    return Scored(
        names=("a", "b", "c"),
        scores=scores,
        outlines=BoundaryScores(counts=counts, classmap=NIGHT_RIDE),
        bands=dict.fromkeys(BANDS, scores),
    )


@pytest.fixture
def make_row() -> MakeRow:
    """Make a row of a given quality and speed."""

    def make(name: str, *, quality: float = 0.5, fps: float | None = 20.0, **more: Any) -> Row:
        eager = Speed(
            engine="eager",
            fps=fps,
            rounds_fps=(fps,) if fps else (),
            latency_ms=40.0,
            precision="fp32",
            threads=2,
            frames=300,
            warmup_frames=30,
            absent="" if fps else "no such file",
        )
        fields: dict[str, Any] = {
            "origin": "recipe",
            "network": SPEC.as_dict(),
            "input_size": (64, 96),
            "weights_sha256": "0" * 64,
            "scored": scored_like(quality),
            "parameters": 3_000_000,
            "gflops": 1.5,
            "epochs": 8,
            "epochs_planned": 8,
            "train_minutes": 12.5,
            "overlap": Overlap(seen=0, scored=3),
            "speeds": {"eager": eager},
        }
        return Row(name=name, **{**fields, **more})

    return make


def write_tiny(folder: Path, *, seed: int = 1) -> Path:
    """Write the checkpoint of a small network that was never trained."""
    record = Checkpoint(
        network=SPEC,
        input=INPUT,
        classes=NIGHT_RIDE,
        scores={},
        data={},
        epoch=2,
        version="0",
    )
    torch.manual_seed(seed)
    write_checkpoint(folder, checkpoint=record, weights=build_network(SPEC).state_dict())
    return folder
