"""Proof that an OpenVINO graph says what the eager network says, in a process that just loaded it.

Every precision that this CPU has is run by the engine that will run it later.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np

from export.cam_parity import prove_cams
from export.child import run_child, serve
from export.compile_openvino import cpu_facts, cut_at_logits, run_logits
from export.gate import Candidate, GateRequest, Truth, ask, read_truth
from export.object_parity import compare_objects, objects_of, true_objects
from export.parity import LabelsOf, labels_of
from losszero_rt.bundle import Bundle
from losszero_rt.bundle.parity_rules import fault_of, points_faults, run_faults
from losszero_rt.engine import Engine, EngineOptions, Precision
from losszero_rt.engine.openvino_facts import capable_precisions, runs_as_asked
from losszero_rt.engine.openvino_graphs import offered_precisions
from losszero_rt.engine.openvino_objects import ObjectsOpenVinoEngine, open_on_openvino
from losszero_rt.errors import ModelError, NotFiniteError
from losszero_rt.network.mask_rcnn_split import is_split
from losszero_rt.objects import Objects

PROOF_TIMEOUT_S = 3600.0


def prove_in_child(request: GateRequest) -> dict[str, Any]:
    """Prove the OpenVINO graph of a bundle in a process of its own; see :func:`prove`.

    Raises:
        ModelError: If it cannot be compared.
    """
    return run_child("export.openvino_parity", asdict(request), timeout_s=PROOF_TIMEOUT_S)


def prove(request: GateRequest) -> dict[str, Any]:
    """Compare the OpenVINO graph of a bundle with its network, in every precision of this CPU.

    Returns:
        The record for ``parity.json``.

    Raises:
        ModelError: If a precision that was asked for is not the one that executes, or class
            activation maps are not the network's.
    """
    truth = read_truth(request)
    if is_split(truth.bundle.network_spec):
        return prove_parts(truth)
    return prove_against(truth.bundle, truth=truth)


def prove_against(bundle: Bundle, *, truth: Truth) -> dict[str, Any]:
    """Compare the OpenVINO graph of a bundle with a network that was asked before; see above."""
    precisions: dict[str, Any] = {}
    for precision in offered_precisions(bundle):
        if precision == "int8":
            precisions |= _prove_int8(bundle, truth=truth)
        else:
            precisions[precision] = _found(bundle, precision, floats=precision, truth=truth)
    record = _record(bundle, truth=truth, precisions=precisions)
    # Where labels are wrong already, maps would only hide what is.
    if bundle.cams_size is not None and truth.pictures and not fault_of(record):
        record["cams"] = prove_cams(bundle, truth.pictures)
    return record


def _prove_int8(bundle: Bundle, *, truth: Truth) -> dict[str, Any]:
    """Return a row for every arithmetic in which this CPU can run what int8 leaves in floats.

    A CPU that lacks the fastest of them runs one of the others, which then is no less proved. One
    that differs too much has no row, and never runs.
    """
    fastest, *others = capable_precisions()
    rows = {"int8": _int8_found(bundle, floats=fastest, truth=truth)}
    for floats in others:
        found = _int8_found(bundle, floats=floats, truth=truth)
        faults = [*run_faults("int8", found), *(points_faults(found) if truth.pictures else ())]
        if not faults:
            rows[f"int8 with {floats}"] = found
    return rows


def _int8_found(bundle: Bundle, *, floats: Precision, truth: Truth) -> dict[str, Any]:
    return {**_found(bundle, "int8", floats=floats, truth=truth), "floats": floats}


def _found(
    bundle: Bundle, precision: Precision, *, floats: Precision, truth: Truth
) -> dict[str, Any]:
    """Return what is recorded of a graph in one precision."""
    twin = cut_at_logits(bundle, precision=precision)
    candidate = Candidate(
        open_labels=partial(_opened, bundle, precision, floats=floats),
        logits_of=partial(run_logits, twin, floats=floats),
    )
    return ask(candidate, truth=truth)


def prove_parts(truth: Truth) -> dict[str, Any]:
    """Compare the compiled parts of a network that finds objects with the whole; see above.

    Objects hang on thresholds, so that arithmetic which no other network minds may lose some.
    What is not equal enough, or overflows, is left out, with its fault: the engine never runs it.

    Raises:
        NotFiniteError: If a part overflows in fp32, which is all there is then.
    """
    bundle = truth.bundle
    precisions: dict[str, Any] = {}
    left_out: dict[str, str] = {}
    objects = true_objects(bundle, truth.inputs)
    for precision in offered_precisions(bundle):
        try:
            found = _found_in_parts(precision, truth=truth, objects=objects)
        except NotFiniteError as error:
            if precision == "fp32":
                raise
            left_out[precision] = error.fault
            continue
        faults = [*run_faults(precision, found), *(points_faults(found) if truth.pictures else ())]
        if faults and precision != "fp32":
            left_out[precision] = "; ".join(faults)
        else:
            precisions[precision] = found
    return {**_record(bundle, truth=truth, precisions=precisions), "left_out": left_out}


def _found_in_parts(
    precision: Precision, *, truth: Truth, objects: Sequence[Objects]
) -> dict[str, Any]:
    """Return what is recorded of compiled parts in one precision."""
    bundle = truth.bundle
    candidate = Candidate(
        open_labels=partial(_opened, bundle, precision),
        logits_of=partial(_painted, bundle, precision=precision),
    )
    found = ask(candidate, truth=truth)
    with _engine(bundle, precision, 1) as engine:
        found["objects"] = compare_objects(
            objects_of(engine, truth.inputs),
            truth=objects,
            score_min=bundle.network_spec.score_min,
        )
    return found


def _painted(
    bundle: Bundle, inputs: Sequence[np.ndarray], *, precision: Precision
) -> list[np.ndarray]:
    with _engine(bundle, precision, 1) as engine:
        assert isinstance(engine, ObjectsOpenVinoEngine), "networks in parts have no other"
        return [engine.logits(pixels_HWC[None]) for pixels_HWC in inputs]


def _record(bundle: Bundle, *, truth: Truth, precisions: dict[str, Any]) -> dict[str, Any]:
    return {
        **bundle.parity_head("openvino"),
        "reference": "eager fp32",
        "n": len(truth.pictures),
        **cpu_facts(),
        "precisions": precisions,
    }


@contextmanager
def _opened(
    bundle: Bundle, precision: Precision, batch: int, *, floats: Precision = "auto"
) -> Iterator[LabelsOf]:
    with _engine(bundle, precision, batch, floats=floats) as engine:
        yield labels_of(engine)


@contextmanager
def _engine(
    bundle: Bundle, precision: Precision, batch: int, *, floats: Precision = "auto"
) -> Iterator[Engine]:
    options = EngineOptions(
        precision=precision, batch=batch, streams=1, check_logits=False, int8_floats=floats
    )
    engine = open_on_openvino(bundle, options=options)
    try:
        if not runs_as_asked(engine.info.precision, asked=precision):
            raise ModelError(
                f"{precision} was asked for, but {engine.info.precision} executes",
                accepted="a graph whose convolutions all run in the asked precision, or most of "
                "them where that is int8",
            )
        yield engine
    finally:
        engine.close()


if __name__ == "__main__":
    serve(lambda request: prove(GateRequest(**request)))
