"""Training steps of the loop against bare forward, backward and optimiser on cached tensors.

Both train the shipped recipe's network on its crops with one thread for torch; the loop draws its
samples in one process beside it. Blocks of steps alternate, and so does which of the two comes
first, so a busy moment and a slow drift meet both. Before each block as many steps are taken
untimed as samples are drawn ahead, and one more: a block of the loop begins without samples that
were drawn in the other's time, and a bare block runs beside a process that has nothing to do.

Run: python -m benchmarks.bench_training
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median
from time import process_time

import cv2
import torch

from benchmarks.machine import digest_of
from benchmarks.options import ROOT, Options
from benchmarks.record import Claim, Outcome, conduct
from losszero_rt.timings import now_s
from train.batch import Batch
from train.config import TrainConfig
from train.datasets import read_rides
from train.feeding import PREFETCHED, batches_from
from train.loop import open_session, take_step
from train.losses import segmentation_loss
from train.recipes import recipe
from train.sampling import Sampler
from train.team import ALONE

MIN_RATIO = 0.95
NUM_RIDES, BLOCK_STEPS, BLOCKS_A_ROUND = 48, 6, 2
QUICK_RIDES, QUICK_STEPS = 4, 1
NUM_CACHED = 3
NUM_WORKERS = 1
# After so many steps nothing that was drawn before them is left.
UNTIMED_STEPS = PREFETCHED * NUM_WORKERS + 1


@dataclass(frozen=True, kw_only=True)
class Block:
    """What some steps took.

    Attributes:
        wall_s: By the clock.
        cpu_s: Processor time of this process, the one that draws samples left out.
    """

    wall_s: float
    cpu_s: float


def measure(options: Options) -> Outcome:
    """Alternate blocks of both and compare what a step takes."""
    torch.set_num_threads(1)
    # As in the process that draws, so that what a sample takes is told of one core, too.
    cv2.setNumThreads(1)
    config = trained_config(quick=options.quick)
    rides = read_rides(QUICK_RIDES if options.quick else NUM_RIDES, spec=config.input)
    half = len(rides) // 2
    sampler = Sampler(config=config, sources={"night_ride": rides[:half], "rides": rides[half:]})
    steps = QUICK_STEPS if options.quick else BLOCK_STEPS
    loop, bare = loop_steps(sampler), bare_steps(sampler)
    num_pairs = options.rounds * (1 if options.quick else BLOCKS_A_ROUND)
    pairs = [pair_of(loop, bare, steps=steps, loop_first=k % 2 == 0) for k in range(num_pairs)]
    ratio = median(bare.wall_s / loop.wall_s for loop, bare in pairs)
    cpu_ratio = median(bare.cpu_s / loop.cpu_s for loop, bare in pairs)
    loop_s, bare_s = (median(b.wall_s for b in side) / steps for side in zip(*pairs, strict=True))
    batch_size = config.phases[0].batch_size
    claims = (
        Claim(
            what="steps a second of the loop / of bare forward, backward, optimiser",
            value=round(ratio, 4),
            unit="",
            limit=MIN_RATIO,
        ),
        Claim(
            what="the same in processor time of the training process alone",
            value=round(cpu_ratio, 4),
            unit="",
        ),
        Claim(what="images learnt from by the loop", value=batch_size / loop_s, unit="a second"),
        Claim(what="one sample drawn", value=sample_ms(sampler), unit="ms"),
    )
    figures = {
        "network": config.network.as_dict(),
        "crop_size": config.phases[0].crop_size,
        "batch_size": batch_size,
        "block_steps": steps,
        "untimed_steps": UNTIMED_STEPS,
        "loop_step_s": round(loop_s, 4),
        "bare_step_s": round(bare_s, 4),
        "blocks_s": [[round(block.wall_s, 3) for block in pair] for pair in pairs],
        "blocks_cpu_s": [[round(block.cpu_s, 3) for block in pair] for pair in pairs],
        "train_sha256": digest_of(ROOT / "train"),
    }
    notes = (
        f"medians over {len(pairs)} alternating pairs of blocks of {steps} steps, each after "
        f"{UNTIMED_STEPS} steps that are not timed",
        "the loop's steps include drawing samples, normalising, clipping and the weights' "
        "average; measuring and writing at the end of an epoch are left out",
        "it needs a core for the process that draws: on a machine that is busy otherwise, what "
        "that takes is lost to the training",
        "pictures are rendered rides, larger than the real pairs",
    )
    return Outcome(claims=claims, figures=figures, notes=notes)


def trained_config(*, quick: bool) -> TrainConfig:
    """Return the shipped recipe, with steps enough, on rendered rides alone."""
    config = recipe("night-ride")
    config = replace(
        config,
        shares={"night_ride": 0.6, "rides": 0.4},
        encoder_weights="none",
        phases=(replace(config.phases[0], epochs=1000),),
    )
    if not quick:
        return config
    phase = replace(config.phases[0], crop_size=(64, 96), batch_size=2)
    return replace(config, phases=(phase,))


def loop_steps(sampler: Sampler) -> Callable[[], float]:
    """Return what takes one step of the training loop."""
    session = open_session(sampler.config, accelerator="cpu")
    batches = batches_from(0, sampler=sampler, team=ALONE, workers=NUM_WORKERS)
    return lambda: take_step(session, next(batches))


def bare_steps(sampler: Sampler) -> Callable[[], float]:
    """Return what takes one step on tensors that are there already."""
    config = sampler.config
    learner = open_session(config, accelerator="cpu").learner
    # The rate of the loop's first steps: values that grow or vanish may take other times.
    learner.prepare(rate=config.rate_at(1))
    tensors = _endless([sampler.batch(0, step) for step in range(NUM_CACHED)], config)

    def step() -> float:
        values_NCHW, labels_NHW = next(tensors)
        loss = segmentation_loss(learner.network(values_NCHW), labels_NHW, weights=config.loss)
        learner.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        learner.optimiser.step()
        return loss.item()

    return step


def _endless(
    batches: Sequence[Batch], config: TrainConfig
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    device = torch.device("cpu")
    cached = [(b.values(config.input, device=device), b.labels(device=device)) for b in batches]
    while True:
        yield from cached


def pair_of(
    loop: Callable[[], float], bare: Callable[[], float], *, steps: int, loop_first: bool
) -> tuple[Block, Block]:
    """Take a block of each, one after the other; return the loop's, then the bare one."""
    ordered = (loop, bare) if loop_first else (bare, loop)
    blocks = []
    for step in ordered:
        block_of(step, steps=UNTIMED_STEPS)
        blocks.append(block_of(step, steps=steps))
    first, second = blocks
    return (first, second) if loop_first else (second, first)


def block_of(step: Callable[[], float], *, steps: int) -> Block:
    """Take some steps against the clock."""
    start_s, start_cpu_s = now_s(), process_time()
    for _ in range(steps):
        step()
    return Block(wall_s=now_s() - start_s, cpu_s=process_time() - start_cpu_s)


def sample_ms(sampler: Sampler, *, num: int = 24) -> float:
    """Return the mean time of drawing one sample in this process."""
    start_s = now_s()
    for index in range(num):
        sampler.sample(1, index)
    return 1000 * (now_s() - start_s) / num


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    return conduct("training", measure, description=__doc__, arguments=arguments)


if __name__ == "__main__":
    sys.exit(main())
