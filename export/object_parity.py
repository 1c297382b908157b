"""Whether compiled parts find the objects that the network finds.

Labels alone would not tell: two objects that became one may paint the same pixels, and a score that
fell from 0.9 to 0.6 paints as much as before.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from losszero_rt.bundle import Bundle
from losszero_rt.bundle.parity_rules import CERTAIN_BY, OVERLAP_MIN
from losszero_rt.engine import Engine, EngineOptions
from losszero_rt.engine.eager_engine import EagerEngine
from losszero_rt.objects import Objects

# From uint8 inputs (H, W, 3) to the objects of each.
ObjectsOf = Callable[[Sequence[np.ndarray]], list[Objects]]


def objects_of(engine: Engine, inputs: Sequence[np.ndarray]) -> list[Objects]:
    """Return the objects that an engine finds in uint8 inputs (H, W, 3), one call each."""
    found = []
    for pixels_HWC in inputs:
        ticket = engine.submit(pixels_HWC[None])
        ticket.result()
        assert ticket.extras.objects is not None, "asked of networks that know objects"
        found.append(ticket.extras.objects[0])
    return found


def true_objects(bundle: Bundle, inputs: Sequence[np.ndarray]) -> list[Objects]:
    """Return the objects that the eager network finds in fp32 on the CPU."""
    engine = EagerEngine(bundle, options=EngineOptions(device="cpu", precision="fp32"))
    try:
        return objects_of(engine, inputs)
    finally:
        engine.close()


def compare_objects(
    found: Sequence[Objects], *, truth: Sequence[Objects], score_min: float
) -> dict[str, Any]:
    """Compare objects with those of the network.

    An object is found again as one of its class whose box overlaps its own. Those that are hardly
    certain enough to be objects at all may come and go with any rounding, so they are not counted.

    Args:
        found: Of each picture.
        truth: Of each picture, as the network finds them.
        score_min: Objects of a lower score are none.

    Returns:
        ``n`` objects of the network, how many were ``lost`` and ``invented``, and ``score_off``,
        the mean difference of the scores of those that were found again.
    """
    certain = score_min + CERTAIN_BY
    pairs = [_matches(mine, theirs) for mine, theirs in zip(found, truth, strict=True)]
    again = [_certain(pair.T, theirs, certain) for pair, theirs in zip(pairs, truth, strict=True)]
    known = [_certain(pair, mine, certain) for pair, mine in zip(pairs, found, strict=True)]
    off = [
        float(abs(mine.scores[k] - theirs.scores[pair[k].argmax()]))
        for pair, mine, theirs in zip(pairs, found, truth, strict=True)
        for k in range(len(mine))
        if pair[k].any()
    ]
    return {
        "n": sum(map(len, again)),
        "lost": sum(int((~flags).sum()) for flags in again),
        "invented": sum(int((~flags).sum()) for flags in known),
        "score_off": round(float(np.mean(off)) if off else 0.0, 6),
    }


def _matches(mine: Objects, theirs: Objects) -> np.ndarray:
    """Overlap of boxes, float (K, K'), 0 for pairs that are not the same object.

    Each object has one partner at most: the best, if it is that one's best too.
    """
    same = mine.class_ids[:, None] == theirs.class_ids[None]
    overlap = np.where(same, _overlaps(mine.boxes, theirs.boxes), 0.0)
    if not overlap.size:
        return overlap
    mutual = (overlap == overlap.max(0)[None]) & (overlap == overlap.max(1)[:, None])
    return np.where(mutual & (overlap >= OVERLAP_MIN), overlap, 0.0)


def _overlaps(mine_K4: np.ndarray, theirs_K4: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes, float (K, K')."""
    low = np.maximum(mine_K4[:, None, :2], theirs_K4[None, :, :2])
    high = np.minimum(mine_K4[:, None, 2:], theirs_K4[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(1) for boxes in (mine_K4, theirs_K4)]
    overlap: np.ndarray = shared / np.maximum(areas[0][:, None] + areas[1][None] - shared, 1e-6)
    return overlap


def _certain(pair: np.ndarray, objects: Objects, least: float) -> np.ndarray:
    """For each object of at least that score, whether it has a partner."""
    partnered = np.asarray(pair.any(axis=1))
    return partnered[objects.scores >= least]
