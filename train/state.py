"""The state from which a killed training goes on as if it had never stopped: no pickle in it.

``state-DIGEST.safetensors`` holds the network, its average and the optimiser's moments;
``state.json`` the step, the configuration and the data that it belongs to, and the digest of the
tensors. The record is replaced last, so a kill between the two leaves the older pair whole.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save

from losszero_rt.checkpoint import WEIGHTS_BYTES_MAX, load_weights, write_whole
from losszero_rt.errors import ModelError
from train.config import TrainConfig
from train.learner import Learner

STATE_FORMAT = 3
RECORD_NAME = "state.json"
RECORD_BYTES_MAX = 64 << 20
# The network, its average and two moments of the optimiser.
TENSORS_BYTES_MAX = 4 * WEIGHTS_BYTES_MAX
# Of the hex digest: numbers of so many digits are exact in float64, in which processes share them.
_MARK_DIGITS = 12
_REMEDY = "start again in another --out, without --resume"
# How a step is computed, not what it computes: these may change between resumptions.
_FREE = ("accumulate", "precision", "sync_norms")
_KEYS = {"config": dict, "data": dict, "progress": dict, "scaler": dict, "sha256": str}


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
        epoch_loss: Sum of the losses of the steps of this epoch, those skipped left out.
        epoch_steps: How many steps that is the sum of.
        history: One row an epoch, as written to ``history.json``.
    """

    step: int = 0
    elapsed_s: float = 0.0
    best_miou: float = -1.0
    best_epoch: int = 0
    best_boundary: float = -1.0
    accumulate: int = 1
    epoch_loss: float = 0.0
    epoch_steps: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)


def write_state(
    folder: Path,
    *,
    config: TrainConfig,
    data: Mapping[str, str],
    origin: Mapping[str, Any] | None,
    progress: Progress,
    learner: Learner,
    scaler: Mapping[str, Any],
) -> None:
    """Write everything that the next step depends on.

    Args:
        folder: Where to write.
        config: The training that it is the state of.
        data: What it is trained on, as :meth:`train.data.Data.identity` says.
        origin: What is known of the weights that it began with, as :class:`train.data.Data` has it.
        progress: How far it is.
        learner: Its weights and moments.
        scaler: State of the loss scaling of fp16, JSON ready; empty otherwise.
    """
    content = save(_tensors(learner))
    digest = hashlib.sha256(content).hexdigest()
    record = {
        "format": STATE_FORMAT,
        "config": config.as_dict(),
        "data": dict(data),
        "origin": None if origin is None else dict(origin),
        "progress": asdict(progress),
        "scaler": dict(scaler),
        "sha256": digest,
    }
    folder.mkdir(parents=True, exist_ok=True)
    tensors_path = _tensors_path(folder, digest)
    write_whole(tensors_path, content)
    write_whole(folder / RECORD_NAME, json.dumps(record, indent=1).encode())
    for path in folder.glob("state-*.safetensors"):
        if path != tensors_path:
            path.unlink()


def read_state(
    folder: Path, *, config: TrainConfig, data: Mapping[str, str], learner: Learner
) -> tuple[Progress, dict[str, Any]]:
    """Restore a training; the learner is changed in place.

    Returns:
        How far it is, and the state of the loss scaling. Where ``config.accumulate`` asks for
        more micro-batches than the state has, there are as many as it asks for.

    Raises:
        ModelError: If there is no state, it is damaged, or it belongs to another configuration
            or to other data.
    """
    record = _record(folder)
    _check_config(folder, record["config"], json.loads(json.dumps(config.as_dict())))
    _check_data(folder, record["data"], data)
    tensors = _read_tensors(folder, record["sha256"])
    load_weights(learner.network, weights=_part(tensors, "network/"), name=str(folder))
    for key, value in _part(tensors, "average/").items():
        learner.average.state[key].copy_(value)
    _restore_optimiser(learner.optimiser, _part(tensors, "optimiser/"))
    progress = _progress(folder, record)
    progress.accumulate = max(progress.accumulate, config.accumulate)
    return progress, record["scaler"]


