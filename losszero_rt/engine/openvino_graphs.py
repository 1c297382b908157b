"""The OpenVINO graphs of a bundle: which of them can run here, and how one is compiled.

A bundle holds one graph of floats, which runs in any arithmetic that the CPU has, and may hold a
second one whose layers were quantised to int8; what is left of floats in that runs in the fastest
float arithmetic of the CPU in which export proved it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from losszero_rt.bundle import Bundle
from losszero_rt.engine.openvino_facts import (
    HINTS,
    capable_precisions,
    first_line,
    import_openvino,
    multiplies_int8,
)
from losszero_rt.engine.openvino_sums import add_sums
from losszero_rt.engine.protocol import Precision
from losszero_rt.errors import ModelError
from losszero_rt.network.mask_rcnn_split import HEADS, PARTS, Part, is_split, regions_shape

ENGINE = "openvino"
FLOAT_ROLES = ("graph", "constants")
# What a bundle runs in that was exported for one float alone; bf16 is what only some CPUs have.
FLOAT_LIMITS: dict[str, tuple[Precision, ...]] = {"fp32": ("fp32",), "bf16": ("bf16", "fp32")}
INT8_ROLES = ("int8_graph", "int8_constants")


@dataclass(frozen=True, kw_only=True)
class GraphSpec:
    """What is compiled of a bundle.

    Attributes:
        precision: Arithmetic.
        floats: Arithmetic of the layers that are not int8; ``precision`` where none is.
        batch: Frames a call; of a head, regions.
        cams: With class activation maps as a second output, where the graph has them.
        threads: CPU threads.
        streams: Frames worked on side by side.
        part: Which part of a network that is compiled in parts; None for a whole one.
    """

    precision: Precision
    floats: Precision
    batch: int
    cams: bool
    threads: int
    streams: int
    part: Part | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """OpenVINO's words for it."""
        return {
            "INFERENCE_PRECISION_HINT": HINTS[self.floats],
            "INFERENCE_NUM_THREADS": self.threads,
            # One is what OpenVINO's hint LATENCY sets, several what THROUGHPUT sets: measured here.
            "NUM_STREAMS": self.streams,
            # Decoder and encoder threads share the cores: pinned threads could not step aside.
            "ENABLE_CPU_PINNING": False,
        }


def roles_of(precision: Precision, part: Part | None = None) -> tuple[str, str]:
    """Return the roles of the files, graph and constants, that run in a precision."""
    if part is not None:
        return f"{part}_graph", f"{part}_constants"
    return INT8_ROLES if precision == "int8" else FLOAT_ROLES


def all_roles_of(bundle: Bundle, precision: Precision) -> set[str]:
    """Return the roles of all files that run in a precision: of one graph, or of all parts."""
    if is_split(bundle.network_spec) and precision != "int8":
        return {role for part in PARTS for role in roles_of(precision, part)}
    return {*roles_of(precision)}


def holds(bundle: Bundle, precision: Precision) -> bool:
    """Say whether a bundle holds the graph that runs in a precision, or all of its parts."""
    return all_roles_of(bundle, precision) <= set(bundle.engines.get(ENGINE, {}))


def precision_limit(bundle: Bundle) -> str:
    """Return the precision that a bundle was exported for; ``auto`` if for no single one."""
    facts = bundle.built.get(ENGINE, {}).get(FLOAT_ROLES[0], {})
    asked = facts.get("precision") if isinstance(facts, Mapping) else None
    return asked if isinstance(asked, str) else "auto"


