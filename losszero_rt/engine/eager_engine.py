"""The eager engine: torch on any device, the reference that compiled graphs are compared with.

Shape letters: N frames of a batch, C classes, H, W height and width.
"""

from typing import TYPE_CHECKING

import numpy as np

from losszero_rt.bundle import WEIGHTS_NAME, Bundle
from losszero_rt.checkpoint import load_weights, read_weights
from losszero_rt.cores import num_cores
from losszero_rt.engine.model import Model
from losszero_rt.engine.overflowing import FrameOverflowError, overflow_in
from losszero_rt.engine.protocol import EngineInfo, EngineOptions, Extras, check_class
from losszero_rt.engine.torch_facts import (
    device_name,
    executed_precision,
    find_device,
    import_torch,
)
from losszero_rt.errors import ModelError, NotFiniteError
from losszero_rt.network import (
    DetectedObjects,
    ObjectNetwork,
    build_network,
    head_of,
    upsample_logits,
)
from losszero_rt.network.forward_cam import forward_cam, watched
from losszero_rt.objects import Objects
from losszero_rt.timings import now_s

if TYPE_CHECKING:
    import torch
    from torch import nn

_DTYPES = {"auto": "float32", "fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}


class DoneTicket:
    """A submission that is done already.

    Args:
        labels_NHW: uint8 labels.
        infer_ms: How long it took, milliseconds.
        extras: What came beside the labels.
        fault: What is wrong with them.
    """

    def __init__(
        self,
        labels_NHW: np.ndarray,
        *,
        infer_ms: float,
        extras: Extras | None = None,
        fault: FrameOverflowError | None = None,
    ) -> None:
        self._labels_NHW, self._fault = labels_NHW, fault
        self._infer_ms = infer_ms
        self._extras = extras or Extras()

    def result(self) -> np.ndarray:
        """Return the labels, uint8 (n, h, w), owned by the caller; FrameOverflowError."""
        if self._fault is not None:
            raise self._fault
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
    """Runs the network of a bundle or a checkpoint in torch, one batch at a time.

    Args:
        model: Holds the weights.
        options: ``auto`` means the CPU and fp32; ``num_requests`` changes nothing.

    Raises:
        ModelError: If torch or the device is absent, or the weights do not fit their network.
    """

    def __init__(self, model: Model, *, options: EngineOptions) -> None:
        torch = import_torch(options.device)
        self._device = find_device(options.device)
        # By default cuDNN rounds what convolutions multiply to TF32, which is no fp32.
        torch.backends.cudnn.allow_tf32 = False
        self._batch = options.batch
        threads = 0
        if self._device.type == "cpu":
            torch.set_num_threads(options.threads or min(torch.get_num_threads(), num_cores()))
            threads = torch.get_num_threads()
        if options.precision not in _DTYPES:
            raise ModelError(
                f"the eager engine cannot run in {options.precision}",
                accepted=f"precisions: {', '.join(_DTYPES)}",
            )
        self._dtype = getattr(torch, _DTYPES[options.precision])
        network = load_model_network(model).to(self._device, self._dtype)
        knows_objects = isinstance(network, ObjectNetwork)
        if knows_objects and self._dtype != torch.float32:
            raise ModelError(
                f"precision {options.precision} for {model.network_spec.architecture}",
                accepted="precisions: auto, fp32, for boxes are coordinates",
                remedy="leave --precision away",
            )
        self._network: nn.Module | None = network.to(memory_format=torch.channels_last)
        self._mean = torch.tensor(model.input_spec.mean, device=self._device) * 255
        self._std = torch.tensor(model.input_spec.std, device=self._device) * 255
        self._classmap = model.classmap
        self._watched: int | None = None
        self._gives_objects = options.objects and knows_objects
        self._info = EngineInfo(
            name="eager",
            device=device_name(self._device),
            precision=executed_precision(network),
            precision_asked=options.precision,
            input_size=model.input_spec.size,
            labels_size=model.labels_size,
            batch=options.batch,
            threads=threads,
            version=str(torch.__version__),
            gives_objects=self._gives_objects,
        )

    @property
    def info(self) -> EngineInfo:
        """What really runs."""
        return self._info

    def logits(self, inputs_NHWC: np.ndarray) -> "torch.Tensor":
        """Return the logits at labels size, float32 (n, C, h, w), on the engine's device.

        Raises:
            NotFiniteError: If they are not finite.
        """
        logits_NCHW, finite_N = self._logits(inputs_NHWC)
        if not bool(finite_N.all()):
            raise NotFiniteError("the network", precision=self._info.precision)
        return logits_NCHW

    def _logits(self, inputs_NHWC: np.ndarray) -> "tuple[torch.Tensor, torch.Tensor]":
        """Return the logits at labels size, and bool (n,), of which frames they are finite."""
        import torch

        network = self._open_network()
        with torch.inference_mode():
            logits_NCHW = network(self._normalise(inputs_NHWC)).float()
            finite_N = _finite(logits_NCHW)
            return upsample_logits(logits_NCHW, self._info.labels_size), finite_N

    def _normalise(self, inputs_NHWC: np.ndarray) -> "torch.Tensor":
        import torch

        values = torch.from_numpy(inputs_NHWC).to(self._device).float()
        values_NHWC: torch.Tensor = ((values - self._mean) / self._std).to(self._dtype)
        return values_NHWC.permute(0, 3, 1, 2)

    def submit(self, inputs_NHWC: np.ndarray) -> DoneTicket:
        """Run one batch to its end; see the protocol."""
        import torch

        start_s = now_s()
        extras = Extras()
        if self._gives_objects:
            logits_NCHW, finite_N, extras = self._logits_and_objects(inputs_NHWC)
        elif self._watched is None:
            logits_NCHW, finite_N = self._logits(inputs_NHWC)
        else:
            logits_NCHW, finite_N, extras = self._logits_and_cams(
                inputs_NHWC, class_id=self._watched
            )
        labels_NHW = logits_NCHW.argmax(1).to(torch.uint8).cpu().numpy()
        # Labels of logits that overflowed would look like any others.
        fault = overflow_in(
            labels_NHW,
            finite_n=finite_N.cpu().numpy(),
            what="the network",
            precision=self._info.precision,
        )
        spent_ms = (now_s() - start_s) * 1e3
        return DoneTicket(labels_NHW, infer_ms=spent_ms, extras=extras, fault=fault)

    def _logits_and_objects(
        self, inputs_NHWC: np.ndarray
    ) -> "tuple[torch.Tensor, torch.Tensor, Extras]":
        import torch

        network = self._open_network()
        assert isinstance(network, ObjectNetwork), "only such networks give objects"
        with torch.inference_mode():
            logits_NCHW, found = network.logits_and_objects(self._normalise(inputs_NHWC))
            finite_N = _finite(logits_NCHW)
            logits_NCHW = upsample_logits(logits_NCHW.float(), self._info.labels_size)
        return logits_NCHW, finite_N, Extras(objects=tuple(to_objects(one) for one in found))

    def _logits_and_cams(
        self, inputs_NHWC: np.ndarray, *, class_id: int
    ) -> "tuple[torch.Tensor, torch.Tensor, Extras]":
        head = head_of(self._open_network())
        with watched(head) as passes:
            logits_NCHW, finite_N = self._logits(inputs_NHWC)
        ((features_NKhw, _),) = passes
        weight_1Kkk = head.weight.detach()[class_id : class_id + 1]
        cams_N1hw = forward_cam(features_NKhw, weight_1Kkk).float().cpu()
        return logits_NCHW, finite_N, Extras(cams_NHW=cams_N1hw[:, 0].numpy())

    def watch(self, class_id: int | None) -> None:
        """Give class activation maps of a class from now on; see the protocol."""
        if class_id is not None:
            check_class(class_id, classmap=self._classmap)
            head_of(self._open_network())
        self._watched = class_id

    def _open_network(self) -> "nn.Module":
        if self._network is None:
            raise ModelError("the eager engine is closed", remedy="open it again")
        return self._network

    def close(self) -> None:
        """Release the network. May be called twice."""
        self._network = None


def _finite(logits_NCHW: "torch.Tensor") -> "torch.Tensor":
    """Return bool (n,): of which frames all logits are finite."""
    return logits_NCHW.isfinite().flatten(1).all(1)


def to_objects(found: DetectedObjects) -> Objects:
    """Bring what a network found in one picture to the host."""
    return Objects(
        class_ids=found.class_ids.cpu().numpy().astype(np.uint8),
        scores=found.scores.float().cpu().numpy(),
        boxes=found.boxes.float().cpu().numpy(),
        masks=found.masks.cpu().numpy(),
    )


def load_model_network(model: Model) -> "nn.Module":
    """Build the network of a model with its weights in float32, in evaluation mode.

    Raises:
        ModelError: If the weights are not what the model's record says, or do not fit one to one.
    """
    if isinstance(model, Bundle):
        return load_bundle_network(model)
    weights = read_weights(model.path, checkpoint=model.checkpoint)
    network = build_network(model.network_spec)
    load_weights(network, weights=weights, name=str(model.path))
    return network.eval()


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
