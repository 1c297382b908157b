"""Proof that an OpenVINO graph says what the eager network says, in a process that just loaded it.

Every precision that this CPU has is run by the engine that will run it later.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from typing import Any

from export.cam_parity import prove_cams
from export.child import run_child, serve
from export.compile_openvino import cpu_facts, cut_at_logits, run_logits
from export.gate import Candidate, GateRequest, Truth, ask, read_truth
from export.parity import LabelsOf, labels_of
from losszero_rt.bundle import GATE, Bundle
from losszero_rt.bundle.parity_rules import fault_of
from losszero_rt.engine import EngineOptions, Precision
from losszero_rt.engine.openvino_engine import OpenVinoEngine
from losszero_rt.engine.openvino_facts import runs_as_asked
from losszero_rt.engine.openvino_graphs import offered_precisions
from losszero_rt.errors import ModelError

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
    return prove_against(truth.bundle, truth=truth)


def prove_against(bundle: Bundle, *, truth: Truth) -> dict[str, Any]:
    """Compare the OpenVINO graph of a bundle with a network that was asked before; see above."""
    precisions = {}
    for precision in offered_precisions(bundle):
        twin = cut_at_logits(bundle, precision=precision)
        candidate = Candidate(
            open_labels=partial(_opened, bundle, precision),
            logits_of=partial(run_logits, twin, precision=precision),
        )
        precisions[precision] = ask(candidate, truth=truth)
    roles = bundle.engines["openvino"]
    record = {
        "gate": GATE,
        **{f"{role}_sha256": bundle.files[name].sha256 for role, name in roles.items()},
        "reference": "eager fp32",
        "n": len(truth.pictures),
        **cpu_facts(),
        "precisions": precisions,
    }
    # Where labels are wrong already, maps would only hide what is.
    if bundle.cams_size is not None and truth.pictures and not fault_of(record):
        record["cams"] = prove_cams(bundle, truth.pictures)
    return record


@contextmanager
def _opened(bundle: Bundle, precision: Precision, batch: int) -> Iterator[LabelsOf]:
    options = EngineOptions(precision=precision, batch=batch, streams=1)
    engine = OpenVinoEngine(bundle, options=options)
    try:
        if not runs_as_asked(engine.info.precision, asked=precision):
            raise ModelError(
                f"{precision} was asked for, but {engine.info.precision} executes",
                accepted="a graph whose convolutions all run in the asked precision, or most of "
                "them where that is int8",
            )
        yield labels_of(engine)
    finally:
        engine.close()


if __name__ == "__main__":
    serve(lambda request: prove(GateRequest(**request)))
