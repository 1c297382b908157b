"""The eager engine: torch on any device, the reference that compiled graphs are compared with.

Shape letters: N frames of a batch, C classes, H, W height and width.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from losszero_rt.bundle import WEIGHTS_NAME, Bundle
from losszero_rt.checkpoint import load_weights
from losszero_rt.engine.protocol import EngineInfo, EngineOptions, Extras
from losszero_rt.errors import ModelError
from losszero_rt.network import build_network, upsample_logits
from losszero_rt.timings import now_s

if TYPE_CHECKING:
    import torch
    from torch import nn

_DTYPES = {"auto": "float32", "fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}
_NAMES = {"float32": "fp32", "bfloat16": "bf16", "float16": "fp16"}


class DoneTicket:
    """A submission that is done already.

    Args:
        labels_NHW: uint8 labels.
        infer_ms: How long it took, milliseconds.
        extras: What came beside the labels.
    """

    def __init__(
        self, labels_NHW: np.ndarray, *, infer_ms: float, extras: Extras | None = None
    ) -> None:
        self._labels_NHW = labels_NHW
        self._infer_ms = infer_ms
        self._extras = extras or Extras()

    def result(self) -> np.ndarray:
        """Return the labels, uint8 (n, h, w), owned by the caller."""
        return self._labels_NHW

    @property
    def extras(self) -> Extras:
        """What came beside the labels."""
        return self._extras

    @property
    def infer_ms(self) -> float:
        """Time the submission took, milliseconds."""
        return self._infer_ms


class EagerEngine:
    """Runs the network of a bundle in torch, one batch at a time.

    Args:
        bundle: Holds the weights.
        options: ``auto`` means the CPU and fp32; ``num_requests`` changes nothing.

    Raises:
        ModelError: If torch or the device is absent, or the weights do not fit their network.
    """

    def __init__(self, bundle: Bundle, *, options: EngineOptions) -> None:
        torch = import_torch()
        self._device = _find_device(options.device)
        self._batch = options.batch
        threads = 0
        if self._device.type == "cpu":
            torch.set_num_threads(options.threads or torch.get_num_threads())
            threads = torch.get_num_threads()
        self._dtype = getattr(torch, _DTYPES[options.precision])
        network = load_bundle_network(bundle).to(self._device, self._dtype)
        self._network: nn.Module | None = network.to(memory_format=torch.channels_last)
        self._mean = torch.tensor(bundle.input_spec.mean, device=self._device) * 255
        self._std = torch.tensor(bundle.input_spec.std, device=self._device) * 255
        self._info = EngineInfo(
            name="eager",
            device=_device_name(self._device),
            precision=executed_precision(network),
            precision_asked=options.precision,
            input_size=bundle.input_spec.size,
            labels_size=bundle.labels_size,
            batch=options.batch,
            threads=threads,
            version=str(torch.__version__),
        )

    @property
    def info(self) -> EngineInfo:
        """What really runs."""
        return self._info

    def logits(self, inputs_NHWC: np.ndarray) -> "torch.Tensor":
        """Return the logits at labels size, float32 (n, C, h, w), on the engine's device."""
        import torch

        if self._network is None:
            raise ModelError("the eager engine is closed", remedy="open it again")
        with torch.inference_mode():
            values = torch.from_numpy(inputs_NHWC).to(self._device).float()
            values_NCHW = ((values - self._mean) / self._std).permute(0, 3, 1, 2)
            logits_NCHW = self._network(values_NCHW.to(self._dtype)).float()
            return upsample_logits(logits_NCHW, self._info.labels_size)

    def submit(self, inputs_NHWC: np.ndarray) -> DoneTicket:
        """Run one batch to its end; see the protocol."""
        import torch

        start_s = now_s()
        labels_NHW = self.logits(inputs_NHWC).argmax(1).to(torch.uint8).cpu().numpy()
        return DoneTicket(labels_NHW, infer_ms=(now_s() - start_s) * 1e3)

    def close(self) -> None:
        """Release the network. May be called twice."""
        self._network = None


def import_torch() -> Any:
    """Import torch.

    Raises:
        ModelError: If it, or what builds and loads networks with it, is not installed.
    """
    try:
        import safetensors.torch  # noqa: F401
        import torch
    except ImportError as error:
        raise ModelError(
            f"the eager engine needs torch ({error})",
            accepted="the openvino engine runs without it",
            remedy="pip install 'losszero-rt[export]'",
        ) from error
    return torch


def load_bundle_network(bundle: Bundle) -> "nn.Module":
    """Build the network of a bundle with its weights in float32, in evaluation mode.

    Raises:
        ModelError: If the weights are not safetensors, not finite, or do not fit one to one.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load

    name = str(bundle.path / WEIGHTS_NAME)
    try:
        stored = load(bundle.read(WEIGHTS_NAME))
    except (SafetensorError, ValueError, KeyError) as error:
        raise ModelError(f"{name} is not safetensors: {error}") from error
    weights = {k: v.float() if v.dtype == torch.float16 else v for k, v in stored.items()}
    bad = [key for key, value in weights.items() if not bool(value.isfinite().all())]
    if bad:
        raise ModelError(
            f"{name} holds NaN or infinite values in {', '.join(bad[:4])}",
            accepted="finite weights",
            remedy="export the bundle again: python -m export",
        )
    network = build_network(bundle.network_spec)
    load_weights(network, weights=weights, name=name)
    return network.eval()


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


def _num_gpus() -> int:
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def _find_device(name: str) -> "torch.device":
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


def _device_name(device: "torch.device") -> str:
    import torch

    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
