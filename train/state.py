"""The state from which a killed training goes on as if it had never stopped: no pickle in it.

``state-DIGEST.safetensors`` holds the network, its average and the optimiser's moments;
``state.json`` the step, the configuration it belongs to and the digest of the tensors. The
record is replaced last, so a kill between the two leaves the older pair whole.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save

from losszero_rt.checkpoint import load_weights, write_whole
from losszero_rt.errors import ModelError
from train.config import TrainConfig
from train.learner import Learner

STATE_FORMAT = 2
_REMEDY = "start again in another --out, without --resume"
# How a step is computed, not what it computes: these may change between resumptions.
_FREE = ("accumulate",)


@dataclass(kw_only=True)
class Progress:
    """How far a training is, and how well it did.

    Attributes:
        step: Optimiser steps done.
        elapsed_s: Training time so far, over all resumptions.
        best_miou: Best validation mIoU so far, -1 before the first.
        best_epoch: Epochs done when it was reached.
        best_boundary: Best boundary IoU so far, -1 before the first.
        accumulate: Micro-batches a step and device; grows when memory runs out.
        epoch_loss: Sum of the losses of the steps of this epoch.
        history: One row an epoch, as written to ``history.json``.
    """

    step: int = 0
    elapsed_s: float = 0.0
    best_miou: float = -1.0
    best_epoch: int = 0
    best_boundary: float = -1.0
    accumulate: int = 1
    epoch_loss: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)


def write_state(
    folder: Path,
    *,
    config: TrainConfig,
    progress: Progress,
    learner: Learner,
    scaler: Mapping[str, Any],
) -> None:
    """Write everything that the next step depends on.

    Args:
        folder: Where to write.
        config: The training that it is the state of.
        progress: How far it is.
        learner: Its weights and moments.
        scaler: State of the loss scaling of fp16, JSON ready; empty otherwise.
    """
    content = save(_tensors(learner))
    digest = hashlib.sha256(content).hexdigest()
    record = {
        "format": STATE_FORMAT,
        "config": config.as_dict(),
        "progress": asdict(progress),
        "scaler": dict(scaler),
        "sha256": digest,
    }
    folder.mkdir(parents=True, exist_ok=True)
    tensors_path = _tensors_path(folder, digest)
    write_whole(tensors_path, content)
    write_whole(folder / "state.json", json.dumps(record, indent=1).encode())
    for path in folder.glob("state-*.safetensors"):
        if path != tensors_path:
            path.unlink()


def read_state(
    folder: Path, *, config: TrainConfig, learner: Learner
) -> tuple[Progress, dict[str, Any]]:
    """Restore a training; the learner is changed in place.

    Returns:
        How far it is, and the state of the loss scaling. Where ``config.accumulate`` asks for
        more micro-batches than the state has, there are as many as it asks for.

    Raises:
        ModelError: If there is no state, it is damaged, or it belongs to another configuration.
    """
    record = _record(folder / "state.json")
    asked = json.loads(json.dumps(config.as_dict()))
    trained = record["config"]
    differing = sorted(
        key
        for key in asked.keys() | trained.keys()
        if key not in _FREE and trained.get(key) != asked.get(key)
    )
    if differing:
        raise ModelError(
            f"{folder} was trained with another configuration: {', '.join(differing)}",
            accepted="--resume with the recipe and options of the first run",
            remedy="choose another --out",
        )
    tensors = _read_tensors(folder, record["sha256"])
    load_weights(learner.network, weights=_part(tensors, "network/"), name=str(folder))
    for key, value in _part(tensors, "average/").items():
        learner.average.state[key].copy_(value)
    _restore_optimiser(learner.optimiser, _part(tensors, "optimiser/"))
    progress = Progress(**record["progress"])
    progress.accumulate = max(progress.accumulate, config.accumulate)
    return progress, record["scaler"]


def read_step(folder: Path) -> int:
    """Return the optimiser steps that a state on disk has done; ModelError as for the state."""
    return int(_record(folder / "state.json")["progress"]["step"])


def _tensors(learner: Learner) -> dict[str, torch.Tensor]:
    tensors = {f"network/{key}": value for key, value in learner.network.state_dict().items()}
    tensors |= {f"average/{key}": value for key, value in learner.average.state.items()}
    for index, moments in learner.optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser/{index}/{key}": value for key, value in moments.items()}
    return {key: value.detach().cpu().contiguous() for key, value in tensors.items()}


def _tensors_path(folder: Path, digest: str) -> Path:
    return folder / f"state-{digest[:12]}.safetensors"


def _read_tensors(folder: Path, digest: str) -> dict[str, torch.Tensor]:
    path = _tensors_path(folder, digest)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read", remedy=_REMEDY) from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise ModelError(f"{path} is damaged: its sha256 differs from the record", remedy=_REMEDY)
    tensors: dict[str, torch.Tensor] = load(content)
    return tensors


def _record(path: Path) -> dict[str, Any]:
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{path} cannot be read: {type(error).__name__}", remedy=_REMEDY
        ) from error
    if record.get("format") != STATE_FORMAT:
        raise ModelError(
            f"{path} has format {record.get('format')!r}, this version reads {STATE_FORMAT}",
            remedy=_REMEDY,
        )
    return record


def _part(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {
        key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)
    }


def _restore_optimiser(optimiser: torch.optim.Optimizer, moments: dict[str, torch.Tensor]) -> None:
    state: dict[int, dict[str, torch.Tensor]] = {}
    for path, value in moments.items():
        index, key = path.split("/")
        state.setdefault(int(index), {})[key] = value
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": state, "param_groups": groups})
