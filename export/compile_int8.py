"""A second OpenVINO graph whose layers run in int8, by NNCF: optional, and proved like others.

Ranges are measured on labelled pictures that the scores are not measured on. Should the labels
then move beyond the gate's tolerance, on these pictures or on those of the gate, the layers that
suffer most stay floats: 1, 2, 4... of them, until what is left is within tolerance.

Runs in a process of its own: NNCF brings libraries that share no process with others gladly.

Source: NNCF 3.4 (``nncf.quantize``), post-training quantisation. Biases are corrected one layer
after the other, each on what the quantised layers before it hand on: that takes longer than the
fast way, and on the model that ships it moves the mean IoU a third as far with all layers in int8.

Shape letters: N pictures, H, W height and width of the input, h, w of the labels.
"""

import contextlib
import io
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from export.calibration import read_calibration
from export.child import serve
from export.compile_openvino import cut_at_logits, save_graph, with_labels
from export.int8_graphs import INSTALL, STEM, Int8Request
from export.int8_ranking import normalising_nodes, quantised_layers, rank_layers
from export.labelled import LabelledPicture, read_labelled
from export.parity import LabelsOf, Verdict, compare, judge_labels
from export.probes import draw_inputs
from export.provenance import digest_of
from losszero_rt.bundle import Bundle
from losszero_rt.bundle.parity_rules import NIGHT_AGREEMENT_MIN, points_faults
from losszero_rt.engine.openvino_facts import (
    HINTS,
    capable_precisions,
    import_openvino,
    openvino_core,
    without_modules,
)
from losszero_rt.errors import ModelError

# Layers that stay floats, one try after the other.
NUM_LEFT_OUT = (0, 1, 2, 4, 8, 16)
# Ranges settle early, and ranking is a matter of order: more pictures only take longer.
NUM_CALIBRATED_MAX, NUM_RANKED = 300, 4


class Yardstick:
    """What the labels of an int8 graph are measured by: those of the graph of floats in fp32.

    Args:
        floats: Graph that ends in logits and takes one picture a call.
        bundle: Whose graph it is.
        sets: Labelled pictures by name; each set is judged by itself.
    """

    def __init__(
        self, floats: Any, bundle: Bundle, *, sets: Mapping[str, Sequence[LabelledPicture]]
    ) -> None:
        self._bundle, self._sets = bundle, sets
        self._rides_NHWC = draw_inputs(bundle.input_spec)
        find = labels_in(floats, bundle, hint="f32")
        self._truth = {name: self._judge(find, some) for name, some in sets.items()}
        self._nights = [find(pixels_HWC[None]) for pixels_HWC in self._rides_NHWC]

    def faults(self, quantised: Any) -> tuple[dict[str, float], list[str]]:
        """Return the points that the mean IoU moves by set, and what is out of tolerance."""
        find = labels_in(quantised, self._bundle, hint=HINTS[capable_precisions()[0]])
        points, faults = {}, []
        for name, pictures in self._sets.items():
            found = compare(self._judge(find, pictures), reference=self._truth[name])
            points[name] = found["miou_points"]
            faults += [f"{fault} on the {name} pictures" for fault in points_faults(found)]
        pairs = zip(self._rides_NHWC, self._nights, strict=True)
        night = float(np.mean([np.mean(find(ride[None]) == truth) for ride, truth in pairs]))
        if night < NIGHT_AGREEMENT_MIN["int8"]:
            faults.append(f"keeps {night:.2%} of the labels of drawn night frames")
        return points, faults

    def _judge(self, find: LabelsOf, pictures: Sequence[LabelledPicture]) -> Verdict:
        bundle = self._bundle
        return judge_labels(find, pictures, spec=bundle.input_spec, classes=bundle.classmap)


