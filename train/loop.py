"""The training, read from top to bottom.

Every step is a function of the state before it and of (seed, step), so a training that is killed
at any moment and resumed from its last state ends in the same weights as an unbroken one.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from losszero_rt import __version__
from losszero_rt.checkpoint import Checkpoint, load_weights, write_checkpoint, write_whole
from losszero_rt.metrics import Scores
from losszero_rt.network import build_network
from losszero_rt.timings import now_s
from train.config import SourceName, TrainConfig
from train.datasets.picture import LabelledPicture
from train.encoder_weights import load_imagenet
from train.evaluate import score
from train.learner import Learner
from train.losses import segmentation_loss
from train.sampling import Sampler
from train.state import Progress, read_state, write_state


@dataclass(frozen=True, kw_only=True)
class Data:
    """What a training sees and what it is measured on.

    Attributes:
        sources: Training pictures by source name.
        val: Pictures that are never trained on.
        train_probe: Training pictures that are scored like ``val``, to show the gap.
    """

    sources: Mapping[SourceName, Sequence[LabelledPicture]]
    val: Sequence[LabelledPicture]
    train_probe: Sequence[LabelledPicture]

    def summary(self) -> dict[str, Any]:
        """Return the counts for the checkpoint's record."""
        counts = {str(name): len(pictures) for name, pictures in self.sources.items()}
        return {"train": counts, "val": len(self.val)}


def train(
    config: TrainConfig,
    *,
    data: Data,
    out: Path,
    resume: bool = False,
    start_from: Mapping[str, torch.Tensor] | None = None,
    time_limit_s: float = math.inf,
    save_every_s: float = 300.0,
    say: Callable[[str], object] = print,
) -> Progress:
    """Train a network.

    Args:
        config: What to do.
        data: What to do it with.
        out: Folder that gets ``last`` and ``best`` (checkpoints), ``state`` and ``history.json``.
        resume: Go on from ``out/state``.
        start_from: Weights to start from instead of the configured encoder weights.
        time_limit_s: Stop after this training time, state written, to be resumed another day.
        save_every_s: Write the state this often; a kill loses no more than this.
        say: Receives one line an epoch.

    Returns:
        Where it stands.

    Raises:
        ModelError: If ``resume`` finds no state, or that of another configuration.
    """
    torch.manual_seed(config.seed)
    learner = Learner.of(_first_network(config, start_from), config=config)
    progress = Progress()
    if resume:
        progress = read_state(out / "state", config=config, learner=learner)
    sampler = Sampler(config=config, sources=data.sources)
    started_s = now_s() - progress.elapsed_s
    saved_s = now_s()
    losses: list[float] = []
    while progress.step < config.num_steps:
        losses.append(take_step(learner, sampler=sampler, step=progress.step))
        progress.step += 1
        progress.elapsed_s = now_s() - started_s
        epoch, step_in_epoch = config.locate(progress.step)
        if step_in_epoch == 0:
            row = _measure(learner, config, data, out, progress, epoch)
            say(" ".join(f"{k} {v}" for k, v in ({**row, "loss": _mean(losses)}).items()))
            losses = []
        over = progress.step == config.num_steps or progress.elapsed_s > time_limit_s
        if over or now_s() - saved_s > save_every_s:
            write_state(out / "state", config=config, progress=progress, learner=learner)
            saved_s = now_s()
        if over:
            break
    return progress


def _first_network(config: TrainConfig, start_from: Mapping[str, torch.Tensor] | None) -> nn.Module:
    network = build_network(config.network)
    if start_from is not None:
        load_weights(network, weights=start_from, name="the checkpoint to start from")
    elif config.encoder_weights == "imagenet-offline":
        load_imagenet(network.get_submodule("encoder"))
    # Channels last in float32: bfloat16 loses here, because its depthwise backward is slow.
    return network.to(memory_format=torch.channels_last)


def take_step(learner: Learner, *, sampler: Sampler, step: int) -> float:
    """Take optimiser step ``step``, counted from 0, and return its loss."""
    config = sampler.config
    # Dropout draws from the global generator: seeded by step, it needs no state on disk.
    torch.manual_seed(config.seed * 1_000_003 + step)
    learner.prepare(rate=config.rate_at(step))
    pixels_NCHW, labels_NHW = sampler.batch(*config.locate(step))
    loss = segmentation_loss(learner.network(pixels_NCHW), labels_NHW, weights=config.loss)
    learner.optimiser.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    nn.utils.clip_grad_norm_(learner.network.parameters(), config.gradient_clip)
    learner.optimiser.step()
    learner.average.update(learner.network, step=step)
    return loss.item()


def _measure(
    learner: Learner, config: TrainConfig, data: Data, out: Path, progress: Progress, epoch: int
) -> dict[str, Any]:
    """Score the averaged weights, write them, and return the epoch's row."""
    judged = build_network(config.network).to(memory_format=torch.channels_last)
    judged.load_state_dict(learner.average.state, strict=True)
    val = score(judged, data.val, spec=config.input, classes=config.classes)
    probe = score(judged, data.train_probe, spec=config.input, classes=config.classes)
    row = {
        "epoch": epoch,
        "val_miou": round(val.miou, 4),
        "train_miou": round(probe.miou, 4),
        "class_iou": [round(float(value), 3) for value in val.class_iou],
        "elapsed_s": round(progress.elapsed_s),
    }
    progress.history.append(row)
    _write_checkpoints(learner, config, data, out, progress, epoch, val)
    write_whole(out / "history.json", json.dumps(progress.history, indent=1).encode())
    return row


def _write_checkpoints(
    learner: Learner,
    config: TrainConfig,
    data: Data,
    out: Path,
    progress: Progress,
    epoch: int,
    val: Scores,
) -> None:
    checkpoint = Checkpoint(
        network=config.network,
        input=config.input,
        classes=config.classes,
        scores=val.as_dict(),
        data=data.summary(),
        epoch=epoch,
        version=__version__,
    )
    write_checkpoint(out / "last", checkpoint=checkpoint, weights=learner.average.state)
    if val.miou > progress.best_miou:
        progress.best_miou = val.miou
        write_checkpoint(out / "best", checkpoint=checkpoint, weights=learner.average.state)


def _mean(values: Sequence[float]) -> float:
    return round(sum(values) / len(values), 4)
