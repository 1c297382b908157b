"""The state from which a killed training goes on as if it had never stopped: no pickle in it.

``state-DIGEST.safetensors`` holds the network, its average and the optimiser's moments;
``state.json`` the step, the configuration it belongs to and the digest of the tensors. The
record is replaced last, so a kill between the two leaves the older pair whole.
"""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save

from losszero_rt.checkpoint import load_weights, write_whole
from losszero_rt.errors import ModelError
from train.config import TrainConfig
from train.learner import Learner

STATE_FORMAT = 1
_REMEDY = "start again in another --out, without --resume"


@dataclass(kw_only=True)
class Progress:
    """How far a training is, and how well it did.

    Attributes:
        step: Optimiser steps done.
        elapsed_s: Training time so far, over all resumptions.
        best_miou: Best validation mIoU so far, -1 before the first.
        history: One row an epoch, as written to ``history.json``.
    """

    step: int = 0
    elapsed_s: float = 0.0
    best_miou: float = -1.0
    history: list[dict[str, Any]] = field(default_factory=list)


def write_state(folder: Path, *, config: TrainConfig, progress: Progress, learner: Learner) -> None:
    """Write everything that the next step depends on."""
    content = save(_tensors(learner))
    digest = hashlib.sha256(content).hexdigest()
    record = {
        "format": STATE_FORMAT,
        "config": config.as_dict(),
        "step": progress.step,
        "elapsed_s": progress.elapsed_s,
        "best_miou": progress.best_miou,
        "history": progress.history,
        "sha256": digest,
    }
    folder.mkdir(parents=True, exist_ok=True)
    tensors_path = _tensors_path(folder, digest)
    write_whole(tensors_path, content)
    write_whole(folder / "state.json", json.dumps(record, indent=1).encode())
    for path in folder.glob("state-*.safetensors"):
        if path != tensors_path:
            path.unlink()


def read_state(folder: Path, *, config: TrainConfig, learner: Learner) -> Progress:
    """Restore a training; the learner is changed in place.

    Raises:
        ModelError: If there is no state, it is damaged, or it belongs to another configuration.
    """
    record = _record(folder / "state.json")
    asked = json.loads(json.dumps(config.as_dict()))
    if record["config"] != asked:
        differing = sorted(key for key in asked if record["config"].get(key) != asked[key])
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
    return Progress(
        step=record["step"],
        elapsed_s=record["elapsed_s"],
        best_miou=record["best_miou"],
        history=record["history"],
    )


def _tensors(learner: Learner) -> dict[str, torch.Tensor]:
    tensors = {f"network/{key}": value for key, value in learner.network.state_dict().items()}
    tensors |= {f"average/{key}": value for key, value in learner.average.state.items()}
    for index, moments in learner.optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser/{index}/{key}": value for key, value in moments.items()}
    return {key: value.detach().contiguous() for key, value in tensors.items()}


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
