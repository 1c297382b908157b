"""The training, read from top to bottom.

Every step is a function of the state before it and of (seed, step), so a training that is killed
at any moment and resumed from its last state ends in the same weights as an unbroken one, bit for
bit where a device computes the same twice, as a CPU does. That holds for one device and for many:
after each step all processes hold the same state, which the first of them writes.

Devices, processes and number formats are Lightning Fabric's: one process, ``--devices N``, or
``torchrun`` on several machines.
"""

import math
from collections.abc import Callable, Mapping
from os import environ
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from lightning_fabric.utilities.exceptions import MisconfigurationException
from torch import nn

from losszero_rt.checkpoint import load_weights
from losszero_rt.errors import ModelError, UsageError
from losszero_rt.network import build_network
from losszero_rt.timings import now_s
from train.batch import Batch
from train.config import TrainConfig
from train.data import Data
from train.encoder_weights import load_encoder_weights
from train.epoch import Pace, close_epoch, track_step
from train.feeding import batches_from
from train.learner import Learner
from train.losses import segmentation_loss
from train.sampling import Sampler
from train.session import Session
from train.state import Progress
from train.tracking import Tracker

__all__ = ["Accelerator", "Data", "open_session", "take_step", "train"]

Accelerator = Literal["auto", "cpu", "cuda", "mps"]
_FORMATS: Mapping[str, Any] = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}
_WITH_UNUSED = ("pspnet", "dpt")  # part of whose encoder never gets a gradient
_CPU_OUT_OF_MEMORY = "DefaultCPUAllocator: can't allocate memory"


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
    tracker: Tracker | None = None,
    accelerator: Accelerator = "auto",
    devices: int = 1,
    workers: int = 0,
) -> Progress:
    """Train a network.

    Args:
        config: What to do.
        data: What to do it with, the same in every process.
        out: Folder that gets ``last``, ``best`` (mIoU) and ``best-boundary`` (checkpoints),
            ``state`` and ``history.json``.
        resume: Go on from ``out/state``.
        start_from: Weights to start from instead of the configured encoder weights.
        time_limit_s: Stop after this time of this call, state written, to be resumed another day;
            a step is taken in any case.
        save_every_s: Write the state this often; a kill loses no more than this.
        say: Receives one line an epoch.
        tracker: Is told the loss of every step and everything about every epoch.
        accelerator: What to train on; ``auto`` takes the fastest there is.
        devices: How many of them. Under torchrun it decides, not this.
        workers: Processes that draw samples beside each device; 0 draws them in between.

    Returns:
        Where it stands.

    Raises:
        ModelError: If ``resume`` finds no state or that of another configuration or other data;
            see also :func:`take_step`.
    """
    called_s, identity = now_s(), data.identity()
    session = open_session(config, start_from, accelerator=accelerator, devices=devices)
    if resume:
        session.restore(out / "state", data=identity)
    progress = session.progress
    sampler = Sampler(config=config, sources=data.sources, with_objects=session.learns_objects)
    batches = batches_from(progress.step, sampler=sampler, team=session.team, workers=workers)
    started_s, saved_s = now_s() - progress.elapsed_s, now_s()
    pace = Pace(progress.step)
    while not is_done(progress, config):
        loss = take_step(session, next(batches))
        progress.elapsed_s = now_s() - started_s
        track_step(session, loss, tracker=tracker)
        if config.locate(progress.step)[1] == 0:
            close_epoch(session, pace, data=data, out=out, say=say, tracker=tracker)
            pace = Pace(progress.step)
        over = math.isfinite(time_limit_s) and session.agree(now_s() - called_s > time_limit_s)
        if over or is_done(progress, config) or now_s() - saved_s > save_every_s:
            session.save(out / "state", data=identity)
            saved_s = now_s()
        if over:
            break
    session.fabric.barrier()
    return progress


def is_done(progress: Progress, config: TrainConfig) -> bool:
    """Say whether all steps are taken, or no epoch was better for as many as ``patience``."""
    if progress.step >= config.num_steps:
        return True
    waited = len(progress.history) - progress.best_epoch
    return config.patience is not None and waited >= config.patience


def take_step(session: Session, batch: Batch) -> float:
    """Take the next optimiser step and return its loss, that of this process's share.

    Where memory runs out, the micro-batches are halved and the same step is taken again with
    the same samples, so the batch stays what the recipe says.

    Raises:
        ModelError: If the loss or a gradient is not finite, the weights left as they were; or if
            memory does not suffice for a single picture.
    """
    config, learner, progress = session.config, session.learner, session.progress
    step = progress.step
    before = learner.statistics()
    loss = gradients(session, batch)
    while loss is None:
        # Outside of the except clause, whose traceback holds on to everything that was too much.
        learner.put_back(before)
        session.halve_micro_batches(len(batch))
        loss = gradients(session, batch)
    norm = session.fabric.clip_gradients(
        session.trained,
        session.optimiser,
        max_norm=config.gradient_clip,
        error_if_nonfinite=False,
    ).item()
    value = loss.item()
    # The gradients are those of all processes, so they all see the same norm.
    is_sound = math.isfinite(value) and math.isfinite(norm)
    if not is_sound and config.precision != "fp16":
        raise _not_finite(config, step, loss=value, norm=norm)
    # Loss scaling of fp16 finds its scale by overflowing now and then, and skips such steps.
    session.optimiser.step()
    progress.step += 1
    if is_sound:
        session.share_statistics()
        learner.average.update(learner.network, step=step)
        progress.epoch_loss += value
        progress.epoch_steps += 1
    else:
        learner.put_back(before)
    return value


