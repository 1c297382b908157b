"""What is asked of the builder of TensorRT engines, and what it answers."""

from dataclasses import dataclass
from typing import Literal, get_args

from losszero_rt.network.mask_rcnn_split import Part

TensorRtPrecision = Literal["fp16", "fp32", "int8", "fp8"]
TENSORRT_PRECISIONS: tuple[TensorRtPrecision, ...] = get_args(TensorRtPrecision)
# Of these the network stays half; what is multiplied is rounded to eight bits before.
QUANTISED: tuple[TensorRtPrecision, ...] = ("int8", "fp8")
Attention = Literal["auto", "fused", "plain"]
ATTENTIONS: tuple[Attention, ...] = get_args(Attention)


@dataclass(frozen=True, kw_only=True)
class EngineRequest:
    """One engine to build.

    Attributes:
        bundle: Folder whose weights are compiled.
        out: File to write.
        batch: Frames a call, static.
        precision: Arithmetic of the graph.
        optimization_level: How long the builder looks for kernels, 0..5.
        device: CUDA device.
        ending: ``labels``, or ``logits`` for the twin that parity is proved with.
        cams: Give class activation maps beside the labels, where the network has a linear head.
        part: Which part of a network that is compiled in parts; None for a whole one. Of a head
            ``batch`` is the number of regions.
        attention: Whether attention is one operation of the graph (``fused``) or its products and
            softmax (``plain``); ``auto`` leaves it as the network writes it.
        calibration: Folder of labelled pictures that eight-bit ranges are measured on; empty for
            drawn night rides.
        calibration_split: Rows of its manifest; empty for all.
        labelled: Folder of the pictures that are scored, which no ranges are measured on; or empty.
        split: Rows of its manifest; empty for all.
    """

    bundle: str
    out: str
    batch: int
    precision: TensorRtPrecision = "fp16"
    optimization_level: int = 3
    device: str = "cuda:0"
    ending: Literal["labels", "logits"] = "labels"
    cams: bool = True
    part: Part | None = None
    attention: Attention = "auto"
    calibration: str = ""
    calibration_split: str = ""
    labelled: str = ""
    split: str = ""


@dataclass(frozen=True, kw_only=True)
class EngineFacts:
    """What was built, read back from the engine and from this machine.

    Attributes:
        precision_found: ``fp16``, ``fp32``, ``int8`` or ``fp8`` where all heavy layers agree, else
            ``mixed``.
        half_share: Share of the floating tensors between layers that are half, 0..1.
        num_layers: Layers of the engine.
        gpu: Name of the GPU that it was built on.
        compute_capability: (major, minor) of that GPU.
        driver: Version of NVIDIA's driver; empty where it is not known.
        versions: torch, torch_tensorrt and tensorrt.
        attention_fused: Whether attention was left to the compiler's fused layer.
        cams_size: (height, width) of the class activation maps; None where there are none.
    """

    precision_found: str
    half_share: float
    num_layers: int
    gpu: str
    compute_capability: tuple[int, int]
    driver: str
    versions: dict[str, str]
    attention_fused: bool
    cams_size: tuple[int, int] | None = None
