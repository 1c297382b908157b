"""From a checkpoint to a bundle, step by step."""

import importlib.metadata
import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import losszero_rt
from export.card import attribution_of, write_card
from export.compile_openvino import convert_logits, run_logits, save_graph, with_labels
from export.config import ExportConfig
from export.folding import fold_normalisation
from export.labelled import LabelledPicture, read_labelled
from export.parity import judge_eager, prove_logits, prove_openvino
from export.rounding import ride_values, round_kernels
from export.trace import LogitsGraph
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
from losszero_rt.checkpoint import Checkpoint, load_network
from losszero_rt.errors import ModelError, UsageError

if TYPE_CHECKING:
    from torch import nn

LIBRARIES = ("torch", "openvino", "segmentation-models-pytorch", "timm")


def export_bundle(config: ExportConfig) -> Bundle:
    """Export a checkpoint.

    Args:
        config: What to do.

    Returns:
        The bundle at its final place, read back and verified.

    Raises:
        LossZeroError: If anything is wrong with the checkpoint or the labelled pictures, or a
            compiled graph differs too much from the network; then nothing is left behind.
    """
    notes = read_notes(config.notes) if config.notes else ""
    network, checkpoint = load_network(config.checkpoint)
    pictures = read_labelled(config.labelled, split=config.split) if config.labelled else []
    with new_bundle_folder(config.out, force=config.force) as folder:
        fold_normalisation(network, size=checkpoint.input.size)
        round_kernels(network, values_NCHW=ride_values(checkpoint.input))
        write_weights(network, folder / WEIGHTS_NAME)
        graph = LogitsGraph(network, spec=checkpoint.input).eval()
        model = convert_logits(graph, size=checkpoint.input.size)
        roles = save_graph(with_labels(model, size=checkpoint.input.size), folder)
        bundle = seal(_describe(config, checkpoint, folder, engines={"openvino": roles}))
        parity: dict[str, Any] = {}
        if pictures:
            bundle, parity = _measure(bundle, pictures, dataset=_dataset_name(config))
            parity["openvino"]["logits"] = prove_logits(
                graph, pictures, run=partial(run_logits, model)
            )
            (folder / PARITY_NAME).write_text(json.dumps(parity, indent=2) + "\n")
        (folder / CARD_NAME).write_text(write_card(bundle, parity=parity, notes=notes))
        bundle = seal(bundle)
        if pictures and not bundle.is_verified:
            raise ModelError(
                f"the OpenVINO graph differs from the network: {bundle.parity_fault('openvino')}",
                accepted=f"{MIOU_POINTS_MAX} points of mean IoU, {CLASS_POINTS_MAX} of a class",
            )
    return Bundle.open(config.out)


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


def _describe(
    config: ExportConfig, checkpoint: Checkpoint, folder: Path, *, engines: dict[str, Any]
) -> Bundle:
    """Everything that is known before the compiled graphs are measured."""
    versions = {name: importlib.metadata.version(name) for name in LIBRARIES}
    return Bundle(
        path=folder,
        name=config.bundle_name,
        network_spec=checkpoint.network,
        input_spec=checkpoint.input,
        labels_size=checkpoint.input.size,
        classmap=checkpoint.classes,
        engines=engines,
        files={},
        versions={"losszero_rt": losszero_rt.__version__, **versions},
        source_sha256=checkpoint.weights_sha256,
        scores={},
        data=dict(checkpoint.data),
        licence=config.licence,
        attribution=attribution_of(dict(checkpoint.data)),
    )


def _measure(
    bundle: Bundle, pictures: Sequence[LabelledPicture], *, dataset: str
) -> tuple[Bundle, dict[str, Any]]:
    """Score the network and compare the compiled graphs with it."""
    reference = judge_eager(bundle, pictures)
    scores = {**reference.scores.as_dict(), "dataset": dataset}
    parity = prove_openvino(bundle, pictures, reference=reference, dataset=dataset)
    return replace(bundle, scores=scores), parity


def _dataset_name(config: ExportConfig) -> str:
    name = config.labelled.resolve().name if config.labelled else ""
    return f"{name}/{config.split}" if config.split else name
