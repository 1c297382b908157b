"""The graph's tail: bilinear logits and their argmax, written for one CPU thread."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from export.compile_openvino import convert_graph, save_graph, with_labels
from export.trace import LogitsGraph, compiled_graph
from losszero_rt.engine.openvino_facts import import_openvino, openvino_core
from losszero_rt.errors import ModelError
from losszero_rt.network import NetworkSpec, build_network, head_of, upsample_logits
from losszero_rt.preprocess import InputSpec

ov = import_openvino()
op = ov.opset13
LOGITS_SIZE = (6, 10)
NUM_CLASSES = 5


def logits_model() -> Any:
    """A graph that hands its float32 input on as logits."""
    pixels = op.parameter([-1, NUM_CLASSES, *LOGITS_SIZE], np.float32)
    return ov.Model([op.relu(pixels)], [pixels])


def run(model: Any, values: np.ndarray) -> np.ndarray:
    model.reshape(list(values.shape))
    compiled = openvino_core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.array(compiled(values)[0])


def draw_logits(num: int) -> np.ndarray:
    rng = np.random.default_rng(3)
    return rng.random((num, NUM_CLASSES, *LOGITS_SIZE), np.float32)


@pytest.mark.parametrize("factor", [1, 2, 4, 8])
@pytest.mark.parametrize("num", [1, 3])
def test_tail_equals_bilinear_upsampling_and_argmax(factor: int, num: int) -> None:
    size = (LOGITS_SIZE[0] * factor, LOGITS_SIZE[1] * factor)
    logits_NChw = draw_logits(num)
    found = run(with_labels(logits_model(), size=size), logits_NChw)
    fine_NCHW = upsample_logits(torch.from_numpy(logits_NChw), size)
    assert found.dtype == np.uint8
    assert found.shape == (num, *size)
    assert (found == fine_NCHW.argmax(1).numpy()).mean() > 0.998


def test_the_first_of_equal_classes_wins() -> None:
    found = run(with_labels(logits_model(), size=LOGITS_SIZE), np.ones_like(draw_logits(1)))
    assert (found == 0).all()


@pytest.mark.parametrize("size", [(18, 30), (12, 40), (5, 9)])
def test_a_size_that_is_no_known_multiple_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ModelError, match="same factor both ways"):
        with_labels(logits_model(), size=size)


def test_constants_are_halved_only_where_nothing_is_lost(tmp_path: Path) -> None:
    exact = np.full((2, 3), 0.5, np.float32)
    inexact = np.full((2, 3), 0.1, np.float32)
    pixels = op.parameter([2, 3], np.float32)
    sums = op.add(op.multiply(pixels, op.constant(exact)), op.constant(inexact))
    roles = save_graph(ov.Model([sums], [pixels]), tmp_path)
    again = openvino_core().read_model(tmp_path / roles["graph"], tmp_path / roles["constants"])
    constants = [node for node in again.get_ops() if node.get_type_name() == "Constant"]
    assert sorted(n.get_element_type().to_string() for n in constants) == ["f16", "f32"]
    found = openvino_core().compile_model(again, "CPU")(np.ones((2, 3), np.float32))[0]
    np.testing.assert_array_equal(found, exact + inexact)


def test_what_tracing_would_rather_not_see_is_not_told_to_people() -> None:
    """A head of 3x3 pixels: its maps depend on height and width, which are meant to be constant."""
    spec = InputSpec(size=(64, 96), mean=(0.5,) * 3, std=(0.5,) * 3)
    network = build_network(
        NetworkSpec(architecture="unet", encoder="resnet18", decoder_channels=8)
    ).eval()
    assert tuple(head_of(network).kernel_size) == (3, 3)
    graph = compiled_graph(LogitsGraph(network, spec=spec).eval())
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        model = convert_graph(graph, size=spec.size)
    assert len(model.outputs) == 2
    assert [str(one.message) for one in heard] == []
