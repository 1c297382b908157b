"""Bundles of networks that find objects: what is compiled of them, and what cannot be asked."""

from typing import Any

import torch
from torch import nn

from export.compile_openvino import convert_graph, convert_part, save_graph
from export.config import ExportConfig
from export.split_graphs import example_of, part_of
from export.trace import LogitsGraph
from losszero_rt.bundle import Bundle
from losszero_rt.errors import ModelError
from losszero_rt.network import NetworkSpec
from losszero_rt.network.mask_rcnn_split import PARTS, Part, is_split

EIGHT_BITS = ("int8", "fp8")


def check_split(config: ExportConfig, spec: NetworkSpec) -> None:
    """Refuse what a network that is compiled in parts cannot become; others pass.

    Between its parts stand as many boxes as a picture has: torch.export refuses that as a whole.

    Raises:
        ModelError: If a single graph or eight bits were asked for by name.
    """
    if not is_split(spec):
        return
    if config.engine == "onnx":
        raise ModelError(
            f"{config.model} is a {spec.architecture} network, which finds objects and is no "
            "single graph",
            accepted="--engine openvino or tensorrt, which compile its parts",
            remedy=f"or run it as it is: losszero-rt CLIP --model {config.model}",
        )
    if config.precision in EIGHT_BITS or config.calibration:
        raise ModelError(
            f"eight bits for a {spec.architecture} network",
            accepted="--precision auto, fp32, bf16 (OpenVINO) or fp16 (TensorRT), without "
            "--calibration: boxes are coordinates",
        )


def save_parts(network: nn.Module, bundle: Bundle) -> dict[str, str]:
    """Write the OpenVINO graphs of a network's parts into a bundle's folder; return files by role.

    Args:
        network: In evaluation mode, as it is stored.
        bundle: Says what the network takes.
    """
    roles: dict[str, str] = {}
    for part in PARTS:
        files = save_graph(_convert(network, bundle, part=part), bundle.path, stem=part)
        roles |= {f"{part}_{role}": name for role, name in files.items()}
    return roles


def _convert(network: nn.Module, bundle: Bundle, *, part: Part) -> Any:
    module = part_of(network, part)
    if part == "trunk":
        graph = LogitsGraph(module, spec=bundle.input_spec).eval()
        return convert_graph(graph, size=bundle.input_spec.size)
    return convert_part(module, example_of(bundle.network_spec, part, dtype=torch.float32))
