"""The gate: what is wrong with a compiled graph, whatever it is, must not pass.

Every case damages the graph that an export wrote, as a wrong converter would have, and asks the
proof about the files: nothing is left to say except by what comes out of them.
"""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.gate import GateRequest, Truth, difference, read_truth
from export.openvino_parity import prove_against
from losszero_rt.bundle import PARITY_NAME, Bundle, seal
from losszero_rt.engine.openvino_facts import import_openvino, openvino_core
from losszero_rt.engine.openvino_graphs import read_graph
from losszero_rt.errors import ModelError

pytestmark = pytest.mark.slow

ov = import_openvino()
op = ov.opset13


def copy_of(bundle: Bundle, folder: Path) -> Bundle:
    """The bundle without its proof, in a folder of its own."""
    folder.mkdir()
    for name in set(bundle.files) - {PARITY_NAME}:
        (folder / name).write_bytes(bundle.read(name))
    return seal(replace(bundle, path=folder, parity={}))


def graph_of(bundle: Bundle) -> Any:
    return read_graph(openvino_core(), bundle)


def save(bundle: Bundle, graph: Any) -> Bundle:
    ov.save_model(graph, bundle.path / "model.xml", compress_to_fp16=False)
    return seal(bundle)


@pytest.fixture(scope="module")
def truth(bundle: Bundle, pairs: Path) -> Truth:
    """What the network says; no damage below touches its weights."""
    return read_truth(GateRequest(bundle=str(bundle.path), labelled=str(pairs)))


def verdict_on(bundle: Bundle, truth: Truth) -> str:
    """Prove a bundle, write the record, and return what a reader finds wrong with it."""
    record = prove_against(bundle, truth=truth)
    (bundle.path / PARITY_NAME).write_text(json.dumps({"openvino": record}, allow_nan=False))
    return seal(bundle).parity_fault("openvino")


def kernels_of(graph: Any) -> list[Any]:
    """Constants of four dimensions in the order of the graph, the first convolution's first."""
    constants = [n for n in graph.get_ordered_ops() if n.get_type_name() == "Constant"]
    return [node for node in constants if len(node.get_output_shape(0)) == 4]


def exchange(node: Any, values: np.ndarray) -> None:
    """Put a constant of the same type in the place of another."""
    other = op.constant(values.astype(node.get_data().dtype))
    for user in node.output(0).get_target_inputs():
        user.replace_source_output(other.output(0))


def with_other_kernels(graph: Any, change: Callable[[np.ndarray], np.ndarray]) -> None:
    for node in kernels_of(graph):
        if node.get_data().size > 64:
            exchange(node, change(node.get_data().astype(np.float32)))


def corrupt_one_weight(graph: Any) -> None:
    first = next(node for node in kernels_of(graph) if node.get_data().size > 64)
    values = first.get_data().astype(np.float32)
    # The highest bit of the exponent that is not set, as a flipped bit of fp16 would have it.
    values.flat[np.abs(values).argmax()] *= 256
    exchange(first, values)


def permute_channels(graph: Any) -> None:
    pixels = graph.get_parameters()[0]
    users = pixels.output(0).get_target_inputs()
    backwards = op.gather(pixels, np.array([2, 1, 0]), np.int64(3))
    for user in users:
        user.replace_source_output(backwards.output(0))


def drop_normalisation(graph: Any) -> None:
    """Let raw levels reach the first convolution: no mean subtracted, no deviation divided out."""
    first = next(n for n in graph.get_ordered_ops() if n.get_type_name() == "Convolution")
    levels = op.convert(graph.get_parameters()[0], "f32")
    raw = op.transpose(levels, np.array([0, 3, 1, 2], np.int64))
    first.input(0).replace_source_output(raw.output(0))


def labels_changed(graph: Any, change: Callable[[Any], Any]) -> None:
    result = graph.get_results()[0]
    labels = result.input_value(0)
    result.input(0).replace_source_output(change(labels).output(0))


def swap_two_classes(graph: Any) -> None:
    labels_changed(graph, lambda labels: op.subtract(op.constant(np.uint8(1)), labels))


def freeze(graph: Any) -> None:
    """Hand out the labels of one picture for ever: right for it, and for no other."""
    labels_changed(graph, lambda labels: op.multiply(labels, op.constant(np.uint8(0))))


