"""When a parity record proves a compiled graph: every tolerance in one place.

A record must be of this version's gate and hold everything that is checked here, or it proves
nothing. Those of earlier gates tell nothing of overflows, frozen engines and batches (1), of the
input and the classes that they were measured with (2), of the scores and data that belong to them
(3), or of the weights that a graph was compared with (4); those of later ones are not understood.
"""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from losszero_rt.bundle.model_fields import differences
from losszero_rt.metrics import RATES

GATE = 5
# What scores call the classes that their pictures hardly show.
UNPROVED_KEY = "unproved"
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
# Of the objects of a network that finds any: overlap from which a box is found again, how far
# above the least score an object must be to be counted, the share of these (of ten, if they are
# fewer) that may be lost or new, by arithmetic, and how far scores may be off on average.
OVERLAP_MIN = 0.7
CERTAIN_BY = 0.05
OBJECTS_LOST_MAX = {"fp32": 0.01, "bf16": 0.1, "fp16": 0.1}
SCORE_OFF_MAX = 0.05
# The digest of an engine that was built for one batch: it is a file, and a row, of its own.
_STATIC_ROLE = re.compile(r"b(?P<batch>[0-9]+)_sha256")
# Floats, of which int8 graphs leave some; and the names of rows: arithmetic, and after a space what
# else a row is told apart by.
_FLOATS = ("fp32", "bf16", "fp16")
_ROW = re.compile(
    r"(fp32|bf16|fp16|int8|fp8|mixed)( batch [0-9]+)?|int8 with (?P<floats>fp32|bf16|fp16)"
)
# What is recorded of every precision beside the points.
_NEEDED = {"rate_points", "logits", "probes", "batches"}
# Label maps that the probes must at least give, where the network itself gives as many: with a
# single one an engine may be frozen. Where the network does not, labelled pictures must tell.
DISTINCT_MIN = 2


def form_fault(parity: Mapping[str, Any]) -> str:
    """Say why this is no ``parity.json``; empty when every engine has an object of objects."""
    records = [record for record in parity.values() if isinstance(record, Mapping)]
    rows = [record.get("precisions", {}) for record in records]
    found = [*rows, *(one for row in rows if isinstance(row, Mapping) for one in row.values())]
    if len(records) == len(parity) and all(isinstance(one, Mapping) for one in found):
        return ""
    return "does not hold one object an engine, with one a precision"


