"""What is exported: a checkpoint as it was trained, or a bundle whose stored weights are kept.

Weights are folded and rounded once, on their way out of a checkpoint. Those of a bundle went that
way already: they are copied byte for byte, and what is known of how they differ from the
checkpoint's goes with them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from export.card import attribution_of
from export.config import ExportConfig
from export.folding import fold_normalisation
from export.labelled import LabelledPicture
from export.parity import compare, judge_eager
from export.rounding import halve_kernels, ride_values, round_kernels
from losszero_rt.bundle import (
    MANIFEST_NAME,
    WEIGHTS,
    WEIGHTS_NAME,
    Bundle,
    find_bundle,
    list_bundles,
)
from losszero_rt.checkpoint import RECORD_NAME, load_network, read_checkpoint
from losszero_rt.engine import Model, TrainedModel
from losszero_rt.engine.eager_engine import load_bundle_network
from losszero_rt.errors import ModelError, UsageError
from losszero_rt.network.mask_rcnn_split import is_split

if TYPE_CHECKING:
    from torch import nn

LICENCE = "Apache-2.0"
# What is known of stored weights, whatever pictures a later export is scored on.
_POINTS = ("label_agreement", "miou_points", "class_points", "rate_points")


def open_source(config: ExportConfig) -> Model:
    """Read the record of what is exported; the weights of a checkpoint are not opened.

    Args:
        config: Names the folder of a checkpoint or of a bundle, or a bundle that ships.

    Returns:
        The model, its input at the size that the new bundle will have.

    Raises:
        ModelError: If it is neither, or broken.
        UsageError: If it cannot be had at the size that was asked for.
    """
    path = config.checkpoint
    if not _is_bundle(path):
        record = read_checkpoint(path)
        size = config.input_size(record.input.size)
        record = replace(record, input=replace(record.input, size=size))
        return TrainedModel(path=path, checkpoint=record)
    # What is not proved of its graphs does not matter: they stay behind.
    bundle = find_bundle(path, allow_unverified=True)
    if config.imgsz and config.imgsz != bundle.input_spec.size:
        height, width = bundle.input_spec.size
        raise UsageError(
            f"--imgsz {config.imgsz[0]}x{config.imgsz[1]} of {path}, a bundle for {height}x{width}",
            accepted="the size of the bundle: its kernels were rounded, and compared, at that",
            remedy="leave --imgsz away, or export the checkpoint that it was made of",
        )
    if config.labelled and WEIGHTS not in bundle.parity:
        raise ModelError(
            f"{path} is unverified: its weights were never compared with their checkpoint's",
            accepted="checkpoints, and bundles that were exported with --labelled",
            remedy="export the checkpoint that it was made of",
        )
    return bundle


def _is_bundle(path: Path) -> bool:
    ships = str(path) in {shipped.name for shipped in list_bundles()}
    return ships or ((path / MANIFEST_NAME).is_file() and not (path / RECORD_NAME).exists())


def store_weights(source: Model, path: Path) -> "nn.Module":
    """Write the weights of a new bundle and return its network, in evaluation mode.

    Args:
        source: What is exported.
        path: The file to write.

    Raises:
        ModelError: If the weights are not what the record says, or beyond fp16.
    """
    if isinstance(source, Bundle):
        network = load_bundle_network(source)
        path.write_bytes(source.read(WEIGHTS_NAME))
        return network
    network, _ = load_network(source.path)
    fold_normalisation(network, size=source.input_spec.size)
    if is_split(source.network_spec):
        halve_kernels(network)
    else:
        round_kernels(network, values_NCHW=ride_values(source.input_spec))
    write_weights(network, path)
    return network


def write_weights(network: "nn.Module", path: Path) -> None:
    """Write a network's state as safetensors, kernels in fp16, in which they fit exactly."""
    from safetensors.torch import save

    state = {
        key: (value.half() if value.dim() > 1 else value).contiguous()
        for key, value in network.state_dict().items()
    }
    path.write_bytes(save(state))


def score_weights(
    bundle: Bundle, source: Model, pictures: Sequence[LabelledPicture], *, dataset: str
) -> tuple[Bundle, dict[str, Any]]:
    """Score the network, and say how far its weights are from those that were trained.

    Args:
        bundle: Sealed, with the weights.
        source: What they come from.
        pictures: What to score on.
        dataset: What to call them.

    Returns:
        The bundle with its scores, and the weights' entry of the parity record. Of weights that
        come from a bundle it is that bundle's, with ``compared_on``, the pictures it was made on.
    """
    verdict = judge_eager(bundle, pictures)
    bundle = replace(bundle, scores={**verdict.scores.as_dict(), "dataset": dataset})
    own = {name: bundle.scores[name] for name in ("miou", "miou_ci95")}
    if isinstance(source, Bundle):
        known = source.parity[WEIGHTS]
        compared_on = known.get("compared_on", source.scores.get("dataset", ""))
        points = {**_points_of(known), "compared_on": compared_on}
    else:
        points = compare(verdict, reference=judge_eager(source, pictures))
    head = {**bundle.parity_head(WEIGHTS), "source_sha256": bundle.source_sha256}
    return bundle, {**head, **own, **points}


def _points_of(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: record[name] for name in _POINTS if name in record}


def digest_of_checkpoint(source: Model) -> str:
    """Return the digest of the weights that were trained."""
    return source.source_sha256 if isinstance(source, Bundle) else source.sha256


def data_of(source: Model) -> dict[str, Any]:
    """Return what a model says that it was trained on."""
    return dict(source.data if isinstance(source, Bundle) else source.checkpoint.data)


def rights_of(source: Model, *, licence: str) -> tuple[str, str]:
    """Return licence and attribution of a new bundle.

    Args:
        source: What is exported; the rights of a bundle's weights go with them.
        licence: What was asked for; empty for what is known, else :data:`LICENCE`.
    """
    if isinstance(source, Bundle):
        return licence or source.licence, source.attribution
    return licence or LICENCE, attribution_of(data_of(source))
