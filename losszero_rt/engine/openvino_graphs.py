"""The OpenVINO graphs of a bundle: which of them can run here, and how one is compiled.

A bundle holds one graph of floats, which runs in any arithmetic that the CPU has, and may hold a
second one whose layers were quantised to int8; what is left of floats in that runs in the CPU's
fastest float arithmetic.
"""

from dataclasses import dataclass
from typing import Any

from losszero_rt.bundle import Bundle
from losszero_rt.engine.openvino_facts import (
    capable_precisions,
    first_line,
    hint_of,
    import_openvino,
    multiplies_int8,
)
from losszero_rt.engine.protocol import Precision
from losszero_rt.errors import ModelError

ENGINE = "openvino"
FLOAT_ROLES = ("graph", "constants")
INT8_ROLES = ("int8_graph", "int8_constants")


@dataclass(frozen=True, kw_only=True)
class GraphSpec:
    """What is compiled of a bundle.

    Attributes:
        precision: Arithmetic.
        batch: Frames a call.
        cams: With class activation maps as a second output, where the graph has them.
        threads: CPU threads.
        streams: Frames worked on side by side.
    """

    precision: Precision
    batch: int
    cams: bool
    threads: int
    streams: int

    @property
    def settings(self) -> dict[str, Any]:
        """OpenVINO's words for it."""
        return {
            "INFERENCE_PRECISION_HINT": hint_of(self.precision),
            "INFERENCE_NUM_THREADS": self.threads,
            "NUM_STREAMS": self.streams,
            # Decoder and encoder threads share the cores: pinned threads could not step aside.
            "ENABLE_CPU_PINNING": False,
        }


def roles_of(precision: Precision) -> tuple[str, str]:
    """Return the roles of the files, graph and constants, that run in a precision."""
    return INT8_ROLES if precision == "int8" else FLOAT_ROLES


def holds(bundle: Bundle, precision: Precision) -> bool:
    """Say whether a bundle holds the graph that runs in a precision."""
    return set(roles_of(precision)) <= set(bundle.engines.get(ENGINE, {}))


def offered_precisions(bundle: Bundle) -> tuple[Precision, ...]:
    """Return what this CPU can run of a bundle, floats first and the fastest of them first."""
    int8: tuple[Precision, ...] = ("int8",) if multiplies_int8() and holds(bundle, "int8") else ()
    return (*capable_precisions(), *int8)


def proved_precisions(bundle: Bundle) -> tuple[Precision, ...]:
    """Return those of :func:`offered_precisions` that export proved equal to the network.

    Of a bundle without a parity record, which runs only where somebody allowed it, the floats.
    """
    proved = bundle.parity.get(ENGINE, {}).get("precisions") or capable_precisions()
    found = tuple(p for p in offered_precisions(bundle) if p in proved)
    return found or ("fp32",)


def require_offered(bundle: Bundle, asked: Precision) -> None:
    """Check that a bundle can run here in the precision that was asked for.

    Raises:
        ModelError: If it cannot; says whether the CPU or the bundle is what lacks it.
    """
    offered = offered_precisions(bundle)
    if asked in offered:
        return
    lacking = f"which {bundle.path} holds no graph for"
    if asked not in (*capable_precisions(), *(("int8",) if multiplies_int8() else ())):
        lacking = "which this CPU does not have"
    raise ModelError(
        f"precision {asked} was asked for, {lacking}",
        accepted=f"precisions: auto, {', '.join(offered)}",
    )


def read_graph(core: Any, bundle: Bundle, *, precision: Precision = "fp32") -> Any:
    """Deserialise the graph that runs in a precision from bytes that were verified."""
    graph, constants = (bundle.engines[ENGINE][role] for role in roles_of(precision))
    return core.read_model(bundle.read(graph), bundle.read(constants))


def compile_graph(core: Any, bundle: Bundle, *, spec: GraphSpec) -> Any:
    """Compile a graph of a bundle.

    Raises:
        ModelError: If OpenVINO refuses it.
    """
    try:
        model = read_graph(core, bundle, precision=spec.precision)
        for result in [] if spec.cams else model.get_results()[1:]:
            model.remove_result(result)
        model.reshape([spec.batch, *bundle.input_spec.size, 3])
        return core.compile_model(model, "CPU", spec.settings)
    except RuntimeError as error:
        raise ModelError(
            f"OpenVINO {import_openvino().__version__} refuses the graph of {bundle.path}: "
            f"{first_line(error)}",
            remedy="export the bundle again with this OpenVINO: python -m export",
        ) from error
