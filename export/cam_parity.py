"""Proof that a compiled graph's class activation maps are those of the network.

Shape letters: N pictures, h, w height and width of the maps.
"""

from collections.abc import Sequence
from itertools import starmap

import numpy as np

from export.labelled import LabelledPicture
from losszero_rt.bundle import Bundle
from losszero_rt.engine import Engine, EngineOptions
from losszero_rt.engine.eager_engine import EagerEngine
from losszero_rt.engine.openvino_engine import OpenVinoEngine
from losszero_rt.engine.openvino_facts import capable_precisions
from losszero_rt.errors import ModelError

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
    reference = EagerEngine(bundle, options=EngineOptions(device="cpu", precision="fp32"))
    truth = _maps(reference, bundle, pictures)
    reference.close()
    lowest: dict[str, float] = {}
    for precision in capable_precisions():
        engine = OpenVinoEngine(bundle, options=EngineOptions(precision=precision))
        pairs = zip(_maps(engine, bundle, pictures), truth, strict=True)
        engine.close()
        lowest[precision] = round(min(starmap(correlation, pairs)), 6)
        if not lowest[precision] >= CORRELATION_MIN:
            raise ModelError(
                f"class activation maps in {precision} correlate with the network's by "
                f"{lowest[precision]}",
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


def _maps(engine: Engine, bundle: Bundle, pictures: Sequence[LabelledPicture]) -> list[np.ndarray]:
    """Return the maps of all pictures, float32 (N, h, w), one array a class."""
    inputs = [bundle.input_spec.new_input() for _ in pictures]
    for picture, pixels_HWC in zip(pictures, inputs, strict=True):
        bundle.input_spec.fill_pixels(picture.pixels_HWC, pixels_HWC)
    maps = []
    for class_id in range(bundle.classmap.num_classes):
        engine.watch(class_id)
        maps.append(np.concatenate([_maps_of_one(engine, pixels_HWC) for pixels_HWC in inputs]))
    return maps


def _maps_of_one(engine: Engine, pixels_HWC: np.ndarray) -> np.ndarray:
    ticket = engine.submit(pixels_HWC[None])
    ticket.result()
    assert ticket.extras.cams_NHW is not None, "a class is watched"
    return ticket.extras.cams_NHW
