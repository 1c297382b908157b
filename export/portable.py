"""The ONNX file of a bundle: written and proved unless that cannot be, which is said.

Nobody asks for it by name but with ``--engine onnx``. So what is wrong with it alone never keeps
the rest of a bundle from being written.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from export import compile_onnx, onnx_parity
from export.config import ExportConfig, Say
from export.gate import GateRequest
from export.trace import LogitsGraph
from losszero_rt.bundle import Bundle, seal
from losszero_rt.bundle.parity_rules import fault_of, run_faults
from losszero_rt.errors import ModelError

ENGINE = "onnx"


def settle_portable(config: ExportConfig, *, say: Say) -> bool:
    """Say whether an export writes an ONNX file, before any work is done.

    Args:
        config: What was asked for.
        say: Hears why there will be none, where nobody asked for that.

    Raises:
        ModelError: If it was asked for by name and cannot be written here.
    """
    fault = compile_onnx.why_not() if config.portable else ""
    if fault and config.engine == ENGINE:
        raise ModelError(
            f"no ONNX file can be written here: {fault}",
            accepted=f"--engine onnx with {', '.join(compile_onnx.PACKAGES)} installed",
        )
    if fault:
        say(f"onnx is left out: {fault}")
    return config.portable and not fault


def add_portable(bundle: Bundle, graph: LogitsGraph, *, insist: bool, say: Say) -> Bundle:
    """Write the ONNX file of a sealed bundle and seal it again with that, if there can be one.

    Args:
        bundle: Holds the weights.
        graph: Its network.
        insist: Raise where the network has no such file, instead of leaving it out.
        say: Hears how it goes.

    Raises:
        ModelError: If the network has none and somebody insists.
    """
    say("writing the network as one ONNX file")
    try:
        roles = compile_onnx.save_portable(graph, bundle)
    except ModelError as error:
        if insist:
            raise
        say(f"onnx is left out: {error}")
        return bundle
    return seal(replace(bundle, engines={**bundle.engines, ENGINE: roles}))


def prove_portable(
    bundle: Bundle, request: GateRequest, *, insist: bool, say: Say
) -> tuple[Bundle, dict[str, Any]]:
    """Prove the ONNX file of a sealed bundle, and take it away where it differs.

    Args:
        bundle: With an ONNX file.
        request: What to prove it with.
        insist: Keep it whatever the proof says, which the whole export is then judged by.
        say: Hears how it goes.

    Returns:
        The bundle, sealed, and the entry of ``parity.json``; nothing where the file was taken away.

    Raises:
        ModelError: If it cannot be compared and somebody insists.
    """
    say("comparing the onnx graph with the network")
    try:
        record = onnx_parity.prove_in_child(request)
        fault = "" if insist else _fault_of(record, scored=bool(request.labelled))
    except ModelError as error:
        if insist:
            raise
        record, fault = {}, str(error)
    if not fault:
        return bundle, record
    say(f"onnx is left out: {fault}")
    (bundle.path / compile_onnx.ONNX_NAME).unlink()
    rest = {name: roles for name, roles in bundle.engines.items() if name != ENGINE}
    return seal(replace(bundle, engines=rest)), {}


def _fault_of(record: Mapping[str, Any], *, scored: bool) -> str:
    if scored:
        return fault_of(record)
    rows = record["precisions"].items()
    return "; ".join(fault for precision, found in rows for fault in run_faults(precision, found))