def quantise(bundle: Bundle, request: Int8Request) -> dict[str, Any]:
    """Write an int8 graph beside the one of floats.

    Args:
        bundle: Sealed; two files are added to its folder.
        request: What to measure and judge on.

    Returns:
        How it was made: ``calibration`` pictures of ``calibration_set`` with the digest of their
        list, pictures ``calibration_scored`` that were left out of it, number of ``layers``, those
        ``left_out``, and ``miou_points`` that the mean IoU moved on each set of pictures.

    Raises:
        ModelError: If none is within tolerance.
        LossZeroError: If the pictures cannot be read, or all of them are scored.
    """
    labelled = Path(request.labelled)
    scored = read_labelled(labelled, split=request.split) if request.labelled else []
    calibration = read_calibration(
        Path(request.calibration), split=request.calibration_split, scored=scored
    )
    sets = {"calibration": calibration.pictures} | ({"labelled": scored} if scored else {})
    # Spread over the set: neighbours by name are often of one ride.
    step = -(-len(calibration.pictures) // NUM_CALIBRATED_MAX)
    measured = calibration.pictures[::step]
    inputs = [_input_of(bundle, picture) for picture in measured]
    floats = cut_at_logits(bundle, cams=True)
    floats.reshape([1, *bundle.input_spec.size, 3])
    yardstick = Yardstick(floats, bundle, sets=sets)
    ranked: list[str] = []
    faults: list[str] = []
    for num_left_out in NUM_LEFT_OUT:
        left_out = ranked[:num_left_out]
        quantised = run_nncf(floats, inputs, left_out=left_out)
        points, faults = yardstick.faults(quantised)
        if not faults or request.as_it_comes:
            num_layers = len(quantised_layers(quantised)) + len(left_out)
            save_int8(quantised, bundle)
            return {
                "tool": f"nncf {import_nncf().__version__}",
                "calibration": len(inputs),
                "calibration_set": calibration.name,
                "calibration_sha256": digest_of(measured),
                "calibration_scored": calibration.num_scored,
                "layers": num_layers,
                "left_out": left_out,
                "miou_points": points,
            }
        if not ranked:
            some = inputs[:: max(1, len(inputs) // NUM_RANKED)][:NUM_RANKED]
            ranked = [name for name, _ in rank_layers(floats, quantised, inputs=some)]
    raise ModelError(
        f"no int8 graph is equal enough: with {NUM_LEFT_OUT[-1]} layers left as floats one still "
        f"{'; '.join(faults)}",
        accepted="a graph within the tolerance of the parity gate",
        remedy="--precision fp32 leaves int8 away",
    )


def run_nncf(floats: Any, inputs: Sequence[np.ndarray], *, left_out: Sequence[str]) -> Any:
    """Quantise a graph of floats.

    Args:
        floats: Graph that takes one picture a call.
        inputs: uint8 (H, W, 3) each, what its ranges are measured on.
        left_out: Names of layers that stay floats, as what normalises the input always does.

    Returns:
        The quantised graph, its layers of the same names.
    """
    nncf = import_nncf()
    attentive = any(node.get_type_name() == "Softmax" for node in floats.get_ops())
    plain = nncf.AdvancedSmoothQuantParameters(convolution=-1, matmul=-1)
    kept = [*left_out, *normalising_nodes(floats)]
    # It draws bars on standard output, which is where a child answers.
    with contextlib.redirect_stdout(io.StringIO()):
        return nncf.quantize(
            floats,
            nncf.Dataset([pixels_HWC[None] for pixels_HWC in inputs]),
            preset=nncf.QuantizationPreset.PERFORMANCE,
            target_device=nncf.TargetDevice.CPU,
            subset_size=len(inputs),
            fast_bias_correction=False,
            model_type=nncf.ModelType.TRANSFORMER if attentive else None,
            ignored_scope=nncf.IgnoredScope(names=kept) if kept else None,
            advanced_parameters=nncf.AdvancedQuantizationParameters(
                # Kernels stay those of the network, so that one layer can be compared alone.
                smooth_quant_alphas=plain,
            ),
        )


def import_nncf() -> ModuleType:
    """Import NNCF without its telemetry, and quietly.

    Raises:
        ModelError: If it is not installed.
    """
    import_openvino()
    try:
        with without_modules("openvino_telemetry", "openvino.tools.ovc"):
            import nncf
    except ImportError as error:
        raise ModelError(f"int8 graphs need nncf ({error})", remedy=INSTALL) from error
    nncf.set_log_level(logging.ERROR)
    module: ModuleType = nncf
    return module


def save_int8(quantised: Any, bundle: Bundle) -> None:
    """Write a quantised graph, ending in labels and for any number of pictures."""
    labelled = with_labels(quantised, size=bundle.labels_size)
    labelled.reshape([-1, *bundle.input_spec.size, 3])
    save_graph(labelled, bundle.path, stem=STEM)


def labels_in(model: Any, bundle: Bundle, *, hint: str) -> LabelsOf:
    """Compile a graph that ends in logits as one of labels, for one picture a call.

    Args:
        model: Stays as it is.
        bundle: Whose graph it is.
        hint: OpenVINO's word for the arithmetic of floats.
    """
    labelled = with_labels(model.clone(), size=bundle.labels_size)
    settings = {"INFERENCE_PRECISION_HINT": hint}
    compiled = openvino_core().compile_model(labelled, "CPU", settings)
    request = compiled.create_infer_request()
    return lambda inputs_1HWC: request.infer([inputs_1HWC])[0].copy()


def _input_of(bundle: Bundle, picture: LabelledPicture) -> np.ndarray:
    input_HWC = bundle.input_spec.new_input()
    bundle.input_spec.fill_pixels(picture.pixels_HWC, input_HWC)
    return input_HWC


if __name__ == "__main__":
    serve(lambda words: quantise(Bundle.open(Path(words.pop("bundle"))), Int8Request(**words)))