def unproved_of(scores: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the classes that the pictures of these scores hardly show, as far as they say so."""
    names = scores.get(UNPROVED_KEY)
    return tuple(map(str, names)) if isinstance(names, list) else ()


def binding_fault(record: Mapping[str, Any], *, head: Mapping[str, Any]) -> str:
    """Say why a record is not one of this bundle, or not of this gate; empty when it is.

    Args:
        record: What ``parity.json`` says of one engine, or of the weights.
        head: What it must begin with: digests of files, and ``model`` as the manifest has it.
    """
    # A digest of a file that is not here any more binds it no less than one that has changed.
    digests = {key for key in (*head, *record) if key.endswith("sha256")}
    if any(record.get(key) != head.get(key) for key in digests):
        return "no parity record for " + ("these weights" if "sha256" in head else "this graph")
    changed = differences(head["model"], measured=record.get("model"))
    return gate_fault(record) or "; ".join(changed)


def gate_fault(record: Mapping[str, Any]) -> str:
    """Say why a record of another gate proves nothing; empty when it is of this one."""
    gate = record.get("gate", 1)
    if type(gate) is int and gate == GATE:
        return ""
    return (
        f"a parity record of gate {gate!r}, this version needs one of gate {GATE}, which holds "
        "input, classes and scores: export it again (python -m export, with --labelled)"
    )


def fault_of(record: Mapping[str, Any], *, scores: Mapping[str, Any] | None = None) -> str:
    """Say what in the record of an engine is out of tolerance; empty when nothing is.

    Args:
        record: What ``parity.json`` says of one engine.
        scores: Of the weights, on the same pictures: classes of which the record must tell.

    Raises:
        AttributeError, KeyError, TypeError, ValueError: If it makes no sense, or lacks something.
    """
    if fault := gate_fault(record):
        return fault
    if strange := _strange_classes(record):
        return f"tells of classes that it has not: {', '.join(strange)}"
    if unproved := _unproved_batches(record):
        return f"was not run in batches of {', '.join(unproved)}"
    if strange := _strange_rows(record["precisions"]):
        return f"has rows that make no sense: {', '.join(strange)}"
    for precision, found in record["precisions"].items():
        faults = [*points_faults(found)]
        if lacking := sorted(_NEEDED - set(found)):
            faults.append(f"lacks {', '.join(lacking)}")
        else:
            faults += run_faults(precision, found)
        if faults:
            return f"{precision} {'; '.join(faults)}"
    return _silence(record, scores=scores or {})


def weights_fault_of(record: Mapping[str, Any], *, scores: Mapping[str, Any]) -> str:
    """Say what in the record of the weights is out of tolerance; empty when nothing is.

    Args:
        record: What ``parity.json`` says of them.
        scores: Theirs; on other pictures than the record's where that has ``compared_on``.

    Raises:
        AttributeError, KeyError, TypeError, ValueError: If it makes no sense, or lacks something.
    """
    row = {**record, "precisions": {"fp32": record}}
    if strange := _strange_classes(row):
        return f"tells of classes that it has not: {', '.join(strange)}"
    if faults := [*points_faults(record)]:
        return "; ".join(faults)
    return "" if "compared_on" in record else _silence(row, scores=scores)


def _strange_classes(record: Mapping[str, Any]) -> list[str]:
    """Return the classes of a record that its model has not; of one that is bound it is known."""
    model = record.get("model", {})
    told = {name for found in record["precisions"].values() for name in found["class_points"]}
    return sorted(map(str, told - {*model["classes"]["names"]})) if model else []


def _strange_rows(rows: Mapping[str, Any]) -> list[str]:
    """Return the rows of no known name, and those of int8 that contradict theirs or each other."""
    strange = [row for row in rows if not _ROW.fullmatch(row)]
    floats: set[str] = set()
    for row, found in rows.items():
        match = _ROW.fullmatch(row)
        if not match or not row.startswith("int8") or "floats" not in found:
            continue
        name = found["floats"]
        named = match["floats"] or name
        if name != named or name not in _FLOATS or name in floats:
            strange.append(row)
        floats.add(str(name))
    return strange


def _silence(record: Mapping[str, Any], *, scores: Mapping[str, Any]) -> str:
    """Say which classes that were scored a record is silent about; empty when it tells of all."""
    known = {name for name, iou in scores.get("class_iou", {}).items() if iou is not None}
    shown = known - {*unproved_of(scores)}
    for precision, found in record["precisions"].items():
        if silent := sorted(shown - {*found["class_points"]}):
            return f"{precision} does not tell of {', '.join(silent)}"
    return ""


def _unproved_batches(record: Mapping[str, Any]) -> list[str]:
    """Return the batches of static engines that a record has the digest of, but no row."""
    roles = [match for match in map(_STATIC_ROLE.fullmatch, record) if match]
    rows = {row.partition(" batch ")[2] for row in record["precisions"]}
    return [batch for batch in (match["batch"] for match in roles) if batch not in rows]


def run_faults(precision: str, found: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with how a graph runs, labelled pictures aside; see :func:`fault_of`.

    Args:
        precision: Arithmetic, and after a space what else the engine is told apart by.
        found: Its ``logits``, ``probes`` and ``batches``, and ``objects`` where it finds any.
    """
    arithmetic = precision.partition(" ")[0]
    return [
        *_logits_faults(found["logits"], limit=LOGITS_SHARE_MAX[arithmetic]),
        *_probe_faults(found["probes"], limit=NIGHT_AGREEMENT_MIN[arithmetic]),
        *_batch_faults(found["batches"]),
        *(_object_faults(found["objects"], arithmetic) if "objects" in found else ()),
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
    wanted = min(DISTINCT_MIN, int(probes.get("distinct_true", DISTINCT_MIN)))
    if not int(probes["distinct"]) >= wanted:
        yield f"gives {probes['n']} different pictures the same labels: it is frozen"
    if not night >= limit:
        yield f"keeps {night:.2%} of the labels of drawn night frames, at least {limit:.1%} should"


def _batch_faults(batches: Mapping[str, Any]) -> Iterator[str]:
    if not batches:
        yield "was not run in batches"
    for name, agreement in batches.items():
        if not float(agreement) >= BATCH_AGREEMENT_MIN:
            yield f"keeps {float(agreement):.2%} of a frame's labels in a batch ({name})"


def _object_faults(objects: Mapping[str, Any], arithmetic: str) -> Iterator[str]:
    num, lost, invented = (int(objects[key]) for key in ("n", "lost", "invented"))
    limit = int(OBJECTS_LOST_MAX[arithmetic] * max(num, 10))
    if max(lost, invented) > limit:
        yield f"loses {lost} of {num} objects and invents {invented}, at most {limit} is accepted"
    off = float(objects["score_off"])
    if not off <= SCORE_OFF_MAX:
        yield f"moves the scores of objects by {off:.3f} on average, at most {SCORE_OFF_MAX} is"
