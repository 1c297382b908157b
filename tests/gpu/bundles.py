"""Bundles for the tests on a GPU."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.gpu_bundles import copy_bundle
from benchmarks.options import find_data
from export.config import ExportConfig
from export.engine_request import TensorRtPrecision
from export.origin import write_weights
from export.tensorrt_engines import add_engines
from losszero_rt.bundle import WEIGHTS_NAME, Bundle, find_bundle, seal
from losszero_rt.classmap import ClassMap
from losszero_rt.network import build_network
from losszero_rt.ride import Ride, RideSpec
from tests.export.trt_plan.cases import FAMILIES
from tests.needing import need

DEMAND = "LOSSZERO_REQUIRE_GPU"


def night_ride() -> Path:
    """Return the folder of real labelled pictures; without one, whoever needs it cannot run."""
    data = find_data()
    need("" if data else "no labelled pictures: set LOSSZERO_DATA", demanded_by=DEMAND)
    assert data is not None
    return data / "night_ride"


def write_shipped(folder: Path) -> Bundle:
    """Copy the weights of the model that ships, and nothing that was compiled."""
    return copy_bundle("night-ride", folder)


def write_family(folder: Path, *, name: str) -> Bundle:
    """Write a bundle of one family with random weights, the same in every process."""
    spec, inputs = FAMILIES[name].network, FAMILIES[name].input
    torch.manual_seed(1)
    folder.mkdir()
    write_weights(build_network(spec).eval(), folder / WEIGHTS_NAME)
    shipped = find_bundle("night-ride")
    return seal(
        replace(
            shipped,
            path=folder,
            name=name,
            network_spec=spec,
            input_spec=inputs,
            labels_size=inputs.size,
            classmap=_classes(shipped.classmap, spec.num_classes),
            engines={},
            parity={},
            scores={},
            cams_size=None,
        )
    )


def _classes(classmap: ClassMap, num_classes: int) -> ClassMap:
    assert classmap.num_classes == num_classes, "families are built for the usual classes"
    return classmap


def with_engines(
    bundle: Bundle,
    *,
    batches: tuple[int, ...] = (1,),
    precision: TensorRtPrecision = "fp16",
) -> Bundle:
    """Build engines as the export does."""
    nowhere: dict[str, Any] = {"model": bundle.path, "out": bundle.path}
    config = ExportConfig(**nowhere, engine="tensorrt", precision=precision, batches=batches)
    return add_engines(bundle, config=config, say=print)


def ride_inputs(bundle: Bundle, *, num: int, seed: int = 3) -> np.ndarray:
    """Draw consecutive frames of one night ride as network inputs, uint8 (num, H, W, 3)."""
    spec = bundle.input_spec
    inputs_NHWC = np.zeros((num, *spec.size, 3), np.uint8)
    ride = Ride(RideSpec(size=(spec.size[0] * 5 // 4, spec.size[1] * 5 // 4), seed=seed))
    for index, pixels_HWC in enumerate(inputs_NHWC):
        spec.fill_pixels(ride.render(index).pixels_HWC, pixels_HWC)
    return inputs_NHWC


def noisy_inputs(bundle: Bundle, *, num: int) -> np.ndarray:
    """Draw inputs that differ in every pixel, uint8 (num, H, W, 3)."""
    rng = np.random.default_rng(5)
    return rng.integers(0, 256, (num, *bundle.input_spec.size, 3), np.uint8)
