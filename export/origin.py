"""What is exported: a checkpoint as it was trained, or a bundle whose stored weights are kept.

Weights are folded and rounded once, on their way out of a checkpoint. Those of a bundle went that
way already: they are copied byte for byte, and what is known of how they differ from the
checkpoint's goes with them to every bundle that is scored.
"""

from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from export.card import read_notes_of
from export.config import ExportConfig
from export.credits import NOT_STATED, attribution_of
from export.folding import fold_normalisation
from export.parity import compare, judge_eager
from export.rounding import halve_kernels, ride_values, round_kernels
from export.scored import ScoredSet
from losszero_rt.bundle import (
    CARD_NAME,
    MANIFEST_NAME,
    UNPROVED_KEY,
    WEIGHTS,
    WEIGHTS_NAME,
    Bundle,
    find_bundle,
    unproved_of,
)
from losszero_rt.checkpoint import RECORD_NAME, read_checkpoint
from losszero_rt.engine import Model, TrainedModel, refuse_training_folder
from losszero_rt.engine.eager_engine import load_model_network
from losszero_rt.errors import ModelError, UsageError
from losszero_rt.network.mask_rcnn_split import is_split

if TYPE_CHECKING:
    from torch import nn

# Weights are the same to the bit, and so are their scores but for the order of sums.
_SCORE_OFF_MAX = 1e-3
# What is known of stored weights, whatever pictures a later export is scored on.
_POINTS = ("label_agreement", "miou_points", "class_points", "rate_points")


def open_origin(config: ExportConfig) -> Model:
    """Read the record of what is exported; the weights of a checkpoint are not opened.

    Args:
        config: Names the folder of a checkpoint or of a bundle, or a bundle that ships.

    Returns:
        The model, its input at the size that the new bundle will have.

    Raises:
        ModelError: If it is neither, or broken; or if it is to be scored, and how its weights
            differ from the checkpoint's is not known.
        UsageError: If it cannot be had at the size that was asked for.
    """
    path = config.model
    # A folder that is there is meant, even where it has the name of a model that ships.
    if (path / MANIFEST_NAME).is_file():
        return _open_bundle(Bundle.open(path), config)
    if not path.exists():
        return _open_bundle(find_bundle(path, allow_unverified=True), config)
    if not (path / RECORD_NAME).is_file():
        refuse_training_folder(path, command=f"python -m export --out {quote(str(config.out))}")
    record = read_checkpoint(path)
    size = config.input_size(record.input.size)
    return TrainedModel(
        path=path, checkpoint=replace(record, input=replace(record.input, size=size))
    )


def _open_bundle(bundle: Bundle, config: ExportConfig) -> Bundle:
    if config.imgsz and config.imgsz != bundle.input_spec.size:
        height, width = bundle.input_spec.size
        raise UsageError(
            f"--imgsz {config.imgsz[0]}x{config.imgsz[1]} of {bundle.path}, "
            f"a bundle for {height}x{width}",
            accepted="the size of the bundle, at which its weights were compared",
            remedy="leave --imgsz away, or export the checkpoint that it was made of",
        )
    fault = bundle.weights_fault if bundle.parity.get(WEIGHTS) else "no parity record for them"
    if config.labelled and fault:
        raise ModelError(
            f"{bundle.path} holds weights that are not known to be the checkpoint's: {fault}",
            accepted="checkpoints, and bundles that this version exported with --labelled",
            remedy="export the checkpoint that it was made of, or leave --labelled away",
        )
    return bundle


def store_weights(origin: Model, path: Path) -> "nn.Module":
    """Write the weights of a new bundle.

    Args:
        origin: What is exported.
        path: The file to write.

    Returns:
        The network with these weights in float32, in evaluation mode.

    Raises:
        ModelError: If the weights are not what the record says, or beyond fp16.
    """
    network = load_model_network(origin)
    if isinstance(origin, Bundle):
        path.write_bytes(origin.read(WEIGHTS_NAME))
        return network
    fold_normalisation(network, size=origin.input_spec.size)
    if is_split(origin.network_spec):
        halve_kernels(network)
    else:
        round_kernels(network, values_NCHW=ride_values(origin.input_spec))
    write_weights(network, path)
    return network


