"""The folder between train and export: read, write, verify.

Layout: ``checkpoint.json`` (what it is) beside ``weights.safetensors`` (the network's tensors).
Nothing in it is ever unpickled, and nothing is used before its sha256 was checked.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from losszero_rt.classmap import ClassMap
from losszero_rt.errors import LossZeroError, ModelError, reason_of
from losszero_rt.network import NetworkSpec, build_network
from losszero_rt.preprocess import InputSpec

if TYPE_CHECKING:
    import torch
    from torch import nn

FORMAT = 1
RECORD_NAME = "checkpoint.json"
WEIGHTS_NAME = "weights.safetensors"
RECORD_BYTES_MAX = 1 << 20
# The largest known network, SAM over ViT-huge, has 2.4 GiB.
WEIGHTS_BYTES_MAX = 4 << 30
_REMEDY = "train again, or copy the folder again from where it was trained"
_KEYS: dict[str, type] = {
    **dict.fromkeys(("network", "input", "classes", "scores", "data"), dict),
    **{"format": int, "epoch": int, "version": str, "weights_sha256": str},
}


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """What a checkpoint folder says about its weights.

    Attributes:
        network: The network that the weights fit.
        input: The input that it was trained for.
        classes: The classes that its outputs stand for.
        scores: Validation scores with their n, as the metrics write them; empty if not measured.
        data: What it was trained on, for the model card.
        epoch: Epochs trained.
        version: Version of the project that trained it.
        weights_sha256: Hex digest of the weights file; empty before it is written.
    """

    network: NetworkSpec
    input: InputSpec
    classes: ClassMap
    scores: Mapping[str, Any]
    data: Mapping[str, Any]
    epoch: int
    version: str
    weights_sha256: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for ``checkpoint.json``."""
        return {
            "format": FORMAT,
            "network": self.network.as_dict(),
            "input": {
                "size": list(self.input.size),
                "mean": list(self.input.mean),
                "std": list(self.input.std),
                "channels": self.input.channels,
            },
            "classes": {
                "names": list(self.classes.names),
                "colours": [list(colour) for colour in self.classes.colours],
                "background_id": self.classes.background_id,
                "ignored_id": self.classes.ignored_id,
            },
            "scores": dict(self.scores),
            "data": dict(self.data),
            "epoch": self.epoch,
            "version": self.version,
            "weights_sha256": self.weights_sha256,
        }


def write_checkpoint(
    folder: Path, *, checkpoint: Checkpoint, weights: Mapping[str, "torch.Tensor"]
) -> Checkpoint:
    """Write a checkpoint, each file complete or not at all, the record last.

    Args:
        folder: Where to write; made if absent, an older checkpoint in it is replaced.
        checkpoint: The record; its digest is filled in.
        weights: The network's state, all finite.

    Returns:
        The record as written.

    Raises:
        ModelError: If a weight is NaN or infinite, or there are more than can be read again.
    """
    from safetensors.torch import save

    _check_finite(weights, str(folder))
    content = save({key: value.contiguous() for key, value in weights.items()})
    if len(content) > WEIGHTS_BYTES_MAX:
        raise ModelError(
            f"{folder / WEIGHTS_NAME} would have {len(content)} bytes",
            accepted=f"weights of at most {WEIGHTS_BYTES_MAX} bytes, or nothing could read them",
            remedy="train a network with a smaller encoder",
        )
    written = replace(checkpoint, weights_sha256=hashlib.sha256(content).hexdigest())
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / WEIGHTS_NAME, content)
    record = json.dumps(written.as_dict(), indent=2, allow_nan=False) + "\n"
    write_whole(folder / RECORD_NAME, record.encode())
    return written


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under a temporary name beside its own, then rename it into place."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def read_checkpoint(folder: Path) -> Checkpoint:
    """Read and check the record of a checkpoint; the weights are not opened.

    Raises:
        ModelError: If the record is absent, too large, not JSON, of another format, or holds
            anything unknown.
    """
    if not folder.is_dir():
        inside = (folder.parent / RECORD_NAME).is_file()
        remedy = f"give {folder.parent}" if inside else "give the folder that the training wrote"
        why = "is a file, no folder" if folder.exists() else "is missing"
        raise _refused(folder, why, remedy=remedy)
    path = folder / RECORD_NAME
    if not path.exists() and (folder / "manifest.json").is_file():
        remedy = "run it with losszero-rt, or give the checkpoint that it was made of"
        raise _refused(folder, "is a bundle, which was exported already", remedy=remedy)
    try:
        if path.stat().st_size > RECORD_BYTES_MAX:
            raise _refused(path, f"is larger than {RECORD_BYTES_MAX} bytes")
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise _refused(path, f"cannot be read: {reason_of(error)}") from error
    if not isinstance(record, dict):
        raise _refused(path, "is not a JSON object")
    if record.get("format") != FORMAT:
        raise _refused(path, f"has format {record.get('format')!r}, this version reads {FORMAT}")
    _check_keys(record, path)
    try:
        return _from_record(record)
    except LossZeroError as error:
        raise _refused(path, f"is wrong: {error}") from error
    except (TypeError, ValueError, KeyError, OverflowError) as error:
        raise _refused(path, f"has a field that does not fit: {error}") from error


