"""The graphs whose plans are looked at: every family, the model that ships, and broken ones."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import nn

from export.attention import set_attention
from export.deployed import DeployedGraph, merge_normalisation
from export.engine_request import Attention, TensorRtPrecision
from export.quantising import quantise
from export.split_graphs import part_of
from losszero_rt.bundle import find_bundle
from losszero_rt.engine.eager_engine import load_bundle_network
from losszero_rt.network import NetworkSpec, build_network
from losszero_rt.network.mask_rcnn_split import HEADS, Part
from train.config import TrainConfig
from train.recipes import recipe

# Networks as large as training makes them, with the inputs that it makes them for.
CNNS = ("unet", "unetplusplus", "deeplabv3plus", "deeplabv3plus-wide", "fpn")
SEGFORMERS = ("segformer-lite0", "segformer-b0", "segformer-b2")
SAMS = ("sam-small", "sam-b")
RESNET = NetworkSpec(architecture="unet", encoder="resnet18", decoder_channels=16)
FAMILIES: dict[str, TrainConfig] = {
    **{name: recipe(name) for name in (*CNNS, *SEGFORMERS, *SAMS)},
    "unet-resnet18": replace(recipe("unet"), network=RESNET),
}
PARKING = {name: recipe(name) for name in ("parking-unet", "parking-deeplabv3plus")}
OBJECTS = recipe("mask-rcnn")
SIZE = OBJECTS.input.size


@dataclass(frozen=True, kw_only=True)
class Case:
    """One graph to plan.

    Attributes:
        make: Builds the graph.
        size: (height, width) of its input.
        batch: Frames of the example it is exported with.
        keep_hardtanh: Whether to plan as the export does.
        settings: Keywords that differ from those of the export.
        dynamic: Largest batch of a dynamic graph; 0 for a static one.
        profile: Whether the shapes of a dynamic graph are given as a profile.
        precision: What the graph was quantised to, if it was.
        head: Which head of a Mask R-CNN it is, which takes regions in place of pictures.
        takes: Type of its input, where that is not what the export gives.
    """

    make: Callable[[], nn.Module]
    size: tuple[int, int] = SIZE
    batch: int = 1
    keep_hardtanh: bool = True
    settings: dict[str, Any] | None = None
    dynamic: int = 0
    profile: bool = False
    precision: TensorRtPrecision = "fp16"
    head: Part | None = None
    takes: torch.dtype | None = None


def deployed(
    name: str,
    *,
    merged: bool = True,
    dtype: torch.dtype = torch.float16,
    attention: Attention = "auto",
    **options: Any,
) -> nn.Module:
    """Return a family's graph as the export makes it."""
    trained = (FAMILIES | PARKING)[name]
    network, spec = build_network(trained.network).eval(), trained.input
    if merged:
        merge_normalisation(network, size=spec.size)
    set_attention(network, attention)
    return DeployedGraph(
        network, spec=spec, labels_size=spec.size, dtype=dtype, **{"cams": True, **options}
    ).eval()


def shipped() -> nn.Module:
    """Return the graph of the model that ships."""
    bundle = find_bundle("night-ride")
    network = load_bundle_network(bundle)
    merge_normalisation(network, size=bundle.input_spec.size)
    return DeployedGraph(
        network, spec=bundle.input_spec, labels_size=bundle.labels_size, cams=True
    ).eval()


def quantised(precision: TensorRtPrecision) -> nn.Module:
    """Return a family's graph in eight bits, ranges measured on noise."""
    rng = np.random.default_rng(0)
    noise_NHWC = rng.integers(0, 256, (2, *SIZE, 3), np.uint8)
    spec = FAMILIES["fpn"].input
    return quantise(deployed("fpn"), spec=spec, precision=precision, inputs_NHWC=noise_NHWC)


def part(name: Part) -> nn.Module:
    """Return a part of a Mask R-CNN as the export makes it."""
    network = build_network(OBJECTS.network).eval()
    merge_normalisation(network, size=SIZE)
    module = part_of(network, name)
    if name in HEADS:
        return module.half()
    return DeployedGraph(module, spec=OBJECTS.input, labels_size=SIZE, ending="logits").eval()


