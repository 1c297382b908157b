"""Proof that a compiled graph says what the eager network says.

Every precision is run by the engine that will run it later, on labelled pictures, and compared
with the eager engine in fp32: labels pixel by pixel, the IoU of every class, and the logits.

Shape letters: N pictures, C classes, H, W height and width.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from export.labelled import LabelledPicture
from export.trace import LogitsGraph
from losszero_rt.bundle import Bundle
from losszero_rt.classmap import ClassMap
from losszero_rt.engine import Engine, EngineOptions, Precision
from losszero_rt.engine.eager_engine import EagerEngine
from losszero_rt.engine.openvino_engine import OpenVinoEngine
from losszero_rt.engine.openvino_facts import capable_precisions
from losszero_rt.errors import ModelError
from losszero_rt.metrics import ScoreKeeper, Scores
from losszero_rt.preprocess import InputSpec

# Runs the compiled graph's twin that ends in logits; see compile_openvino.run_logits.
LogitsRunner = Callable[[Sequence[np.ndarray], Precision], list[np.ndarray]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Verdict:
    """What an engine says about labelled pictures.

    Attributes:
        labels: uint8 (h, w) labels as the engine returned them, one a picture.
        scores: Scores at the size of the masks.
    """

    labels: list[np.ndarray]
    scores: Scores


def judge(
    engine: Engine, pictures: Sequence[LabelledPicture], *, spec: InputSpec, classes: ClassMap
) -> Verdict:
    """Run an engine over pictures and score it, each at the size of its mask."""
    keeper, labels = ScoreKeeper(classes), []
    inputs_NHWC = np.zeros((1, *spec.size, 3), np.uint8)
    for picture in pictures:
        place = spec.fill_pixels(picture.pixels_HWC, inputs_NHWC[0])
        found_HW = engine.submit(inputs_NHWC).result()[0]
        labels.append(found_HW)
        shown = place.crop(found_HW, input_size=spec.size)
        size_wh = picture.labels_HW.shape[1], picture.labels_HW.shape[0]
        sized = cv2.resize(shown, size_wh, interpolation=cv2.INTER_NEAREST)
        keeper.add(sized, truth=picture.labels_HW)
    return Verdict(labels=labels, scores=keeper.scores())


def judge_eager(bundle: Bundle, pictures: Sequence[LabelledPicture]) -> Verdict:
    """Judge the reference: the network in torch, fp32, on the CPU."""
    engine = EagerEngine(bundle, options=EngineOptions(device="cpu", precision="fp32"))
    verdict = judge(engine, pictures, spec=bundle.input_spec, classes=bundle.classmap)
    engine.close()
    return verdict


def prove_openvino(
    bundle: Bundle,
    pictures: Sequence[LabelledPicture],
    *,
    reference: Verdict,
    dataset: str,
) -> dict[str, Any]:
    """Compare the OpenVINO graph in every precision of this CPU with the reference.

    Returns:
        The record for ``parity.json``: ``{"openvino": {...}}``.

    Raises:
        ModelError: If a precision that was asked for is not the one that executes.
    """
    precisions = {}
    for precision in capable_precisions():
        engine = OpenVinoEngine(bundle, options=EngineOptions(precision=precision))
        _check_precision(engine, precision)
        verdict = judge(engine, pictures, spec=bundle.input_spec, classes=bundle.classmap)
        precisions[precision] = compare(verdict, reference=reference)
        device, version = engine.info.device, engine.info.version
        engine.close()
    record = {
        "graph_sha256": bundle.files[bundle.engines["openvino"]["graph"]].sha256,
        "constants_sha256": bundle.files[bundle.engines["openvino"]["constants"]].sha256,
        "reference": "eager fp32",
        "dataset": dataset,
        "n": len(pictures),
        "device": device,
        "version": version,
        "precisions": precisions,
    }
    return {"openvino": record}


def prove_logits(
    graph: LogitsGraph, pictures: Sequence[LabelledPicture], *, run: LogitsRunner
) -> dict[str, float]:
    """Compare the logits of the compiled graph's twin with those of the network.

    Args:
        graph: The network with its normalisation, fp32.
        pictures: Some pictures.
        run: The same network compiled.

    Returns:
        By precision, the root mean square of the difference over that of the logits.
    """
    import torch

    inputs = [graph.spec.new_input() for _ in pictures]
    for picture, pixels_HWC in zip(pictures, inputs, strict=True):
        graph.spec.fill_pixels(picture.pixels_HWC, pixels_HWC)
    with torch.inference_mode():
        truth = [graph(torch.from_numpy(pixels[None])).numpy() for pixels in inputs]
    shares: dict[str, float] = {}
    for precision in capable_precisions():
        found = run(inputs, precision)
        error = np.mean([np.square(a - b).mean() for a, b in zip(found, truth, strict=True)])
        power = np.mean([np.square(logits).mean() for logits in truth])
        shares[precision] = round(float(np.sqrt(error / power)), 8)
    return shares


def compare(verdict: Verdict, *, reference: Verdict) -> dict[str, Any]:
    """Return how far a verdict is from the reference.

    Returns:
        ``label_agreement`` (share of pixels), ``miou_points`` and ``class_points`` (differences
        in hundredths, signed; a class that does not occur is left out).
    """
    same = [np.mean(a == b) for a, b in zip(verdict.labels, reference.labels, strict=True)]
    class_points = 100 * (verdict.scores.class_iou - reference.scores.class_iou)
    names = verdict.scores.classmap.names
    return {
        "label_agreement": round(float(np.mean(same)), 6),
        "miou_points": round(100 * (verdict.scores.miou - reference.scores.miou), 4),
        "class_points": {
            name: round(float(points), 4)
            for name, points in zip(names, class_points, strict=True)
            if np.isfinite(points)
        },
    }


def _check_precision(engine: Engine, precision: Precision) -> None:
    if engine.info.precision != precision:
        raise ModelError(
            f"{precision} was asked for, but {engine.info.precision} executes",
            accepted="a graph whose convolutions all run in the asked precision",
        )
