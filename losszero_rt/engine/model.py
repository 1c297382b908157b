"""What an engine runs: a bundle, or a checkpoint just as training wrote it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any

from losszero_rt.bundle import MANIFEST_NAME, Bundle, find_bundle, list_bundles
from losszero_rt.checkpoint import RECORD_NAME, Checkpoint, read_checkpoint, verified_weights
from losszero_rt.classmap import ClassMap
from losszero_rt.errors import ModelError
from losszero_rt.network import NetworkSpec
from losszero_rt.preprocess import InputSpec

# What training calls the checkpoints in its output folder, the one to show first.
_USUAL_NAMES = ("best", "last")


@dataclass(frozen=True, kw_only=True)
class TrainedModel:
    """A checkpoint with the names that a bundle has for the same things.

    Nothing was compiled, so there is nothing whose parity would have to be proved: the eager
    engine runs the very network that was trained.

    Attributes:
        path: The checkpoint's folder.
        checkpoint: What its record says.
    """

    path: Path
    checkpoint: Checkpoint

    @classmethod
    def open(cls, path: Path) -> "TrainedModel":
        """Read the record of a checkpoint and verify its weights, without deserialising them.

        Raises:
            ModelError: If the record is wrong, or the weights are not those it was written for.
        """
        checkpoint = read_checkpoint(path)
        verified_weights(path, checkpoint=checkpoint)
        return cls(path=path, checkpoint=checkpoint)

    @property
    def name(self) -> str:
        """The folder's name with its parent's, for the folder alone is often called ``best``."""
        return "/".join(self.path.resolve().parts[-2:]).lstrip("/")

    @property
    def sha256(self) -> str:
        """Digest of the weights; a bundle exported from them records it as its source."""
        return self.checkpoint.weights_sha256

    @property
    def network_spec(self) -> NetworkSpec:
        """The network that the weights fit."""
        return self.checkpoint.network

    @property
    def network(self) -> dict[str, Any]:
        """The network's specification as plain values, for a report."""
        return self.network_spec.as_dict()

    @property
    def input_spec(self) -> InputSpec:
        """What the network takes."""
        return self.checkpoint.input

    @property
    def labels_size(self) -> tuple[int, int]:
        """(height, width) of the labels: those of the input, as in training's own scores."""
        return self.checkpoint.input.size

    @property
    def classmap(self) -> ClassMap:
        """The classes that label values stand for."""
        return self.checkpoint.classes

    @property
    def scores(self) -> Mapping[str, Any]:
        """Scores with their n and what they were measured on; empty if not measured."""
        scores = self.checkpoint.scores
        return {"dataset": "the validation split of its training", **scores} if scores else {}

    @property
    def is_verified(self) -> bool:
        """True: in fp32 what runs is the reference itself; see ``is_proved``."""
        return True


Model = Bundle | TrainedModel


def open_model(name: str | Path, *, allow_unverified: bool = False) -> Model:
    """Open a bundle that ships, or a bundle or a checkpoint in a folder.

    Args:
        name: Name of a bundle that ships, or the path of a folder.
        allow_unverified: Accept a bundle whose parity is not proved.

    Raises:
        ModelError: If there is none, it is broken, or it is unverified and that is not allowed.
    """
    path = Path(name)
    ships = str(name) in {shipped.name for shipped in list_bundles()}
    if not ships and not (path / MANIFEST_NAME).exists():
        if (path / RECORD_NAME).exists():
            return TrainedModel.open(path)
        refuse_training_folder(path, command="--model")
    return find_bundle(name, allow_unverified=allow_unverified)


def refuse_training_folder(path: Path, *, command: str) -> None:
    """Point at the checkpoint where somebody named the folder of a whole training.

    Args:
        path: What was named.
        command: What to put before the path of the checkpoint.

    Raises:
        ModelError: If it is one.
    """
    inside = [path / usual for usual in _USUAL_NAMES if (path / usual / RECORD_NAME).is_file()]
    if inside:
        raise ModelError(
            f"{path} is the folder of a training, not a model",
            accepted=f"checkpoints in it: {', '.join(map(str, inside))}",
            remedy=f"{command} {quote(str(inside[0]))}",
        )


def export_command(model: TrainedModel) -> str:
    """Return the command that makes a bundle of a checkpoint, for a message."""
    bundle = f"{model.path.resolve().name}-bundle"
    return f"python -m export {quote(str(model.path))} --out {quote(bundle)}"
