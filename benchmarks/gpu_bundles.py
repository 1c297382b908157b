"""Bundles that are compiled and timed on a GPU: the model that ships, and one of every family."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from export.config import ExportConfig
from export.engine_request import Attention, TensorRtPrecision
from export.origin import write_weights
from export.tensorrt_engines import add_engines
from losszero_rt.bundle import WEIGHTS_NAME, Bundle, find_bundle, seal
from losszero_rt.network import NetworkSpec, build_network
from losszero_rt.timings import now_s

LITE0 = "tu-tf_efficientnet_lite0"
# Each at the input size of the model that ships, with random weights: they cost the same.
FAMILIES: dict[str, dict[str, Any]] = {
    "unet": {"architecture": "unet", "encoder": LITE0},
    "unetplusplus": {"architecture": "unetplusplus", "encoder": LITE0},
    "deeplabv3plus": {"architecture": "deeplabv3plus", "encoder": LITE0},
    "fpn": {"architecture": "fpn", "encoder": LITE0},
    "segformer": {"architecture": "segformer", "encoder": "mit_b0"},
    "unet resnet34": {"architecture": "unet", "encoder": "resnet34"},
    "sam": {"architecture": "sam", "encoder": "samvit_base_patch16"},
    "mask-rcnn": {"architecture": "mask-rcnn", "encoder": "resnet50"},
}


def copy_bundle(model: str, folder: Path) -> Bundle:
    """Copy the weights of a bundle, and nothing that was compiled."""
    source = find_bundle(model, allow_unverified=True)
    _renew(folder)
    shutil.copyfile(source.path / WEIGHTS_NAME, folder / WEIGHTS_NAME)
    bare: dict[str, Any] = {"engines": {}, "built": {}, "parity": {}, "cams_size": None}
    return seal(replace(source, path=folder, **bare))


def family_bundle(name: str, folder: Path, *, like: Bundle) -> Bundle:
    """Write a family with random weights as a bundle with the input and classes of another."""
    spec = NetworkSpec(**FAMILIES[name], num_classes=like.classmap.num_classes)
    torch.manual_seed(0)
    _renew(folder)
    network = build_network(spec).eval()
    write_weights(network, folder / WEIGHTS_NAME)
    bare: dict[str, Any] = {"engines": {}, "built": {}, "parity": {}, "cams_size": None}
    return seal(replace(like, path=folder, name=name, network_spec=spec, scores={}, **bare))


def build_engines(
    bundle: Bundle,
    *,
    batches: tuple[int, ...],
    precision: TensorRtPrecision = "fp16",
    attention: Attention = "auto",
) -> tuple[Bundle, float]:
    """Build engines as the export does; return the bundle, and seconds an engine."""
    config = ExportConfig(
        model=bundle.path,
        out=bundle.path,
        engine="tensorrt",
        batches=batches,
        precision=precision,
        attention=attention,
    )
    start_s = now_s()
    built = add_engines(bundle, config=config, say=print)
    return built, (now_s() - start_s) / len(batches)


def _renew(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