def read_origin(folder: Path, *, given: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return what a state knows of the weights its training began with; ModelError as for it.

    Args:
        folder: Where the state lies.
        given: What is known without it: counts where it was written by a version that kept none.
    """
    record = _record(folder)
    origin = record.get("origin", given)
    if origin is None or isinstance(origin, Mapping):
        return origin
    raise ModelError(f"{folder / RECORD_NAME} is damaged: origin is no record", remedy=_REMEDY)


def has_state(folder: Path) -> bool:
    """Say whether there is a state: a kill may leave the folder without the record."""
    return (folder / RECORD_NAME).is_file()


def state_mark(folder: Path) -> int:
    """Return a number that two states share only if they are the same; ModelError as for it."""
    return int(str(_record(folder)["sha256"])[:_MARK_DIGITS], 16)


def read_progress(folder: Path) -> Progress:
    """Return how far the state on disk is; ModelError as for the state."""
    return _progress(folder, _record(folder))


def read_step(folder: Path) -> int:
    """Return the optimiser steps that a state on disk has done; ModelError as for the state."""
    return read_progress(folder).step


def _check_config(folder: Path, trained: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
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


def _check_data(folder: Path, trained: Mapping[str, Any], asked: Mapping[str, str]) -> None:
    differing = [
        f"{part} was {trained.get(part, 'absent')}, is {asked.get(part, 'absent')}"
        for part in sorted(asked.keys() | trained.keys())
        if trained.get(part) != asked.get(part)
    ]
    if differing:
        raise ModelError(
            f"{folder} was trained on other data: {'; '.join(differing)}",
            accepted="--resume with the data, split and fold of the first run",
            remedy="choose another --out",
        )


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
    content = _read_bounded(path, TENSORS_BYTES_MAX)
    if hashlib.sha256(content).hexdigest() != digest:
        raise ModelError(f"{path} is damaged: its sha256 differs from the record", remedy=_REMEDY)
    tensors: dict[str, torch.Tensor] = load(content)
    return tensors


def _record(folder: Path) -> dict[str, Any]:
    path = folder / RECORD_NAME
    try:
        record: Any = json.loads(_read_bounded(path, RECORD_BYTES_MAX))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} is no JSON: {type(error).__name__}", remedy=_REMEDY) from error
    if not isinstance(record, dict):
        raise ModelError(f"{path} holds a {type(record).__name__}, no record", remedy=_REMEDY)
    if record.get("format") != STATE_FORMAT:
        raise ModelError(
            f"{path} has format {record.get('format')!r}, this version reads {STATE_FORMAT}",
            remedy=_REMEDY,
        )
    wrong = [key for key, kind in _KEYS.items() if not isinstance(record.get(key), kind)]
    if wrong:
        raise ModelError(f"{path} is damaged: no {', '.join(wrong)}", remedy=_REMEDY)
    return record


def _progress(folder: Path, record: Mapping[str, Any]) -> Progress:
    found, known = record["progress"], asdict(Progress())
    wrong = sorted(
        key
        for key in known.keys() | found.keys()
        if key not in known or not _fits(found.get(key), known[key])
    )
    if wrong:
        raise ModelError(
            f"{folder / RECORD_NAME} is damaged: progress has a wrong {', '.join(wrong)}",
            remedy=_REMEDY,
        )
    return Progress(**found)


def _fits(value: object, example: object) -> bool:
    """Say whether a value is of the kind of another; a float may be written as an int."""
    if isinstance(value, bool):
        return False
    return isinstance(value, int | float if isinstance(example, float) else type(example))


def _read_bounded(path: Path, bytes_max: int) -> bytes:
    try:
        if path.stat().st_size > bytes_max:
            raise ModelError(f"{path} is larger than {bytes_max} bytes", remedy=_REMEDY)
        return path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"{path} cannot be read: {type(error).__name__}", remedy=_REMEDY
        ) from error


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