def left_out_of(bundle: Bundle) -> Mapping[str, str]:
    """Return the floats in which an export found another network, each with what was wrong."""
    facts = bundle.built.get(ENGINE, {}).get(FLOAT_ROLES[0], {})
    found = facts.get("left_out") if isinstance(facts, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def offered_precisions(bundle: Bundle) -> tuple[Precision, ...]:
    """Return what this CPU can run of a bundle, floats first and the fastest of them first.

    Without what its export left out, and within the limit that it was exported with.
    """
    int8: tuple[Precision, ...] = ("int8",) if multiplies_int8() and holds(bundle, "int8") else ()
    found: tuple[Precision, ...] = (*capable_precisions(), *int8)
    limits, left_out = FLOAT_LIMITS.get(precision_limit(bundle), found), left_out_of(bundle)
    return tuple(p for p in found if p in limits and p not in left_out)


def proved_precisions(bundle: Bundle) -> tuple[Precision, ...]:
    """Return those of :func:`offered_precisions` that export proved equal to the network.

    Of a bundle without a parity record, which runs only where somebody allowed it, the floats.

    Raises:
        ModelError: If there is a record, of nothing that this CPU has.
    """
    rows = _rows(bundle)
    if not rows:
        floats = capable_precisions()
        return tuple(p for p in offered_precisions(bundle) if p in floats) or ("fp32",)
    found = tuple(p for p in offered_precisions(bundle) if _is_proved(bundle, p))
    if not found:
        raise ModelError(
            f"{bundle.path} is proved in nothing that this CPU has, but in {', '.join(rows)}",
            accepted=f"a proof in one of {', '.join(capable_precisions())}",
            remedy="export it again on this machine: python -m export, or try --engine eager",
        )
    return found


def int8_floats(bundle: Bundle) -> tuple[Precision, ...]:
    """Return the arithmetic that an int8 graph may leave layers in here, the fastest first.

    With a parity record, what that proves of it; one that does not tell proves none.
    """
    proved = [facts.get("floats") for _, facts in _int8_rows(bundle)]
    return tuple(p for p in capable_precisions() if p in proved or not _rows(bundle))


def int8_row(bundle: Bundle, floats: str) -> str:
    """Return the row of the parity record of an int8 graph; empty if there is none.

    Args:
        bundle: Whose record it is.
        floats: Arithmetic of the convolutions that it leaves in floats; empty if it leaves none.
    """
    found = (
        row for row, facts in _int8_rows(bundle) if not floats or facts.get("floats") == floats
    )
    return next(found, "")


def _int8_rows(bundle: Bundle) -> list[tuple[str, Mapping[str, Any]]]:
    return [item for item in _rows(bundle).items() if item[0].split(" ")[0] == "int8"]


def _is_proved(bundle: Bundle, precision: Precision) -> bool:
    return bool(int8_floats(bundle)) if precision == "int8" else precision in _rows(bundle)


def _rows(bundle: Bundle) -> Mapping[str, Mapping[str, Any]]:
    """Return what the parity record says of the OpenVINO graphs, by row; empty without one."""
    rows: Mapping[str, Mapping[str, Any]] = bundle.parity.get(ENGINE, {}).get("precisions", {})
    return rows


def require_offered(bundle: Bundle, asked: Precision) -> None:
    """Check that a bundle can run here in the precision that was asked for.

    Of a bundle with a parity record nothing else runs than what that proves, whatever is allowed.

    Raises:
        ModelError: If it cannot; says whether the CPU or the bundle is what lacks it, or what
            the export found wrong with it, or that it was not there to be proved at export.
    """
    offered = proved_precisions(bundle) if _rows(bundle) else offered_precisions(bundle)
    if asked in offered:
        return
    lacking = f"which {bundle.path} holds no graph for"
    if asked not in (*capable_precisions(), *(("int8",) if multiplies_int8() else ())):
        lacking = "which this CPU does not have"
    elif asked in left_out_of(bundle):
        lacking = f"in which this network is another one: {left_out_of(bundle)[asked]}"
    elif asked in offered_precisions(bundle):
        lacking = f"in which {bundle.path} is not proved: the CPU of its export may not have had it"
    elif precision_limit(bundle) in FLOAT_LIMITS:
        lacking = f"but {bundle.path} was exported with --precision {precision_limit(bundle)}"
    raise ModelError(
        f"precision {asked} was asked for, {lacking}",
        accepted=f"precisions: auto, {', '.join(offered)}",
        remedy="leave --precision away" + (", or --precision fp32" if "fp32" in offered else ""),
    )


def read_graph(
    core: Any, bundle: Bundle, *, precision: Precision = "fp32", part: Part | None = None
) -> Any:
    """Deserialise the graph that runs in a precision from bytes that were verified."""
    graph, constants = (bundle.engines[ENGINE][role] for role in roles_of(precision, part))
    return core.read_model(bundle.read(graph), bundle.read(constants))


def input_shape(bundle: Bundle, spec: GraphSpec) -> list[int]:
    """Return the shape that a graph is compiled for."""
    if spec.part is not None and spec.part in HEADS:
        return [spec.batch, *regions_shape(bundle.network_spec, spec.part)]
    return [spec.batch, *bundle.input_spec.size, 3]


def compile_graph(core: Any, bundle: Bundle, *, spec: GraphSpec) -> Any:
    """Compile a graph of a bundle.

    Raises:
        ModelError: If OpenVINO refuses it.
    """
    try:
        model = read_graph(core, bundle, precision=spec.precision, part=spec.part)
        for result in [] if spec.cams or spec.part else model.get_results()[1:]:
            model.remove_result(result)
        if spec.part is None:
            add_sums(model)
        model.reshape(input_shape(bundle, spec))
        return core.compile_model(model, "CPU", spec.settings)
    except RuntimeError as error:
        raise ModelError(
            f"OpenVINO {import_openvino().__version__} refuses the graph of {bundle.path}: "
            f"{first_line(error)}",
            remedy="export the bundle again with this OpenVINO: python -m export",
        ) from error