def make_nan(graph: Any) -> None:
    node = next(n for n in graph.get_ordered_ops() if n.get_friendly_name() == "logits")
    users = node.output(0).get_target_inputs()
    node.set_friendly_name("before")
    spoiled = op.add(node, op.constant(np.float32(np.nan)))
    spoiled.set_friendly_name("logits")
    for user in users:
        user.replace_source_output(spoiled.output(0))


def overflow_on_white(graph: Any) -> None:
    """Add what is infinite for the one brightness that no labelled picture has."""
    pixels = graph.get_parameters()[0]
    lowest = op.convert(op.reduce_min(pixels, np.array([1, 2, 3]), True), "f32")
    steep = op.exp(op.multiply(op.subtract(lowest, np.float32(250)), np.float32(100)))
    node = next(n for n in graph.get_ordered_ops() if n.get_friendly_name() == "logits")
    users = node.output(0).get_target_inputs()
    node.set_friendly_name("before")
    spoiled = op.add(node, op.multiply(steep, np.float32(1e-6)))
    spoiled.set_friendly_name("logits")
    for user in users:
        user.replace_source_output(spoiled.output(0))


def quantise_badly(graph: Any) -> None:
    """Round all kernels to three levels of one scale, outliers and all."""

    def rounded(values: np.ndarray) -> np.ndarray:
        scale = float(np.abs(values).max())
        levels: np.ndarray = np.round(values / scale) * scale
        return levels

    with_other_kernels(graph, rounded)


def mix_frames(graph: Any) -> None:
    """Give every frame of a batch the labels of the first."""
    labels_changed(
        graph,
        lambda labels: op.broadcast(
            op.slice(labels, np.array([0]), np.array([1]), np.array([1]), np.array([0])),
            op.shape_of(labels),
        ),
    )


DAMAGES: dict[str, tuple[Callable[[Any], None], str]] = {
    "one weight corrupted": (corrupt_one_weight, "moves the logits"),
    "channels permuted": (permute_channels, "moves the logits"),
    "normalisation dropped": (drop_normalisation, "moves the logits"),
    "two classes swapped": (swap_two_classes, "moves the mean IoU"),
    "quantised badly": (quantise_badly, "moves the logits"),
    "frozen": (freeze, "it is frozen"),
    "NaN": (make_nan, "not finite on black, white"),
    "overflow on white alone": (overflow_on_white, "not finite on white$"),
    "frames of a batch mixed": (mix_frames, "of a frame's labels in a batch"),
}


def test_the_graph_as_it_was_exported_passes(bundle: Bundle, truth: Truth, tmp_path: Path) -> None:
    good = copy_of(bundle, tmp_path / "good")
    assert not good.is_verified
    assert verdict_on(save(good, graph_of(good)), truth) == ""
    assert Bundle.open(good.path).faults == ("weights: no parity record for these weights",)


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_caught(bundle: Bundle, truth: Truth, tmp_path: Path, damage: str) -> None:
    harm, words = DAMAGES[damage]
    damaged = copy_of(bundle, tmp_path / "damaged")
    graph = graph_of(damaged)
    harm(graph)
    graph.validate_nodes_and_infer_types()
    fault = verdict_on(save(damaged, graph), truth)
    assert re.search(words, fault), fault


def test_a_graph_without_named_logits_cannot_be_proved(
    bundle: Bundle, truth: Truth, tmp_path: Path
) -> None:
    old = copy_of(bundle, tmp_path / "old")
    graph = graph_of(old)
    next(n for n in graph.get_ordered_ops() if n.get_friendly_name() == "logits").set_friendly_name(
        "some"
    )
    with pytest.raises(ModelError, match="no node named logits"):
        verdict_on(save(old, graph), truth)


def test_a_network_of_nothing_but_zeros_has_a_record_all_the_same(bundle: Bundle) -> None:
    zeros = np.zeros((1, 2, 16, 24), np.float32)
    probes_NHWC = np.zeros((1, *bundle.input_spec.size, 3), np.uint8)
    truth = Truth(
        bundle=bundle,
        pictures=(),
        verdict=None,
        probes_NHWC=probes_NHWC,
        labels=[],
        inputs=[*probes_NHWC],
        logits=[zeros],
    )
    same, other = difference([zeros], truth=truth), difference([zeros + 1e4], truth=truth)
    assert same["share"] == 0
    assert other["share"] > 1e6
    json.dumps([same, other], allow_nan=False)
