"""The training, read from top to bottom.

Every step is a function of the state before it and of (seed, step), so a training that is killed
at any moment and resumed from its last state ends in the same weights as an unbroken one, bit for
bit where a device computes the same twice, as a CPU does. That holds for one device and for many:
after each step all processes hold the same state, which the first of them writes.

Devices, processes and number formats are Lightning Fabric's (launching.py): one process,
``--devices N``, or ``torchrun`` on several machines.
"""

import math
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from pathlib import Path

import numpy as np
import torch

from losszero_rt.errors import ModelError
from losszero_rt.stopping import STOP_CODES, StopSwitch
from train.batch import Batch
from train.clock import Clock
from train.config import TrainConfig
from train.data import Data
from train.epoch import Pace, close_epoch, track_step
from train.feeding import batches_from
from train.launching import Accelerator, open_session
from train.losses import segmentation_loss
from train.restoring import restore
from train.sampling import Sampler
from train.session import Session
from train.state import Progress
from train.stopping import PROMISE, StoppedError
from train.tracking import Tracker

__all__ = ["Accelerator", "Data", "open_session", "take_step", "train"]

# Sound losses are of the order of their weights, mostly below 100: from here none comes back.
LOSS_MAX = 1e6
_CPU_OUT_OF_MEMORY = "DefaultCPUAllocator: can't allocate memory"


def train(
    config: TrainConfig,
    *,
    data: Data,
    out: Path,
    resume: bool = False,
    session: Session | None = None,
    start_from: Mapping[str, torch.Tensor] | None = None,
    time_limit_s: float = math.inf,
    save_every_s: float = 300.0,
    say: Callable[[str], object] = print,
    tracker: Tracker | None = None,
    accelerator: Accelerator = "auto",
    devices: int = 1,
    workers: int = 0,
) -> Progress:
    """Train a network, or go on with it, and return where it stands.

    Args:
        config: What to do.
        data: What to do it with, the same in every process.
        out: Folder that gets ``last``, ``best``, ``best-boundary``, ``state``, ``history.json``.
        resume: Go on from ``out/state``; without one the training begins, and says so.
        session: This training, opened already by :func:`open_session`, which was told then what
            ``start_from``, ``accelerator`` and ``devices`` say otherwise.
        start_from: Weights to start from instead of the configured encoder weights.
        time_limit_s: Stop after this time of this call, state written, but not before a step.
        save_every_s: Write the state this often within an epoch, besides at the end of each; a
            kill loses no more than this.
        say: Receives one line an epoch.
        tracker: Is told the loss of every step and everything about every epoch.
        accelerator: What to train on; ``auto`` takes the fastest there is.
        devices: How many of them. Under torchrun it decides, not this.
        workers: Processes that draw samples beside each device; 0 draws them in between.

    Raises:
        ModelError: If ``resume`` finds the state of another training; see also :func:`take_step`.
        StoppedError: If a signal asked for it; the state is written first. Only in the process
            that leads; the others return.
    """
    clock = Clock(time_limit_s=time_limit_s, save_every_s=save_every_s)
    if session is None:
        session = open_session(config, start_from, accelerator=accelerator, devices=devices)
    if resume:
        data = restore(session, data=data, out=out, say=say)
    progress, pace = session.progress, Pace(session.progress.step)
    clock.start(elapsed_s=progress.elapsed_s)
    with StopSwitch(promise=PROMISE) as stop, closing(_batches(session, data, workers)) as batches:
        while not is_done(progress, config):
            loss = take_step(session, next(batches))
            progress.elapsed_s = clock.elapsed_s
            track_step(session, loss, tracker=tracker)
            epoch_is_over = config.locate(progress.step)[1] == 0
            if epoch_is_over:
                close_epoch(session, pace, data=data, out=out, say=say, tracker=tracker)
                pace = Pace(progress.step)
            over = session.agree(stop.is_set or clock.is_up)
            if over or epoch_is_over or clock.wants_saving:
                session.save(out / "state", data=data)
                clock.saved()
            if over:
                break
    _end(session, stop)
    return progress


def _end(session: Session, stop: StopSwitch) -> None:
    """Wait for all processes, and let one tell of the signal that any of them got."""
    session.fabric.barrier()
    code = session.agree_on(stop.exit_code, among=STOP_CODES)
    # Alone, for it ends all as soon as another ends otherwise than well.
    if code is not None and session.team.leads:
        step, num_steps = session.progress.step, session.config.num_steps
        told = f"stopped by a signal after step {step} of {num_steps}"
        raise StoppedError(code, told=f"{told}, the state is written")


def _batches(session: Session, data: Data, workers: int) -> Generator[Batch, None, None]:
    """Yield the batches of all steps that are left, this process's share of each."""
    sampler = Sampler(
        config=session.config, sources=data.sources, with_objects=session.learns_objects
    )
    return batches_from(session.progress.step, sampler=sampler, team=session.team, workers=workers)


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
        ModelError: If the loss or a gradient is not finite, or the loss beyond
            :data:`LOSS_MAX`, the weights left as they were; or if memory does not suffice for a
            single picture, or for the micro-batch of one of several processes.
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
    # Losses are their own, and who ended alone would leave the others waiting.
    has_exploded = session.agree(math.isfinite(value) and abs(value) > LOSS_MAX)
    if has_exploded or (not is_sound and config.precision != "fp16"):
        raise _unsound(config, step, loss=value, norm=norm)
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


def _unsound(config: TrainConfig, step: int, *, loss: float, norm: float) -> ModelError:
    slower = "start again with a lower learning rate"
    is_loss = not abs(loss) <= LOSS_MAX  # NaN is no number that is smaller.
    if is_loss:
        told = f"the loss of step {step} is {loss:.4g}"
    elif math.isfinite(norm):
        told = f"the loss of step {step} is beyond {LOSS_MAX:g} in another process"
    else:
        told = f"the gradients of step {step} are not finite: their norm is {norm}"
    return ModelError(
        told,
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