def _not_finite(config: TrainConfig, step: int, *, loss: float, norm: float) -> ModelError:
    slower = "start again with a lower learning rate"
    is_loss = not math.isfinite(loss)
    return ModelError(
        f"the loss of step {step} is {loss}"
        if is_loss
        else f"the gradients of step {step} are not finite: their norm is {norm}",
        remedy=slower
        if config.precision == "fp32"
        else f"--resume with --precision fp32, or {slower}",
    )


def gradients(session: Session, batch: Batch) -> torch.Tensor | None:
    """Add up the gradients of a step and return its loss, or None if memory ran out."""
    config, team, step = session.config, session.team, session.progress.step
    session.learner.prepare(rate=config.rate_at(step))
    batch_size = config.phase_of(config.locate(step)[0]).batch_size
    parts = batch.parts(min(session.progress.accumulate, len(batch)))
    losses = []
    try:
        for number, part in enumerate(parts):
            # Dropout and region sampling draw from the global generator: seeded by step and
            # part, it needs no state on disk.
            seeds = np.random.SeedSequence((config.seed, step, team.rank * len(parts) + number))
            torch.manual_seed(int(seeds.generate_state(1)[0]))
            is_last = number + 1 == len(parts)
            with session.fabric.no_backward_sync(session.trained, enabled=not is_last):
                # Processes are averaged, so each counts by its share of the batch.
                loss = loss_of(session, part) * (len(part) * team.size / batch_size)
                session.fabric.backward(loss)
            losses.append(loss.detach())
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        return None
    return torch.stack(losses).sum()


def loss_of(session: Session, batch: Batch) -> torch.Tensor:
    """Return the loss of a micro-batch: what the network says itself, else the recipe's."""
    config, device = session.config, session.device
    values_NCHW = batch.values(config.input, device=device)
    if batch.objects is not None:
        targets = [found.as_target(device) for found in batch.objects]
        with session.fabric.autocast():
            losses: dict[str, torch.Tensor] = session.trained.losses(values_NCHW, targets)
        return torch.stack([loss.float() for loss in losses.values()]).sum()
    logits_NCHW = session.trained(values_NCHW)
    return segmentation_loss(logits_NCHW, batch.labels(device=device), weights=config.loss)


def is_out_of_memory(error: RuntimeError) -> bool:
    """Say whether a device or this machine has no memory left."""
    return isinstance(error, torch.OutOfMemoryError) or _CPU_OUT_OF_MEMORY in str(error)


def open_session(
    config: TrainConfig,
    start_from: Mapping[str, torch.Tensor] | None = None,
    *,
    accelerator: Accelerator = "auto",
    devices: int = 1,
) -> Session:
    """Return a training before its first step; see :func:`train`.

    With several devices the first process starts the others, by running this program again,
    unless torchrun has started them all.
    """
    fabric = _fabric(config, accelerator, devices)
    fabric.launch()
    smallest = min(phase.batch_size for phase in config.phases)
    if smallest < config.accumulate * fabric.world_size:
        raise UsageError(
            f"batches of {smallest} for {config.accumulate} micro-batches in "
            f"{fabric.world_size} processes",
            accepted="a picture or more in each",
        )
    torch.manual_seed(config.seed)
    network = _first_network(config, start_from)
    learner = Learner.of(network, config=config)
    learner.average.to(fabric.device)
    trained, optimiser = fabric.setup(network, learner.optimiser)
    session = Session(
        config=config,
        fabric=fabric,
        learner=learner,
        trained=trained,
        optimiser=optimiser,
        progress=Progress(accumulate=config.accumulate),
    )
    if session.learns_objects:
        trained.mark_forward_method("losses")
    return session


def _fabric(config: TrainConfig, accelerator: Accelerator, devices: int) -> Fabric:
    nodes = 1
    if torch.distributed.is_available() and torch.distributed.is_torchelastic_launched():
        devices = int(environ["LOCAL_WORLD_SIZE"])
        nodes = int(environ["WORLD_SIZE"]) // devices
    # Statistics are shared after each step, and not by overwriting all with the first's.
    many: Any = "auto"
    if devices * nodes > 1:
        unused = config.network.architecture in _WITH_UNUSED
        many = DDPStrategy(broadcast_buffers=False, find_unused_parameters=unused)
    try:
        fabric = Fabric(
            accelerator=accelerator,
            strategy=many,
            devices=devices,
            num_nodes=nodes,
            precision=_FORMATS[config.precision],
        )
    except (ValueError, RuntimeError, MisconfigurationException) as error:
        raise UsageError(
            f"{devices} devices ({accelerator}): {error}", remedy="pass --devices or --accelerator"
        ) from error
    if config.precision == "fp16" and fabric.device.type == "cpu":
        raise UsageError("precision fp16 on a CPU", accepted="fp32, bf16")
    return fabric


def _first_network(config: TrainConfig, start_from: Mapping[str, torch.Tensor] | None) -> nn.Module:
    network = build_network(config.network)
    if start_from is not None:
        load_weights(network, weights=start_from, name="the checkpoint to start from")
    else:
        load_encoder_weights(network, source=config.encoder_weights, spec=config.network)
    # Channels last is the fast layout of convolutions, on a CPU above all of depthwise ones.
    return network.to(memory_format=torch.channels_last)
