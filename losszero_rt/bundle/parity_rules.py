"""When a parity record proves a compiled graph: every tolerance in one place.

Records of gate 1 (those without ``gate``) hold differences in points and nothing that would tell
of an engine that overflows or freezes. Bundles that were exported then still open, judged by what
their record holds. A record of gate 2 must hold everything that is checked here, or it proves
nothing; a record of a later gate is not understood, and so proves nothing either.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from losszero_rt.metrics import RATES

GATE = 2
# How far a compiled graph may move the mean IoU and the IoU of any class, in points (1/100).
MIOU_POINTS_MAX = 0.3
CLASS_POINTS_MAX = 1.0
# How much worse a safety rate may become, in points; the others as much as a class.
RATE_POINTS_MAX = {"undrivable_as_road": 0.3}
# Root mean square of the difference of the logits over that of the logits, by arithmetic.
LOGITS_SHARE_MAX = {"fp32": 0.001, "bf16": 0.05, "fp16": 0.05, "int8": 0.25, "fp8": 0.25}
# Share of the pixels of drawn night frames that keep their label, by arithmetic.
NIGHT_AGREEMENT_MIN = {"fp32": 0.999, "bf16": 0.98, "fp16": 0.98, "int8": 0.95, "fp8": 0.95}
# Share of a frame's labels that stay the same in a batch: kernels may round differently there.
BATCH_AGREEMENT_MIN = 0.995
# What gate 2 records of every precision beside the points.
_NEEDED = {"rate_points", "logits", "probes", "batches"}
# Label maps that the probes must at least give: with a single one an engine may be frozen.
DISTINCT_MIN = 2


def fault_of(record: Mapping[str, Any]) -> str:
    """Say what in the record of an engine is out of tolerance; empty when nothing is.

    Args:
        record: What ``parity.json`` says of one engine.

    Raises:
        AttributeError, KeyError, TypeError, ValueError: If it makes no sense, or lacks something.
    """
    gate = record.get("gate", 1)
    if type(gate) is not int or not 1 <= gate <= GATE:
        return f"a parity record of gate {gate!r}, this version knows gates up to {GATE}"
    for precision, found in record["precisions"].items():
        faults = [*points_faults(found)]
        if gate > 1 and (lacking := sorted(_NEEDED - set(found))):
            faults.append(f"lacks {', '.join(lacking)}")
        elif gate > 1:
            faults += run_faults(precision, found)
        if faults:
            return f"{precision} {'; '.join(faults)}"
    return ""


def run_faults(precision: str, found: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with how a graph runs, labelled pictures aside; see :func:`fault_of`.

    Args:
        precision: Arithmetic, and after a space what else the engine is told apart by.
        found: Its ``logits``, ``probes`` and ``batches``.
    """
    arithmetic = precision.partition(" ")[0]
    return [
        *_logits_faults(found["logits"], limit=LOGITS_SHARE_MAX[arithmetic]),
        *_probe_faults(found["probes"], limit=NIGHT_AGREEMENT_MIN[arithmetic]),
        *_batch_faults(found["batches"]),
    ]


def points_faults(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with differences in points: mean IoU, classes, safety rates."""
    mean = abs(float(found["miou_points"]))
    worst = max(abs(float(points)) for points in found["class_points"].values())
    if not (mean <= MIOU_POINTS_MAX and worst <= CLASS_POINTS_MAX):
        yield f"moves the mean IoU by {mean:.2f} and a class by {worst:.2f} points"
    for name, points in found.get("rate_points", {}).items():
        worse = -float(points) if RATES[name].good_when_high else float(points)
        if not worse <= RATE_POINTS_MAX.get(name, CLASS_POINTS_MAX):
            yield f"makes {RATES[name].title} worse by {worse:.2f} points"


def _logits_faults(logits: Mapping[str, Any], *, limit: float) -> Iterator[str]:
    if logits["not_finite"]:
        yield f"overflows: its logits are not finite on {', '.join(map(str, logits['not_finite']))}"
        return
    share, largest, mean = (float(logits[key]) for key in ("share", "max", "mean"))
    if not all(map(math.isfinite, (largest, mean))) or not share <= limit:
        yield f"moves the logits by {share:.2%} (root mean square), at most {limit:.1%} is accepted"


def _probe_faults(probes: Mapping[str, Any], *, limit: float) -> Iterator[str]:
    night = float(probes["night"])
    if not int(probes["distinct"]) >= DISTINCT_MIN:
        yield f"gives {probes['n']} different pictures the same labels: it is frozen"
    if not night >= limit:
        yield f"keeps {night:.2%} of the labels of drawn night frames, at least {limit:.1%} should"


def _batch_faults(batches: Mapping[str, Any]) -> Iterator[str]:
    if not batches:
        yield "was not run in batches"
    for name, agreement in batches.items():
        if not float(agreement) >= BATCH_AGREEMENT_MIN:
            yield f"keeps {float(agreement):.2%} of a frame's labels in a batch ({name})"
