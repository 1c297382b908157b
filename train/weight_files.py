"""Tensors from a file that somebody published; nothing but tensors is ever unpickled."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from losszero_rt.errors import ModelError

SUFFIXES = (".safetensors", ".pth", ".pt")
# Under what a training script puts the tensors beside its other state.
_WRAPPERS = ("state_dict", "model", "model_state_dict")


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Read the tensors of a ``.safetensors``, ``.pth`` or ``.pt`` file, by name.

    Raises:
        ModelError: If the file is of another kind, damaged, or holds anything but tensors in
            plain containers.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if path.suffix not in SUFFIXES:
        raise _refused(path, f"ends in {path.suffix!r}")
    try:
        if path.suffix == ".safetensors":
            stored: Any = load_file(path, device="cpu")
        else:
            stored = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, OSError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise _refused(path, f"cannot be read: {error}") from error
    except pickle.UnpicklingError as error:
        raise _refused(path, "holds more than tensors, or is no file of torch") from error
    for wrapper in _WRAPPERS:
        if isinstance(stored, Mapping) and isinstance(stored.get(wrapper), Mapping):
            stored = stored[wrapper]
    if not isinstance(stored, Mapping):
        raise _refused(path, f"holds a {type(stored).__name__}, no tensors by name")
    return {str(key): value for key, value in stored.items() if isinstance(value, torch.Tensor)}


def _refused(path: Path, why: str) -> ModelError:
    return ModelError(f"{path} {why}", accepted=f"tensors by name in {', '.join(SUFFIXES)}")
