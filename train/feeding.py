"""Batches in the order of the steps, drawn ahead by processes beside the training.

Each worker draws whole batches. They travel as NumPy arrays through a pipe, not through shared
memory, so a small /dev/shm (64 MB in a container) is enough. Workers are spawned, never forked:
a forked process would inherit threads and accelerator state that do not survive it. They end with
the training, however it ends.
"""

from collections.abc import Generator
from contextlib import nullcontext
from dataclasses import dataclass
from multiprocessing import parent_process
from typing import Any

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info

from losszero_rt.errors import LossZeroError
from losszero_rt.stopping import end_with_parent
from train.batch import Batch
from train.datasets.picture_set import CACHE_BYTES_MAX, PictureSet
from train.sampling import Sampler
from train.stopping import signals_held
from train.team import Team

PREFETCHED = 2


@dataclass(frozen=True)
class StepBatches(Dataset["Batch | LossZeroError"]):
    """The share of one process in the batch of every step.

    Attributes:
        sampler: Draws the samples.
        rank: Which process of the team.
        team_size: How many there are.
    """

    sampler: Sampler
    rank: int
    team_size: int

    def __getitem__(self, step: int) -> Batch | LossZeroError:
        config = self.sampler.config
        epoch, step_in_epoch = config.locate(step)
        slots = np.arange(config.phase_of(epoch).batch_size)
        share = np.array_split(slots, self.team_size)[self.rank]
        try:
            return self.sampler.batch(epoch, step_in_epoch, slots=share.tolist())
        except LossZeroError as error:
            # Raised here, it would arrive wrapped in a traceback of another process.
            return error


def batches_from(
    step: int, *, sampler: Sampler, team: Team, workers: int
) -> Generator[Batch, None, None]:
    """Yield the batches of steps ``step`` to the last, this process's share of each.

    Args:
        step: First step, counted from 0.
        sampler: Draws the samples; with workers it is copied into each.
        team: The processes that share the training.
        workers: Processes that draw beside this one; with 0 this one draws.

    Raises:
        InputError: If a picture cannot be read, wherever it was read.
    """
    batches = StepBatches(sampler, team.rank, team.size)
    options: dict[str, Any] = {}
    if workers:
        options = {
            "num_workers": workers,
            "multiprocessing_context": "spawn",
            "prefetch_factor": PREFETCHED,
            "worker_init_fn": _settle_in,
        }
    steps = range(step, sampler.config.num_steps)
    loader: DataLoader[Batch | LossZeroError] = DataLoader(
        batches, batch_size=None, sampler=steps, collate_fn=_as_it_is, **options
    )
    with signals_held() if workers else nullcontext():
        drawn = iter(loader)
    for batch in drawn:
        if isinstance(batch, LossZeroError):
            raise batch
        yield batch


def _as_it_is(batch: Any) -> Any:
    return batch


def _settle_in(worker: int) -> None:
    """Leave the other cores to the training, and the other workers their share of the memory."""
    del worker
    _end_with_parent()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    info = get_worker_info()
    if info is not None and isinstance(info.dataset, StepBatches):
        for pictures in info.dataset.sampler.sources.values():
            if isinstance(pictures, PictureSet):
                pictures.limit_memory(CACHE_BYTES_MAX // info.num_workers)


def _end_with_parent() -> None:
    """Let the kernel end this worker when its training ends, even amid a write to a full pipe.

    Torch's own look at the parent does not reach a worker that waits for its last batch to be
    taken: nobody takes it any more, and the other workers hold the pipe open. Only Linux offers
    this; elsewhere torch's look has to do.
    """
    parent = parent_process()
    if parent is not None and parent.pid is not None:
        end_with_parent(parent.pid)
