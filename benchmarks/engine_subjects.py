"""Networks that engines are compared on, each as a bundle with a graph for every engine."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import torch

from benchmarks.gpu_bundles import FAMILIES, copy_bundle, family_bundle
from benchmarks.options import Options
from export.compile_onnx import save_portable
from export.compile_onnx import why_not as why_no_onnx
from export.compile_openvino import convert_graph, save_graph, with_labels
from export.folding import fold_normalisation
from export.int8_graphs import Int8Request, add_int8, why_no_nncf
from export.origin import write_weights
from export.rounding import halve_kernels, ride_values, round_kernels
from export.split_export import save_parts
from export.trace import LogitsGraph
from losszero_rt.bundle import WEIGHTS_NAME, Bundle, seal
from losszero_rt.checkpoint import RECORD_NAME, load_network
from losszero_rt.engine.eager_engine import load_bundle_network
from losszero_rt.errors import ModelError
from losszero_rt.network.mask_rcnn_split import is_split
from losszero_rt.ride import Ride, RideSpec

SHIPPED = "shipped"
NUM_RIDES = 12
QUICK_FAMILIES = ("fpn",)


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A network with what was compiled of it.

    Attributes:
        name: What to call it.
        bundle: Holds weights, and graphs for OpenVINO and ONNX Runtime.
        trained: Whether its scores mean anything.
        absent: Why an engine cannot run it, by what lacks: ``onnx``, ``int8``, or one ``graph`` of
            the whole network.
    """

    name: str
    bundle: Bundle
    trained: bool
    absent: dict[str, str] = field(default_factory=dict)


def subjects(options: Options) -> Iterator[Subject]:
    """Yield the model that ships, then one network of every family, or the checkpoints given."""
    shipped = copy_bundle(options.model, options.work / "engines" / SHIPPED)
    yield fit_out(SHIPPED, shipped, options=options, trained=True)
    if options.checkpoints:
        for record in sorted(options.checkpoints.rglob(RECORD_NAME)):
            name = str(record.parent.relative_to(options.checkpoints))
            bundle = checkpoint_bundle(record.parent, options.work / "engines" / "checkpoint")
            yield fit_out(name, bundle, options=options, trained=True)
        return
    for name in QUICK_FAMILIES if options.quick else FAMILIES:
        bundle = family_bundle(name, options.work / "engines" / "family", like=shipped)
        yield fit_out(name, bundle, options=options, trained=False)


def checkpoint_bundle(checkpoint: Path, folder: Path) -> Bundle:
    """Write the weights of a checkpoint as a bundle, folded and rounded as the export does."""
    network, record = load_network(checkpoint)
    fold_normalisation(network, size=record.input.size)
    if is_split(record.network):
        halve_kernels(network)
    else:
        round_kernels(network, values_NCHW=ride_values(record.input))
    bundle = copy_bundle("night-ride", folder)
    write_weights(network, folder / WEIGHTS_NAME)
    return seal(
        replace(
            bundle,
            name=checkpoint.name,
            network_spec=record.network,
            input_spec=record.input,
            labels_size=record.input.size,
            classmap=record.classes,
            source_sha256=record.weights_sha256,
        )
    )


def fit_out(name: str, bundle: Bundle, *, options: Options, trained: bool) -> Subject:
    """Compile everything that can be compiled of a network."""
    if is_split(bundle.network_spec):
        return fit_out_parts(name, bundle, trained=trained)
    size, absent = bundle.input_spec.size, {}
    graph = LogitsGraph(load_bundle_network(bundle), spec=bundle.input_spec).eval()
    with torch.inference_mode(False), torch.no_grad():
        model = convert_graph(graph, size=size)
    engines = {"openvino": save_graph(with_labels(model, size=size), bundle.path)}
    if why := why_no_onnx():
        absent["onnx"] = why
    else:
        try:
            engines["onnx"] = save_portable(graph, bundle)
        except ModelError as error:
            absent["onnx"] = str(error)
    bundle = seal(replace(bundle, engines=engines))
    if why := why_no_nncf():
        absent["int8"] = why
        return Subject(name=name, bundle=bundle, trained=trained, absent=absent)
    said: list[str] = []
    request = int8_request(options, bundle=bundle, trained=trained)
    bundle = add_int8(bundle, request, insist=False, say=said.append)
    if "int8_graph" not in bundle.engines["openvino"]:
        absent["int8"] = said[-1]
    return Subject(name=name, bundle=bundle, trained=trained, absent=absent)


def fit_out_parts(name: str, bundle: Bundle, *, trained: bool) -> Subject:
    """Compile the parts of a network that finds objects."""
    with torch.inference_mode(False), torch.no_grad():
        roles = save_parts(load_bundle_network(bundle), bundle)
    why = "compiled in parts: between them stand as many boxes as a picture has"
    return Subject(
        name=name,
        bundle=seal(replace(bundle, engines={"openvino": roles})),
        trained=trained,
        absent=dict.fromkeys(("onnx", "int8", "graph"), why),
    )


def int8_request(options: Options, *, bundle: Bundle, trained: bool) -> Int8Request:
    """Return what int8 ranges are measured on: real pictures where there are some, else drawn."""
    real = options.data / "night_ride" if options.data else None
    if options.quick or not trained or real is None or not real.is_dir():
        rides = draw_rides(options.work / "engines" / "rides", like=bundle)
        return Int8Request(calibration=str(rides), as_it_comes=not trained or options.quick)
    folder = str(real)
    return Int8Request(calibration=folder, calibration_split="train", labelled=folder, split="val")


def draw_rides(folder: Path, *, like: Bundle) -> Path:
    """Write drawn rides with their masks, once."""
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for seed in range(NUM_RIDES):
        image = folder / "images" / f"{seed}.png"
        if not image.exists():
            drawn = Ride(RideSpec(size=like.input_spec.size, seed=seed)).render(30 + 11 * seed)
            cv2.imwrite(str(folder / "masks" / image.name), drawn.labels_HW)
            cv2.imwrite(str(image), drawn.pixels_HWC[..., ::-1])
    return folder
