"""From a checkpoint to a bundle, step by step."""

import importlib.metadata
import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import losszero_rt
from export.cam_parity import prove_cams
from export.card import attribution_of, write_card
from export.compile_openvino import (
    cams_size_of,
    convert_graph,
    run_logits,
    save_graph,
    with_labels,
)
from export.config import ExportConfig
from export.folding import fold_normalisation
from export.labelled import read_labelled
from export.parity import judge_eager, prove_logits, prove_openvino
from export.rounding import ride_values, round_kernels
from export.tensorrt_engines import (
    Say,
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
    WEIGHTS_NAME,
    Bundle,
    new_bundle_folder,
    seal,
)
from losszero_rt.checkpoint import Checkpoint, load_network, read_checkpoint
from losszero_rt.errors import ModelError, UsageError

if TYPE_CHECKING:
    from torch import nn

LIBRARIES = ("torch", "openvino", "segmentation-models-pytorch", "timm")


def export_bundle(config: ExportConfig, *, say: Say = print) -> Bundle:
    """Export a checkpoint.

    Args:
        config: What to do.
        say: Hears how it goes, a line at a time.

    Returns:
        The bundle at its final place, read back and verified.

    Raises:
        LossZeroError: If anything is wrong with the checkpoint or the labelled pictures, or a
            compiled graph differs too much from the network; then nothing is left behind.
    """
    engines = settle_engines(config, say=say)
    notes = read_notes(config.notes) if config.notes else ""
    refuse_objects(config.checkpoint)
    network, checkpoint = load_network(config.checkpoint)
    pictures = read_labelled(config.labelled, split=config.split) if config.labelled else []
    dataset = _dataset_name(config)
    with new_bundle_folder(config.out, force=config.force) as folder:
        fold_normalisation(network, size=checkpoint.input.size)
        round_kernels(network, values_NCHW=ride_values(checkpoint.input))
        write_weights(network, folder / WEIGHTS_NAME)
        graph = LogitsGraph(network, spec=checkpoint.input).eval()
        bundle, model = _describe(config, checkpoint, folder), None
        if "openvino" in engines:
            model = convert_graph(compiled_graph(graph), size=checkpoint.input.size)
            roles = save_graph(with_labels(model, size=checkpoint.input.size), folder)
            bundle = replace(bundle, engines={"openvino": roles}, cams_size=cams_size_of(model))
        bundle = seal(bundle)
        parity: dict[str, Any] = {}
        if "tensorrt" in engines:
            bundle = add_engines(bundle, config=config, say=say)
            proof = prove_engines(bundle, config=config, dataset=dataset, say=say)
            parity |= {"tensorrt": proof} if pictures else {}
        if pictures:
            reference = judge_eager(bundle, pictures)
            bundle = replace(bundle, scores={**reference.scores.as_dict(), "dataset": dataset})
            if model is not None:
                parity |= prove_openvino(bundle, pictures, reference=reference, dataset=dataset)
                parity["openvino"]["logits"] = prove_logits(
                    graph, pictures, run=partial(run_logits, model)
                )
            if bundle.cams_size is not None:
                parity["openvino"]["cams"] = prove_cams(bundle, pictures)
            (folder / PARITY_NAME).write_text(json.dumps(parity, indent=2) + "\n")
        (folder / CARD_NAME).write_text(write_card(bundle, parity=parity, notes=notes))
        bundle = seal(bundle)
        if pictures:
            _refuse_different(bundle)
    return Bundle.open(config.out)


def _refuse_different(bundle: Bundle) -> None:
    """Raise ModelError if a compiled graph is not what the network is."""
    faults = {engine: bundle.parity_fault(engine) for engine in bundle.engines}
    if any(faults.values()):
        raise ModelError(
            "; ".join(
                f"the {engine} graph differs from the network: {fault}"
                for engine, fault in faults.items()
                if fault
            ),
            accepted=f"{MIOU_POINTS_MAX} points of mean IoU, {CLASS_POINTS_MAX} of a class",
        )


def refuse_objects(checkpoint: Path) -> None:
    """Raise ModelError for a checkpoint whose network cannot be a static graph; opens no weights.

    Finding objects ends in as many boxes as there are: torch.export refuses it, OpenVINO has no
    converter for how the boxes are filled in, and TensorRT none for suppressing their overlaps.
    """
    spec = read_checkpoint(checkpoint).network
    if spec.architecture == "mask-rcnn":
        raise ModelError(
            f"{checkpoint} is a {spec.architecture} network, which finds objects and has no "
            "static graph",
            accepted="networks that give every pixel a class; this one runs in the eager engine",
            remedy=f"losszero-rt CLIP --model {checkpoint}",
        )


def read_notes(path: Path) -> str:
    """Read lines for the model card.

    Raises:
        UsageError: The file cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read --notes {path}: {error}") from error


def write_weights(network: "nn.Module", path: Path) -> None:
    """Write a network's state as safetensors, kernels in fp16, in which they fit exactly."""
    from safetensors.torch import save

    state = {
        key: (value.half() if value.dim() > 1 else value).contiguous()
        for key, value in network.state_dict().items()
    }
    path.write_bytes(save(state))


def _describe(config: ExportConfig, checkpoint: Checkpoint, folder: Path) -> Bundle:
    """Everything that is known before anything is compiled."""
    versions = {name: importlib.metadata.version(name) for name in LIBRARIES}
    return Bundle(
        path=folder,
        name=config.bundle_name,
        network_spec=checkpoint.network,
        input_spec=checkpoint.input,
        labels_size=checkpoint.input.size,
        classmap=checkpoint.classes,
        engines={},
        files={},
        versions={"losszero_rt": losszero_rt.__version__, **versions},
        source_sha256=checkpoint.weights_sha256,
        scores={},
        data=dict(checkpoint.data),
        licence=config.licence,
        attribution=attribution_of(dict(checkpoint.data)),
    )


def _dataset_name(config: ExportConfig) -> str:
    name = config.labelled.resolve().name if config.labelled else ""
    return f"{name}/{config.split}" if config.split else name
