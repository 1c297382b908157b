"""The gate: what every compiled graph is asked before a bundle may hold it.

Each is run from the files that will ship, in a process that has just loaded them, next to the
eager network in fp32: on labelled pictures, and on pictures that show what these do not. Only
facts are gathered here; what is accepted is written in :mod:`losszero_rt.bundle.parity_rules`.

Shape letters: N probes, n frames, C classes, H, W height and width of the input, h, w of the
labels or logits.
"""

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from export.labelled import LabelledPicture, read_labelled
from export.parity import LabelsOf, Verdict, compare, judge_labels, labels_of
from export.probes import EDGES, draw_inputs, edge_inputs, num_distinct, probe_names
from export.trace import LogitsGraph
from losszero_rt.bundle import Bundle
from losszero_rt.engine import EngineOptions
from losszero_rt.engine.eager_engine import EagerEngine, load_bundle_network
from losszero_rt.errors import ModelError
from losszero_rt.network.mask_rcnn_split import is_split

# From uint8 inputs (H, W, 3) to the logits of each, float32 (1, C, h, w), before upsampling.
LogitsOf = Callable[[Sequence[np.ndarray]], Sequence[np.ndarray]]
# Frames a call where batches are tried: all of them, a short last batch, and a single frame.
BATCH = 3
_POWER_MIN = 1e-12


