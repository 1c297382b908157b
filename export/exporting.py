"""From a checkpoint, or the weights of another bundle, to a bundle, step by step."""

import importlib.metadata
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import losszero_rt
from export import openvino_parity
from export.card import write_card
from export.compile_openvino import cams_size_of, convert_graph, save_graph, with_labels
from export.config import ExportConfig, Say
from export.credits import NOT_STATED
from export.gate import GateRequest
from export.int8_graphs import add_int8, settle_int8
from export.labelled import LabelledPicture
from export.origin import (
    data_of,
    digest_of_checkpoint,
    notes_of,
    open_origin,
    rights_of,
    score_weights,
    store_weights,
)
from export.portable import add_portable, prove_portable, settle_portable
from export.provenance import provenance_of
from export.scored import read_scored, warn_of_low_score
from export.split_export import check_split, save_parts
from export.tensorrt_engines import (
    add_engines,
    prove_engines,
    settle_engines,
)
from export.trace import LogitsGraph, compiled_graph
from losszero_rt.bundle import (
    CARD_NAME,
    CLASS_POINTS_MAX,
    MIOU_POINTS_MAX,
    PARITY_NAME,
    WEIGHTS,
    WEIGHTS_NAME,
    Bundle,
    new_bundle_folder,
    seal,
)
from losszero_rt.bundle.parity_rules import run_faults
from losszero_rt.engine import Model
from losszero_rt.engine.openvino_facts import capable_precisions
from losszero_rt.engine.openvino_graphs import left_out_of
from losszero_rt.errors import ModelError, UsageError, reason_of
from losszero_rt.free_memory import available_bytes
from losszero_rt.network.mask_rcnn_split import PARTS, is_split

# Measured with an FPN on EfficientNet-Lite0, whose export takes 1.8 GiB at 384x672 and 4.3 GiB at
# 768x1344. Other networks take more or less of it.
BASE_BYTES = 900 << 20
PIXEL_BYTES = 3500
LIBRARIES = ("torch", "openvino", "segmentation-models-pytorch", "timm")


def export_bundle(config: ExportConfig, *, say: Say = print) -> Bundle:
    """Export a checkpoint, or the weights of a bundle once more.

    Args:
        config: What to do.
        say: Hears how it goes, a line at a time.

    Returns:
        The bundle at its final place, read back and verified.

    Raises:
        LossZeroError: If anything is wrong with the model or the labelled pictures, or a
            compiled graph differs too much from the network; then nothing is left behind.
    """
    engines = settle_engines(config, say=say)
    origin = open_origin(config)
    if isinstance(origin, Bundle):
        say(f"exporting the weights of {origin.path.resolve()}")
    tell_memory(origin.input_spec.size, say=say)
    spec, insist = origin.network_spec, config.engine == "onnx"
    check_split(config, spec)
    portable = False
    if is_split(spec):
        say(f"a {spec.architecture} is compiled in parts: {', '.join(PARTS)}; no int8, no ONNX")
    else:
        portable = settle_portable(config, say=say)
    if config.openvino_precision == "bf16" and "bf16" not in capable_precisions():
        say("bf16 is left out: this CPU has none, and so fp32 alone is proved")
    whole = "openvino" in engines and not is_split(spec)
    int8 = settle_int8(config, say=say) if whole else None
    notes = read_notes(config.notes) if config.notes else notes_of(origin)
    with new_bundle_folder(config.out, force=config.force, say=say) as folder:
        scored = read_scored(config, classes=origin.classmap, data=data_of(origin), say=say)
        pictures = scored.pictures
        network = store_weights(origin, folder / WEIGHTS_NAME)
        bundle = seal(_describe(config, origin, folder, pictures=pictures))
        if bundle.licence == NOT_STATED:
            say(
                "licence: not stated; what the weights were made of says which ones are allowed: "
                "--licence NAME"
            )
        graph = LogitsGraph(network, spec=origin.input_spec).eval()
        if "openvino" in engines:
            bundle = _add_openvino(bundle, graph, limit=config.openvino_precision)
        if portable:
            bundle = add_portable(bundle, graph, insist=insist, say=say)
        if int8 is not None:
            bundle = add_int8(bundle, int8, insist=config.precision == "int8", say=say)
        if "tensorrt" in engines:
            bundle = add_engines(bundle, config=config, say=say)
        bundle, parity = _prove(bundle, config, dataset=scored.dataset, say=say)
        if pictures:
            bundle, record = score_weights(bundle, origin, scored)
            warn_of_low_score(bundle.scores["miou"], known=origin.scores, say=say)
            parity[WEIGHTS] = record
            (folder / PARITY_NAME).write_text(json.dumps(parity, indent=2) + "\n", "utf-8")
        card = write_card(bundle, parity=parity if pictures else {}, notes=notes)
        (folder / CARD_NAME).write_text(card, encoding="utf-8")
        _refuse_different(seal(bundle), parity, config=config)
    return Bundle.open(config.out)


def tell_memory(size: tuple[int, int], *, say: Say) -> None:
    """Say so before an export starts that needs more memory than is free.

    Args:
        size: (height, width) of the input.
        say: Hears of it.
    """
    needed, free = BASE_BYTES + PIXEL_BYTES * size[0] * size[1], available_bytes()
    if free is not None and needed > free:
        say(
            f"an input of {size[0]}x{size[1]} needs about {needed / 2**30:.1f} GiB of memory, and "
            f"{free / 2**30:.1f} GiB are free: the system may end this"
        )


