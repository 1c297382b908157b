"""Averaging the weights of several trainings that started from one: as fast as each, more steady.

Source: Wortsman et al., "Model soups: averaging weights of multiple fine-tuned models improves
accuracy without increasing inference time" (ICML 2022), https://arxiv.org/abs/2203.05482.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from losszero_rt.checkpoint import Checkpoint, load_network, write_checkpoint
from losszero_rt.data_record import LINEAGE_KEYS, joined
from losszero_rt.errors import ModelError
from losszero_rt.network import build_network
from train.datasets.picture import LabelledPicture
from train.evaluate import score
from train.shifting import shift_logits, shifted_data


def average_checkpoints(
    folders: Sequence[Path],
    *,
    out: Path,
    val: Sequence[LabelledPicture],
    shifts: Mapping[str, float] | None = None,
) -> Checkpoint:
    """Write a checkpoint whose weights are the mean of several, scored anew.

    Args:
        folders: Checkpoints of one network, input and classes; two or more.
        out: Folder of the checkpoint to write.
        val: Pictures to score it on, none of them trained on.
        shifts: What to add to the logits of the mean, by class name; see
            :func:`train.shifting.shift_logits`.

    Returns:
        The record as written.

    Raises:
        ModelError: If there are fewer than two, or they are not of one kind, or cannot be shifted.
        UsageError: If a shift is of no class or no number.
    """
    loaded = [load_network(folder) for folder in folders]
    if len(loaded) < 2:
        raise ModelError(f"{len(loaded)} checkpoints to average", accepted="two or more")
    first = loaded[0][1]
    for folder, (_, checkpoint) in zip(folders, loaded, strict=True):
        if (checkpoint.network, checkpoint.input, checkpoint.classes) != (
            first.network,
            first.input,
            first.classes,
        ):
            raise ModelError(
                f"{folder} holds another network, input or classes than {folders[0]}",
                accepted="checkpoints of trainings that started from one",
            )
    weights = mean_of([network.state_dict() for network, _ in loaded])
    network = build_network(first.network)
    network.load_state_dict(weights, strict=True)
    data = _joined_data([checkpoint for _, checkpoint in loaded])
    if shifts:
        shift_logits(network, shifts=shifts, classes=first.classes)
        data = shifted_data(data, shifts=shifts)
    scores = score(network, val, spec=first.input, classes=first.classes)
    record = replace(
        first,
        scores=scores.as_dict(),
        data=data,
        epoch=max(checkpoint.epoch for _, checkpoint in loaded),
    )
    return write_checkpoint(out, checkpoint=record, weights=network.state_dict())


def _joined_data(checkpoints: Sequence[Checkpoint]) -> dict[str, Any]:
    """Return the data record of a mean, which has seen what any of its parts has seen."""
    data = checkpoints[0].data
    first = {key: value for key, value in data.items() if key not in LINEAGE_KEYS}
    known = joined([checkpoint.data for checkpoint in checkpoints])
    sources = [checkpoint.weights_sha256[:12] for checkpoint in checkpoints]
    return {**first, **known, "averaged": sources}


def mean_of(states: Sequence[Mapping[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """Return the mean of several states; what is not floating is taken from the first."""
    return {
        key: torch.stack([state[key] for state in states]).mean(0)
        if value.is_floating_point()
        else value.clone()
        for key, value in states[0].items()
    }
