"""How the learning rate goes from the first step to the last."""

import math
from typing import Literal

Schedule = Literal["cosine", "one-cycle", "constant"]

# one-cycle: start and end relative to the peak, as in PyTorch's OneCycleLR.
ONE_CYCLE_START = 1 / 25
ONE_CYCLE_END = ONE_CYCLE_START / 1e4


def rate_factor(done: float, *, schedule: Schedule, warmup_share: float) -> float:
    """Return the rate at a place of the training, relative to its peak.

    ``cosine``: a linear climb from 5 %, then half a cosine down to 1 %
    (Loshchilov, Hutter, "SGDR", ICLR 2017, https://arxiv.org/abs/1608.03983, without restarts).
    ``one-cycle``: half a cosine up, half a cosine down to almost nothing
    (Smith, Topin, "Super-Convergence", 2017, https://arxiv.org/abs/1708.07120).
    ``constant``: the same climb as ``cosine``, then the peak.

    Args:
        done: Share of all steps taken, 0..1.
        schedule: Which way.
        warmup_share: Share of all steps in which the rate climbs, 0..1.
    """
    if done < warmup_share:
        climbed = done / warmup_share
        if schedule == "one-cycle":
            return _half_cosine(ONE_CYCLE_START, 1.0, climbed)
        return 0.05 + 0.95 * climbed
    if schedule == "constant":
        return 1.0
    fallen = (done - warmup_share) / (1 - warmup_share)
    return _half_cosine(1.0, 0.01 if schedule == "cosine" else ONE_CYCLE_END, fallen)


def _half_cosine(start: float, end: float, done: float) -> float:
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * done))
