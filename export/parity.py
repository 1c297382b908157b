"""What an engine says about labelled pictures, and how far that is from what the network says.

Shape letters: n frames, H, W height and width of the input, h, w of the labels.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from export.labelled import LabelledPicture
from losszero_rt.classmap import ClassMap
from losszero_rt.engine import Engine, EngineOptions, Model
from losszero_rt.engine.eager_engine import EagerEngine
from losszero_rt.metrics import ScoreKeeper, Scores
from losszero_rt.preprocess import InputSpec

# From uint8 inputs (n, H, W, 3) to their uint8 labels (n, h, w).
LabelsOf = Callable[[np.ndarray], np.ndarray]


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
    return judge_labels(labels_of(engine), pictures, spec=spec, classes=classes)


def labels_of(engine: Engine) -> LabelsOf:
    """Return an engine as a function from inputs to labels."""
    return lambda inputs_nHWC: engine.submit(inputs_nHWC).result()


def judge_labels(
    find: LabelsOf, pictures: Sequence[LabelledPicture], *, spec: InputSpec, classes: ClassMap
) -> Verdict:
    """Find the labels of pictures and score them, each at the size of its mask."""
    keeper, labels = ScoreKeeper(classes), []
    inputs_NHWC = np.zeros((1, *spec.size, 3), np.uint8)
    for picture in pictures:
        place = spec.fill_pixels(picture.pixels_HWC, inputs_NHWC[0])
        found_HW = find(inputs_NHWC)[0]
        labels.append(found_HW)
        shown = place.crop(found_HW, input_size=spec.size)
        size_wh = picture.labels_HW.shape[1], picture.labels_HW.shape[0]
        sized = cv2.resize(shown, size_wh, interpolation=cv2.INTER_NEAREST)
        keeper.add(sized, truth=picture.labels_HW)
    return Verdict(labels=labels, scores=keeper.scores())


def judge_eager(model: Model, pictures: Sequence[LabelledPicture]) -> Verdict:
    """Judge the reference: the network in torch, fp32, on the CPU."""
    engine = EagerEngine(model, options=EngineOptions(device="cpu", precision="fp32"))
    verdict = judge(engine, pictures, spec=model.input_spec, classes=model.classmap)
    engine.close()
    return verdict


def compare(verdict: Verdict, *, reference: Verdict) -> dict[str, Any]:
    """Return how far a verdict is from the reference.

    Returns:
        ``miou`` and ``miou_ci95`` of the verdict itself, ``label_agreement`` (share of pixels),
        ``miou_points``, ``class_points`` and ``rate_points`` (differences in hundredths, signed; a
        class that does not occur, and a safety rate that cannot be told, is left out).
    """
    same = [np.mean(a == b) for a, b in zip(verdict.labels, reference.labels, strict=True)]
    class_points = 100 * (verdict.scores.class_iou - reference.scores.class_iou)
    names = verdict.scores.classmap.names
    own = verdict.scores.as_dict()
    return {
        **{name: own[name] for name in ("miou", "miou_ci95")},
        "label_agreement": round(float(np.mean(same)), 6),
        "miou_points": round(100 * (verdict.scores.miou - reference.scores.miou), 4),
        "class_points": {
            name: round(float(points), 4)
            for name, points in zip(names, class_points, strict=True)
            if np.isfinite(points)
        },
        "rate_points": _rate_points(verdict.scores.rates(), reference.scores.rates()),
    }


def _rate_points(
    found: Mapping[str, float | None], reference: Mapping[str, float | None]
) -> dict[str, float]:
    points = {}
    for name, share in found.items():
        truth = reference[name]
        if share is not None and truth is not None:
            points[name] = round(100 * (share - truth), 4)
    return points