def write_weights(network: "nn.Module", path: Path) -> None:
    """Write a network's state as safetensors, kernels in fp16.

    Args:
        network: Its kernels rounded, so that they fit exactly.
        path: The file to write.
    """
    from safetensors.torch import save

    state = {
        key: (value.half() if value.dim() > 1 else value).contiguous()
        for key, value in network.state_dict().items()
    }
    path.write_bytes(save(state))


def score_weights(
    bundle: Bundle, origin: Model, scored: ScoredSet
) -> tuple[Bundle, dict[str, Any]]:
    """Score the network, and say how far its weights are from those that were trained.

    Args:
        bundle: Sealed, with the weights.
        origin: What they come from.
        scored: What to score on.

    Returns:
        The bundle with its scores, and the weights' entry of the parity record. Of weights that
        come from a bundle it is that bundle's, with ``compared_on``, the pictures it was made on.

    Raises:
        ModelError: If the weights of either cannot be read, or those of a bundle have other scores
            than it says, on the same pictures.
    """
    pictures = scored.pictures
    verdict = judge_eager(bundle, pictures)
    rare = {UNPROVED_KEY: list(scored.rare)} if scored.rare else {}
    scores = {**verdict.scores.as_dict(), "dataset": scored.dataset, **rare}
    bundle = replace(bundle, scores=scores)
    if isinstance(origin, Bundle):
        _demand_known_score(bundle, origin)
    head = bundle.parity_head(WEIGHTS)
    if isinstance(origin, TrainedModel):
        return bundle, {**head, **compare(verdict, reference=judge_eager(origin, pictures))}
    known = origin.parity[WEIGHTS]
    unproved = (
        known.get(UNPROVED_KEY, []) if "compared_on" in known else [*unproved_of(origin.scores)]
    )
    return bundle, {
        **head,
        **{name: bundle.scores[name] for name in ("miou", "miou_ci95")},
        **{name: known[name] for name in _POINTS},
        "compared_on": known.get("compared_on", origin.scores.get("dataset", "")),
        UNPROVED_KEY: unproved,
    }


def _demand_known_score(bundle: Bundle, origin: Bundle) -> None:
    """Raise ModelError if weights that a bundle was scored with are not those that it holds."""
    digests = [one.provenance.get("labelled_sha256") for one in (bundle, origin)]
    if digests[0] != digests[1] or not origin.scores:
        return
    found, known = (float(one.scores["miou"]) for one in (bundle, origin))
    if not abs(found - known) <= _SCORE_OFF_MAX:
        raise ModelError(
            f"{origin.path} says mean IoU {known:.4f} of its weights on these pictures, and they "
            f"have {found:.4f}",
            accepted="bundles whose weights and records are as they were exported",
            remedy="export the checkpoint that it was made of",
        )


def digest_of_checkpoint(origin: Model) -> str:
    """Return the digest of the weights that were trained."""
    return origin.source_sha256 if isinstance(origin, Bundle) else origin.sha256


def data_of(origin: Model) -> dict[str, Any]:
    """Return what a model says that it was trained on."""
    return dict(origin.data if isinstance(origin, Bundle) else origin.checkpoint.data)


def notes_of(origin: Model) -> str:
    """Return the lines that a bundle's card has under its limits; none of a checkpoint."""
    if isinstance(origin, TrainedModel) or CARD_NAME not in origin.files:
        return ""
    return read_notes_of(origin.read(CARD_NAME).decode(errors="replace"))


def rights_of(origin: Model, *, licence: str) -> tuple[str, str]:
    """Return licence and attribution of a new bundle; those of a bundle's weights go with them.

    Args:
        origin: What is exported.
        licence: What was asked for; empty for what is known.

    Raises:
        ModelError: If a bundle has no licence.
    """
    if isinstance(origin, TrainedModel):
        data, spec = data_of(origin), origin.network_spec
        return licence or NOT_STATED, attribution_of(data, spec=spec)
    if not (licence or origin.licence):
        raise ModelError(
            f"{origin.path} names no licence", accepted="bundles that do", remedy="--licence NAME"
        )
    return licence or origin.licence, origin.attribution