def _add_openvino(bundle: Bundle, graph: LogitsGraph, *, limit: str) -> Bundle:
    """Write the OpenVINO graph, or those of a network's parts; return the bundle sealed.

    The bundle says which precision it is limited to, and so is neither proved nor run in another.
    """
    size, built = bundle.input_spec.size, {"openvino": {"graph": {"precision": limit}}}
    bundle = replace(bundle, built={**bundle.built, **built})
    if is_split(bundle.network_spec):
        roles = save_parts(graph.network, bundle)
    else:
        model = convert_graph(compiled_graph(graph), size=size)
        roles = save_graph(with_labels(model, size=bundle.labels_size), bundle.path)
        bundle = replace(bundle, cams_size=cams_size_of(model))
    return seal(replace(bundle, engines={**bundle.engines, "openvino": roles}))


def _prove(
    bundle: Bundle, config: ExportConfig, *, dataset: str, say: Say
) -> tuple[Bundle, dict[str, dict[str, Any]]]:
    """Compare every graph with the network, each in a fresh process.

    Returns:
        The bundle, which now says what its graphs run in, and the parity record.
    """
    parity: dict[str, dict[str, Any]] = {}
    built = dict(bundle.built)
    request = GateRequest(
        bundle=str(bundle.path.resolve()),
        labelled=str(config.labelled.resolve()) if config.labelled else "",
        split=config.split,
    )
    found: dict[str, dict[str, Any]] = {}
    if "openvino" in bundle.engines:
        say("comparing the openvino graph with the network")
        found["openvino"] = openvino_parity.prove_in_child(request)
    if "onnx" in bundle.engines:
        insist = config.engine == "onnx"
        bundle, record = prove_portable(bundle, request, insist=insist, say=say)
        found |= {"onnx": record} if record else {}
    for engine, record in found.items():
        limit = built.get(engine, {}).get("graph", {"precision": "auto"})
        facts = {**limit, **_graph_facts(record)}
        for precision, fault in facts.get("left_out", {}).items():
            say(f"{precision} is left out, it is not run: {fault}")
        # What is left out belongs to the bundle, which may go without a proof.
        record.pop("left_out", None)
        parity[engine] = {**record, "dataset": dataset}
        built[engine] = {**built.get(engine, {}), "graph": facts}
    if "tensorrt" in bundle.engines:
        parity["tensorrt"] = prove_engines(bundle, config=config, dataset=dataset, say=say)
    return replace(bundle, built=built), parity


def _graph_facts(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a manifest says of a graph that runs in every precision of its machine."""
    found = dict.fromkeys(row.split(" ")[0] for row in record["precisions"])
    facts = {"precision_found": "+".join(found)}
    known = ("left_out", "device", "capabilities", "version", "opset")
    return facts | {name: record[name] for name in known if record.get(name)}


def _refuse_different(bundle: Bundle, parity: Mapping[str, Any], *, config: ExportConfig) -> None:
    """Raise ModelError if what was written is not what was trained."""
    faults = bundle.faults
    if not bundle.parity:
        # Nothing proves it, so it stays unverified; but what is plainly wrong is not written.
        faults = tuple(
            f"{engine}: {precision} {fault}"
            for engine, record in parity.items()
            for precision, found in record.get("precisions", {}).items()
            for fault in run_faults(precision, found)
        )
    left_out = left_out_of(bundle)
    if config.precision in left_out:
        faults = (*faults, f"openvino: {config.precision} {left_out[config.precision]}")
    if faults:
        raise ModelError(
            f"the bundle would not be the network: {'; '.join(faults)}",
            accepted=f"{MIOU_POINTS_MAX} points of mean IoU, {CLASS_POINTS_MAX} of a class, and "
            "what losszero_rt/bundle/parity_rules.py says of rates, logits and labels",
            remedy=_next_after(faults),
        )


def _next_after(faults: Sequence[str]) -> str:
    """Say what to try after an export that was refused."""
    floats = ("openvino: bf16 ", "openvino: int8 ")
    if all(fault.startswith(floats) for fault in faults):
        return "--precision fp32 leaves out what is not equal enough"
    return "train it further, or export it with another --engine or --precision"


def read_notes(path: Path) -> str:
    """Read lines for the model card.

    Raises:
        UsageError: The file cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = reason_of(error) if isinstance(error, OSError) else "it is no UTF-8"
        raise UsageError(
            f"cannot read --notes {path}: {why}",
            accepted="a file of Markdown in UTF-8",
            remedy="leave --notes away, or give another file",
        ) from error


def _describe(
    config: ExportConfig, origin: Model, folder: Path, *, pictures: Sequence[LabelledPicture]
) -> Bundle:
    """Everything that is known before anything is compiled."""
    versions = {name: importlib.metadata.version(name) for name in LIBRARIES}
    licence, attribution = rights_of(origin, licence=config.licence)
    data = data_of(origin)
    return Bundle(
        path=folder,
        name=config.bundle_name,
        network_spec=origin.network_spec,
        input_spec=origin.input_spec,
        labels_size=origin.labels_size,
        classmap=origin.classmap,
        engines={},
        files={},
        versions={"losszero_rt": losszero_rt.__version__, **versions},
        source_sha256=digest_of_checkpoint(origin),
        scores={},
        data=data,
        licence=licence,
        attribution=attribution,
        provenance=provenance_of(data, pictures),
    )
