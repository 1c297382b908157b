"""Proof that a compiled graph's class activation maps are those of the network.

Shape letters: N pictures, h, w height and width of the maps.
"""

from collections.abc import Iterable, Sequence
from itertools import starmap

import numpy as np

from export.labelled import LabelledPicture
from losszero_rt.bundle import Bundle
from losszero_rt.engine import Engine, EngineOptions
from losszero_rt.engine.eager_engine import EagerEngine
from losszero_rt.engine.openvino_engine import OpenVinoEngine
from losszero_rt.engine.openvino_graphs import offered_precisions
from losszero_rt.errors import ModelError
from losszero_rt.preprocess import InputSpec

# Of a class over all pictures; in bf16 the maps of a trained network reach 0.999.
CORRELATION_MIN = 0.99


def prove_cams(bundle: Bundle, pictures: Sequence[LabelledPicture]) -> dict[str, float]:
    """Compare the maps of every class, in every precision of this CPU, with the eager network's.

    Args:
        bundle: Its OpenVINO graph gives maps.
        pictures: Some pictures.

    Returns:
        By precision, the lowest correlation of a class over all pictures.

    Raises:
        ModelError: If it is below ``CORRELATION_MIN``.
    """
    inputs = inputs_of(pictures, spec=bundle.input_spec)
    truth = true_maps(bundle, inputs)
    lowest: dict[str, float] = {}
    for precision in offered_precisions(bundle):
        engine = OpenVinoEngine(bundle, options=EngineOptions(precision=precision, streams=1))
        lowest[precision] = lowest_correlation(engine, inputs, truth=truth)
        engine.close()
    return lowest


def inputs_of(pictures: Sequence[LabelledPicture], *, spec: InputSpec) -> list[np.ndarray]:
    """Return pictures as network inputs, uint8 (H, W, 3) each."""
    inputs = [spec.new_input() for _ in pictures]
    for picture, pixels_HWC in zip(pictures, inputs, strict=True):
        spec.fill_pixels(picture.pixels_HWC, pixels_HWC)
    return inputs


def true_maps(bundle: Bundle, inputs: Iterable[np.ndarray]) -> list[np.ndarray]:
    """Return the maps of the eager network in fp32, float32 (N, h, w), one array a class."""
    reference = EagerEngine(bundle, options=EngineOptions(device="cpu", precision="fp32"))
    truth = maps_of(reference, inputs, num_classes=bundle.classmap.num_classes)
    reference.close()
    return truth


def lowest_correlation(
    engine: Engine, inputs: Iterable[np.ndarray], *, truth: list[np.ndarray]
) -> float:
    """Compare the maps of an engine with those of the network, class by class.

    Args:
        engine: Gives maps; watches the last class afterwards.
        inputs: uint8 (H, W, 3) pictures.
        truth: What :func:`true_maps` returns of them.

    Returns:
        The lowest correlation of a class over all pictures.

    Raises:
        ModelError: If it is below ``CORRELATION_MIN``, or a map holds what is no number.
    """
    found = maps_of(engine, inputs, num_classes=len(truth))
    # Of several, one that is no number is the lowest.
    lowest = round(float(np.min(list(starmap(correlation, zip(found, truth, strict=True))))), 6)
    if not lowest >= CORRELATION_MIN:
        raise ModelError(
            f"class activation maps in {engine.info.precision} correlate with the network's by "
            f"{lowest}",
            accepted=f"{CORRELATION_MIN} or more for every class",
        )
    return lowest


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Return the correlation of two maps; 1 if neither holds anything but one value."""
    deviations = first.std(), second.std()
    if max(deviations) == 0:
        return 1.0
    if min(deviations) == 0:
        return 0.0
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


def maps_of(engine: Engine, inputs: Iterable[np.ndarray], *, num_classes: int) -> list[np.ndarray]:
    """Return the maps of all pictures, float32 (N, h, w), one array a class."""
    maps = []
    for class_id in range(num_classes):
        engine.watch(class_id)
        maps.append(np.concatenate([_maps_of_one(engine, pixels_HWC) for pixels_HWC in inputs]))
    return maps


def _maps_of_one(engine: Engine, pixels_HWC: np.ndarray) -> np.ndarray:
    ticket = engine.submit(pixels_HWC[None])
    ticket.result()
    assert ticket.extras.cams_NHW is not None, "a class is watched"
    return ticket.extras.cams_NHW