class Whole(nn.Module):
    """A Mask R-CNN that nobody divided: the mistake that the parts are there for."""

    def __init__(self) -> None:
        super().__init__()
        self.network = build_network(OBJECTS.network).eval()

    def forward(self, pixels_NHWC: torch.Tensor) -> torch.Tensor:
        """Return labels."""
        values_NCHW = pixels_NHWC.float().permute(0, 3, 1, 2).contiguous()
        logits: torch.Tensor = self.network((values_NCHW - 127.5) / 127.5)
        return logits.argmax(1).to(torch.int32)


class Broken(nn.Module):
    """A deployed graph with one mistake in it."""

    def __init__(self, graph: nn.Module, mistake: str) -> None:
        super().__init__()
        self.deployed, self.mistake = graph, mistake

    def forward(self, pixels_NHWC: torch.Tensor) -> torch.Tensor:
        """Return labels, the wrong way."""
        if self.mistake == "uint8 out":
            labels: torch.Tensor = self.deployed(pixels_NHWC)[0].to(torch.uint8)
            return labels
        values_NCHW = pixels_NHWC.permute(0, 3, 1, 2).to(torch.float16).contiguous()
        logits: torch.Tensor = self.deployed.network((values_NCHW - 127.5) / 127.5)  # type: ignore[operator]
        return logits.argmax(1).to(torch.int32)


class HalfInput(nn.Module):
    """A deployed graph whose cast happens outside, as dynamic batches need it."""

    def __init__(self, graph: DeployedGraph) -> None:
        super().__init__()
        self.deployed = graph

    def forward(self, values_NHWC: torch.Tensor) -> torch.Tensor:
        """Return the labels of half-precision pictures."""
        labels: torch.Tensor = self.deployed(values_NHWC)
        return labels


def _half_input() -> nn.Module:
    graph = deployed("fpn", cams=False)
    assert isinstance(graph, DeployedGraph)
    return HalfInput(graph).eval()


CASES: dict[str, Case] = {
    **{
        name: Case(make=partial(deployed, name), size=trained.input.size)
        for name, trained in (FAMILIES | PARKING).items()
    },
    "shipped": Case(make=shipped),
    "mask-rcnn trunk": Case(make=lambda: part("trunk")),
    "mask-rcnn boxes": Case(make=lambda: part("boxes"), head="boxes"),
    "mask-rcnn masks": Case(make=lambda: part("masks"), head="masks"),
    "mask-rcnn whole": Case(make=lambda: Whole().eval()),
    "labels alone": Case(make=lambda: deployed("fpn", cams=False)),
    "logits twin": Case(make=lambda: deployed("fpn", cams=False, ending="logits")),
    "segformer-b0 fused": Case(make=lambda: deployed("segformer-b0", attention="fused")),
    "sam-small plain": Case(make=lambda: deployed("sam-small", attention="plain")),
    "normalisation not merged": Case(make=lambda: deployed("fpn", merged=False)),
    "hardtanh decomposed": Case(make=lambda: deployed("unet"), keep_hardtanh=False),
    "permuted before the cast": Case(
        make=lambda: Broken(deployed("unet-resnet18"), "permute").eval(), takes=torch.uint8
    ),
    "uint8 in": Case(make=lambda: deployed("fpn"), takes=torch.uint8),
    "uint8 out": Case(
        make=lambda: Broken(deployed("unet-resnet18"), "uint8 out").eval(),
        settings={"require_full_compilation": False},
    ),
    "float with enabled precisions": Case(
        make=lambda: deployed("unet-resnet18", dtype=torch.float32),
        settings={"enabled_precisions": {torch.float16}},
    ),
    "dynamic from one": Case(make=_half_input, batch=1, dynamic=8, profile=True),
    "dynamic with a profile": Case(make=_half_input, batch=4, dynamic=8, profile=True),
    "dynamic with shapes": Case(make=_half_input, batch=4, dynamic=8),
}
if find_spec("modelopt") is not None:
    CASES["fpn int8"] = Case(make=lambda: quantised("int8"), precision="int8")
    CASES["fpn fp8"] = Case(make=lambda: quantised("fp8"), precision="fp8")