def read_weights(folder: Path, *, checkpoint: Checkpoint) -> dict[str, "torch.Tensor"]:
    """Read the weights of a checkpoint whose record was read before.

    Raises:
        ModelError: If the file is not the recorded one (see :func:`verified_weights`), is not
            safetensors, or holds NaN or infinite values.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    path = folder / WEIGHTS_NAME
    content = verified_weights(folder, checkpoint=checkpoint)
    try:
        weights: dict[str, torch.Tensor] = load(content)
    except (SafetensorError, ValueError, KeyError) as error:
        raise _refused(path, f"is not safetensors: {error}") from error
    _check_finite(weights, str(path))
    return weights


def verified_weights(folder: Path, *, checkpoint: Checkpoint) -> bytes:
    """Return the content of the weights file, nothing of it deserialised.

    Raises:
        ModelError: If it is absent, too large, or differs from the recorded digest.
    """
    path = folder / WEIGHTS_NAME
    try:
        if path.stat().st_size > WEIGHTS_BYTES_MAX:
            raise _refused(path, f"is larger than {WEIGHTS_BYTES_MAX} bytes")
        content = path.read_bytes()
    except OSError as error:
        raise _refused(path, f"cannot be read: {reason_of(error)}") from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != checkpoint.weights_sha256:
        raise _refused(
            path,
            f"has sha256 {digest[:12]}..., the record says {checkpoint.weights_sha256[:12]}...",
        )
    return content


def load_network(folder: Path) -> tuple["nn.Module", Checkpoint]:
    """Build the network of a checkpoint with its weights, in evaluation mode.

    Raises:
        ModelError: If anything about the folder is wrong; see :func:`read_checkpoint` and
            :func:`read_weights`. Keys and shapes must fit one to one.
    """
    checkpoint = read_checkpoint(folder)
    weights = read_weights(folder, checkpoint=checkpoint)
    network = build_network(checkpoint.network)
    load_weights(network, weights=weights, name=str(folder / WEIGHTS_NAME))
    return network.eval(), checkpoint


def load_weights(network: "nn.Module", *, weights: Mapping[str, "torch.Tensor"], name: str) -> None:
    """Copy weights into a network; every key, shape and dtype must fit.

    Args:
        network: Changed in place.
        weights: What :meth:`state_dict` of such a network returned.
        name: What to call the weights in a message.

    Raises:
        ModelError: If they do not fit; the message names the first keys that differ.
    """
    own = network.state_dict()
    faults = [f"{key} is missing" for key in own if key not in weights]
    faults += [f"{key} is unknown" for key in weights if key not in own]
    faults += [
        f"{key} is {tuple(value.shape)} {value.dtype}, not {tuple(own[key].shape)} {own[key].dtype}"
        for key, value in weights.items()
        if key in own and (value.shape != own[key].shape or value.dtype != own[key].dtype)
    ]
    if faults:
        raise ModelError(
            f"{name} does not fit its network: {'; '.join(faults[:4])}"
            + (f" and {len(faults) - 4} more" if len(faults) > 4 else ""),
            accepted="exactly the tensors of the network that the record names",
            remedy=_REMEDY,
        )
    network.load_state_dict(dict(weights), strict=True)


def _check_finite(weights: Mapping[str, "torch.Tensor"], name: str) -> None:
    bad = [
        key
        for key, value in weights.items()
        if value.is_floating_point() and not bool(value.isfinite().all())
    ]
    if bad:
        raise ModelError(
            f"{name} holds NaN or infinite values in {', '.join(bad[:4])}",
            accepted="finite weights",
            remedy=_REMEDY,
        )


def _check_keys(record: dict[str, Any], path: Path) -> None:
    unknown = sorted(set(record) - set(_KEYS))
    missing = sorted(set(_KEYS) - set(record))
    if unknown or missing:
        raise _refused(path, f"has unknown keys {unknown} and lacks {missing}")
    for key, kind in _KEYS.items():
        if not isinstance(record[key], kind) or isinstance(record[key], bool):
            raise _refused(path, f"has {key} of the wrong type {type(record[key]).__name__}")


def _from_record(record: dict[str, Any]) -> Checkpoint:
    plain_input = dict(record["input"])
    plain_classes = dict(record["classes"])
    names = ("scores", "data", "epoch", "version", "weights_sha256")
    return Checkpoint(
        network=NetworkSpec(**record["network"]),
        input=InputSpec(
            size=tuple(plain_input.pop("size")),
            mean=tuple(plain_input.pop("mean")),
            std=tuple(plain_input.pop("std")),
            **plain_input,
        ),
        classes=ClassMap(
            names=tuple(plain_classes.pop("names")),
            colours=tuple(tuple(colour) for colour in plain_classes.pop("colours")),
            **plain_classes,
        ),
        **{name: record[name] for name in names},
    )


def _refused(path: Path, why: str, *, remedy: str = _REMEDY) -> ModelError:
    accepted = f"a checkpoint folder with {RECORD_NAME} and {WEIGHTS_NAME}"
    return ModelError(f"{path} {why}", accepted=accepted, remedy=remedy)