@dataclass(frozen=True, kw_only=True)
class GateRequest:
    """What to compare.

    Attributes:
        bundle: Folder of a sealed bundle.
        labelled: Folder of labelled pictures; empty for none.
        split: Rows of its manifest; empty for all.
    """

    bundle: str
    labelled: str = ""
    split: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Truth:
    """What the eager network says in fp32 on the CPU.

    Attributes:
        bundle: Whose network it is.
        pictures: Labelled pictures, may be none.
        verdict: What it says about them; None without any.
        probes_NHWC: uint8 inputs: black, white, noise, then frames of drawn night rides.
        labels: uint8 (h, w) of each probe.
        inputs: The probes, then the pictures as inputs, uint8 (H, W, 3).
        logits: float32 (1, C, h, w) of each input, before upsampling.
    """

    bundle: Bundle
    pictures: Sequence[LabelledPicture]
    verdict: Verdict | None
    probes_NHWC: np.ndarray
    labels: list[np.ndarray]
    inputs: list[np.ndarray]
    logits: list[np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A compiled graph in one arithmetic, as the gate runs it.

    Attributes:
        open_labels: Opens it for so many frames a call.
        logits_of: The same graph, asked for what its labels are made of.
    """

    open_labels: Callable[[int], AbstractContextManager[LabelsOf]]
    logits_of: LogitsOf


def read_truth(request: GateRequest) -> Truth:
    """Open a bundle and ask its network.

    Raises:
        LossZeroError: If the bundle or the pictures cannot be read, or the network itself
            overflows.
    """
    bundle = Bundle.open(Path(request.bundle))
    labelled = Path(request.labelled)
    pictures = read_labelled(labelled, split=request.split) if request.labelled else []
    spec = bundle.input_spec
    probes_NHWC = np.concatenate([edge_inputs(spec), draw_inputs(spec)])
    shown = [spec.new_input() for _ in pictures]
    for picture, pixels_HWC in zip(pictures, shown, strict=True):
        spec.fill_pixels(picture.pixels_HWC, pixels_HWC)
    inputs = [*probes_NHWC, *shown]
    logits = _network_logits(bundle, inputs)
    if not all(np.isfinite(one).all() for one in logits):
        raise ModelError(
            "the network gives logits that are not finite",
            accepted="finite logits on black, white, noise and night frames",
            remedy="train it again",
        )
    engine = EagerEngine(bundle, options=EngineOptions(device="cpu", precision="fp32"))
    find = labels_of(engine)
    judged = judge_labels(find, pictures, spec=spec, classes=bundle.classmap) if pictures else None
    labels = [find(pixels_HWC[None])[0] for pixels_HWC in probes_NHWC]
    engine.close()
    return Truth(
        bundle=bundle,
        pictures=pictures,
        verdict=judged,
        probes_NHWC=probes_NHWC,
        labels=labels,
        inputs=inputs,
        logits=logits,
    )


def _network_logits(bundle: Bundle, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    import torch

    graph = LogitsGraph(load_bundle_network(bundle), spec=bundle.input_spec).eval()
    with torch.inference_mode():
        return [graph(torch.from_numpy(pixels_HWC[None])).numpy() for pixels_HWC in inputs]


def ask(candidate: Candidate, *, truth: Truth, batch: int = BATCH) -> dict[str, Any]:
    """Run a compiled graph and say how far it is from the network.

    Args:
        candidate: The graph.
        truth: What the network says.
        batch: Frames a call where batches are tried.

    Returns:
        The fields of one precision of ``parity.json``: those of :func:`export.parity.compare`
        where there are labelled pictures, and ``logits``, ``probes`` and ``batches``.
    """
    bundle, found = truth.bundle, {}
    with candidate.open_labels(1) as find:
        alone = [find(pixels_HWC[None])[0] for pixels_HWC in truth.probes_NHWC]
        if truth.verdict is not None:
            verdict = judge_labels(
                find, truth.pictures, spec=bundle.input_spec, classes=bundle.classmap
            )
            found = compare(verdict, reference=truth.verdict)
    with candidate.open_labels(batch) as find:
        batches = _batches(find, truth.probes_NHWC, alone=alone, batch=batch)
    return {
        **found,
        "logits": difference(candidate.logits_of(truth.inputs), truth=truth),
        "probes": _probes(alone, truth=truth),
        "batches": batches,
    }


def difference(found: Sequence[np.ndarray], *, truth: Truth) -> dict[str, Any]:
    """Compare logits with the network's.

    Returns:
        ``n`` inputs, names of those whose logits are ``not_finite``, and over the others ``max``
        and ``mean`` of the difference, and ``share``: its root mean square over the logits'.
    """
    names = [*probe_names(len(truth.probes_NHWC)), *(f"picture {i}" for i in range(len(found)))]
    finite = [bool(np.isfinite(one).all()) for one in found]
    errors = [a - b for a, b, good in zip(found, truth.logits, finite, strict=True) if good]
    record: dict[str, Any] = {
        "n": len(found),
        "not_finite": [name for name, good in zip(names, finite, strict=False) if not good],
    }
    if not errors:
        return record
    # A network that gives nothing but zeros has no power to compare with: what is off is far off.
    power = max(_mean_square(truth.logits), _POWER_MIN)
    return {
        **record,
        "max": round(float(max(np.abs(error).max() for error in errors)), 6),
        "mean": round(float(np.mean([np.abs(error).mean() for error in errors])), 8),
        "share": round(math.sqrt(_mean_square(errors) / power), 8),
    }


def _mean_square(values: Sequence[np.ndarray]) -> float:
    return float(np.mean([np.square(one, dtype=np.float64).mean() for one in values]))


def _probes(alone: Sequence[np.ndarray], *, truth: Truth) -> dict[str, Any]:
    """Compare the labels of probes: agreement by edge, and on night frames mean and least."""
    same = [float(np.mean(a == b)) for a, b in zip(alone, truth.labels, strict=True)]
    nights = same[len(EDGES) :]
    finds_objects = is_split(truth.bundle.network_spec)
    return {
        "n": len(same),
        "distinct": num_distinct(alone),
        # Objects of other scenes, such as parking by day, need not be in any of these pictures.
        **({"distinct_true": num_distinct(truth.labels)} if finds_objects else {}),
        **{name: round(share, 6) for name, share in zip(EDGES, same, strict=False)},
        "night": round(float(np.mean(nights)), 6),
        "night_least": round(min(nights), 6),
    }


def _batches(
    find: LabelsOf, probes_NHWC: np.ndarray, *, alone: Sequence[np.ndarray], batch: int
) -> dict[str, float]:
    """Return the least share of a frame's labels that it keeps in company, by batch."""
    least = {}
    first = len(EDGES) - 1
    for num_frames in range(batch, 0, -1):
        rows = [first + k % (len(alone) - first) for k in range(num_frames)]
        together = find(probes_NHWC[rows])
        same = [float(np.mean(a == alone[k])) for a, k in zip(together, rows, strict=True)]
        least[f"{num_frames} of {batch}"] = round(min(same), 6)
    return least
