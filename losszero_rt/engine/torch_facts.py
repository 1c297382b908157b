"""What torch is, here: the library, the devices, the arithmetic of a network."""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Any

from losszero_rt.errors import ModelError

if TYPE_CHECKING:
    import torch
    from torch import nn

INSTALL = "pip install -e '.[export]' in the checkout"
_NETWORKS = "segmentation_models_pytorch"
_NAMES = {"float32": "fp32", "bfloat16": "bf16", "float16": "fp16"}


def import_torch(device: str = "auto") -> Any:
    """Import torch.

    Args:
        device: What it is wanted for: whoever asks for a GPU is told first that there is none.

    Raises:
        ModelError: If it, or what builds and loads networks with it, is not installed.
    """
    try:
        # In this order: where neither is, it is torch that a person has heard of.
        torch = import_module("torch")
        import_module("safetensors.torch")
        if find_spec(_NETWORKS) is None:  # it takes a second to import
            raise ImportError(f"No module named '{_NETWORKS}'")
    except ImportError as error:
        absent = f"the eager engine needs torch, safetensors and {_NETWORKS} ({error})"
        no_gpu = device.startswith("cuda") and not has_nvidia_driver()
        raise ModelError(
            f"no NVIDIA GPU is here for --device {device}, and {absent}" if no_gpu else absent,
            accepted="the openvino engine, on the CPU, runs without them",
            remedy="--device cpu" if no_gpu else INSTALL,
        ) from error
    return torch


def has_nvidia_driver() -> bool:
    """Say whether the driver of an NVIDIA GPU is loaded, which can be seen without torch."""
    marks = ("/dev/nvidiactl", "/dev/dxg", "/proc/driver/nvidia/version")
    return any(Path(mark).exists() for mark in marks) or which("nvidia-smi") is not None


def executed_precision(network: "nn.Module") -> str:
    """Read the arithmetic of the convolutions back from their weights."""
    from torch import nn

    dtypes = {str(m.weight.dtype) for m in network.modules() if isinstance(m, nn.Conv2d)}
    return "+".join(sorted(_NAMES[dtype.removeprefix("torch.")] for dtype in dtypes))


def why_not() -> str:
    """Say why this engine cannot run here; empty when it can."""
    try:
        import_torch()
    except ModelError as error:
        return str(error)
    return ""


def torch_facts() -> dict[str, Any]:
    """Return version and devices for ``doctor``; says so where something is absent."""
    try:
        torch = import_torch()
    except ModelError as error:
        return {"absent": str(error)}
    gpus = [torch.cuda.get_device_name(index) for index in range(_num_gpus())]
    return {"version": str(torch.__version__), "cuda": torch.version.cuda or "none", "gpus": gpus}


def why_no_gpu() -> str:
    """Say why torch computes on no GPU here; empty where it can."""
    try:
        torch = import_torch()
    except ModelError:
        return "torch, or what networks are built with, is not installed"
    if not _num_gpus():
        return f"torch {torch.__version__} sees no GPU"
    fault = _gpu_fault()
    return f"torch {torch.__version__} cannot compute on the GPU: {fault}" if fault else ""


def _gpu_fault() -> str:
    """Compute something on the first GPU; return what it says where it does not."""
    import torch

    try:
        torch.ones(1, device="cuda").sum().item()
    # A GPU that is too old for this torch, full, or taken by another process.
    except RuntimeError as error:
        return str(error).partition("\n")[0]
    return ""


def _num_gpus() -> int:
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def find_device(name: str) -> "torch.device":
    """Return a device by name; ``auto`` is the CPU.

    Raises:
        ModelError: If this machine has none of that name.
    """
    import torch

    if name in ("auto", "cpu"):
        return torch.device("cpu")
    index = name.removeprefix("cuda").removeprefix(":") or "0"
    num_gpus = _num_gpus()
    if not name.startswith("cuda") or not index.isdecimal() or int(index) >= num_gpus:
        raise ModelError(
            f"device {name!r} is not here: torch {torch.__version__} sees {num_gpus} GPUs",
            accepted="auto, cpu" + "".join(f", cuda:{number}" for number in range(num_gpus)),
            remedy="losszero-rt doctor shows what this machine has",
        )
    return torch.device("cuda", int(index))


def device_name(device: "torch.device") -> str:
    """Return a device's name as its driver spells it."""
    import torch

    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
