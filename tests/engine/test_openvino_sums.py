"""Logits that are no numbers make labels that look like any: their sums tell, beside the labels."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from losszero_rt.bundle import PARITY_NAME, Bundle, find_bundle, seal
from losszero_rt.engine import EngineOptions
from losszero_rt.engine.openvino_engine import OpenVinoEngine
from losszero_rt.engine.openvino_facts import (
    HINTS,
    capable_precisions,
    import_openvino,
    openvino_core,
)
from losszero_rt.engine.openvino_graphs import offered_precisions, read_graph
from losszero_rt.engine.openvino_sums import LOGITS, SUMS, add_sums
from losszero_rt.engine.overflowing import FrameOverflowError
from losszero_rt.engine.protocol import Precision
from losszero_rt.errors import ModelError
from losszero_rt.ride import Ride, RideSpec
from tests.bundles import SIZE, draw_inputs
from tests.cli.glowing import write_bundle

ov = import_openvino()
op = ov.opset13
SHARE_MAX = 0.01
NUM_PROFILED = 15


def spoiled(bundle: Bundle, folder: Path, harm: Callable[[Any, Any], Any]) -> Bundle:
    """The bundle with something added to its logits, in a folder of its own."""
    folder.mkdir()
    for name in set(bundle.files) - {PARITY_NAME}:
        (folder / name).write_bytes(bundle.read(name))
    graph = read_graph(openvino_core(), bundle)
    node = logits_of(graph)
    users = node.output(0).get_target_inputs()
    node.set_friendly_name("before")
    worse = op.add(node, harm(graph, node))
    worse.set_friendly_name(LOGITS)
    for user in users:
        user.replace_source_output(worse.output(0))
    ov.save_model(graph, folder / "model.xml", compress_to_fp16=False)
    return seal(replace(bundle, path=folder, parity={}))


def logits_of(graph: Any) -> Any:
    return next(n for n in graph.get_ordered_ops() if n.get_friendly_name() == LOGITS)


def nan_in_one_place(_: Any, node: Any) -> Any:
    num_classes, height, width = (
        node.get_output_partial_shape(0)[axis].get_length() for axis in (1, 2, 3)
    )
    values = np.zeros((1, num_classes, height, width), np.float32)
    values[0, -1, height // 2, width // 2] = np.nan
    return op.constant(values)


def infinite_on_black(graph: Any, _: Any) -> Any:
    """What is infinite for a picture that is black all over; of others every logit gets as much."""
    levels = graph.get_parameters()[0]
    highest = op.convert(op.reduce_max(levels, np.array([1, 2, 3]), True), "f32")
    return op.divide(op.constant(np.float32(1)), highest)


def opened(bundle: Bundle, **options: Any) -> OpenVinoEngine:
    return OpenVinoEngine(bundle, options=EngineOptions(threads=1, streams=1, **options))


@pytest.mark.parametrize("precision", capable_precisions())
@pytest.mark.parametrize("cams", [True, False])
def test_a_single_logit_that_is_no_number_is_noticed(
    bundle: Bundle, tmp_path: Path, precision: Precision, cams: bool
) -> None:
    engine = opened(
        spoiled(bundle, tmp_path / "b", nan_in_one_place),
        precision=precision,
        cams=cams,
        num_requests=1,
    )
    for _ in range(2):  # a request that failed can be used again
        ticket = engine.submit(draw_inputs(1))
        with pytest.raises(ModelError, match=rf"overflows in {precision}: .*not finite"):
            ticket.result()
    engine.close()


def test_the_gate_gets_the_labels_all_the_same(bundle: Bundle, tmp_path: Path) -> None:
    broken = spoiled(bundle, tmp_path / "b", nan_in_one_place)
    engine = opened(broken, precision="fp32", check_logits=False)
    assert engine.submit(draw_inputs(1)).result().shape == (1, *SIZE)
    engine.close()


def test_only_frames_that_were_submitted_are_looked_at(bundle: Bundle, tmp_path: Path) -> None:
    # The padding of a short batch is black at first.
    engine = opened(spoiled(bundle, tmp_path / "b", infinite_on_black), precision="fp32", batch=3)
    inputs_NHWC = draw_inputs(3)
    assert engine.submit(inputs_NHWC[:2]).result().shape == (2, *SIZE)
    inputs_NHWC[1] = 0
    with pytest.raises(FrameOverflowError, match="not finite") as caught:
        engine.submit(inputs_NHWC).result()
    engine.close()
    assert caught.value.rows == {1}
    assert caught.value.labels_nhw.shape == (3, *SIZE)


def test_maps_are_those_of_before(bundle: Bundle) -> None:
    engine = opened(bundle, precision="fp32")
    engine.watch(1)
    ticket = engine.submit(draw_inputs(1))
    ticket.result()
    cams_NHW = ticket.extras.cams_NHW
    assert cams_NHW is not None
    graph = read_graph(openvino_core(), bundle)
    expected = plainly(graph, draw_inputs(1), precision="fp32")[1][:, 1]
    np.testing.assert_allclose(cams_NHW, expected, atol=1e-4)
    engine.close()


def test_a_graph_that_does_not_name_its_logits_runs_as_it_is(tmp_path: Path) -> None:
    glowing = Bundle.open(write_bundle(tmp_path / "glowing"))
    engine = opened(glowing, precision="fp32")
    white_NHWC = np.full((1, *glowing.input_spec.size, 3), 255, np.uint8)
    assert set(np.unique(engine.submit(white_NHWC).result())) == {5}
    engine.close()


def plainly(graph: Any, inputs_NHWC: np.ndarray, *, precision: Precision) -> list[np.ndarray]:
    settings = {
        "INFERENCE_PRECISION_HINT": HINTS[
            capable_precisions()[0] if precision == "int8" else precision
        ],
        "INFERENCE_NUM_THREADS": 1,
    }
    request = openvino_core().compile_model(graph, "CPU", settings).create_infer_request()
    return [values.copy() for values in request.infer([inputs_NHWC]).values()]


@pytest.fixture(scope="module")
def shipped() -> Bundle:
    bundle = find_bundle("night-ride")
    assert isinstance(bundle, Bundle)
    return bundle


def ride_input(bundle: Bundle) -> np.ndarray:
    input_HWC = bundle.input_spec.new_input()
    frame = Ride(RideSpec(size=(480, 840), seed=3)).render(40)
    bundle.input_spec.fill_pixels(frame.pixels_HWC, input_HWC)
    return input_HWC[None]


@pytest.mark.parametrize("precision", ["fp32", "bf16", "int8"])
def test_the_shipped_model_gives_the_same_labels_with_sums(
    shipped: Bundle, precision: Precision
) -> None:
    if precision not in offered_precisions(shipped):
        pytest.skip(f"this CPU does not run {precision}")
    inputs_NHWC = ride_input(shipped)
    graphs = [read_graph(openvino_core(), shipped, precision=precision) for _ in range(2)]
    for graph in graphs:
        graph.reshape(list(inputs_NHWC.shape))
    add_sums(graphs[1])
    plain, summed = (plainly(graph, inputs_NHWC, precision=precision) for graph in graphs)
    np.testing.assert_array_equal(plain[0], summed[0])
    assert len(summed) == len(plain) + 1
    assert summed[-1].shape == (1,)
    assert np.isfinite(summed[-1]).all()


def test_sums_cost_less_than_a_hundredth_of_the_shipped_model(shipped: Bundle) -> None:
    inputs_NHWC = ride_input(shipped)
    graph = read_graph(openvino_core(), shipped)
    add_sums(graph)
    graph.reshape(list(inputs_NHWC.shape))
    settings = {"PERF_COUNT": True, "INFERENCE_NUM_THREADS": 1}
    request = openvino_core().compile_model(graph, "CPU", settings).create_infer_request()
    shares = []
    for _ in range(NUM_PROFILED):
        request.infer([inputs_NHWC])
        spent_s = {one.node_name: one.real_time.total_seconds() for one in request.profiling_info}
        sums_s = sum(s for name, s in spent_s.items() if "ReduceSum" in name or SUMS in name)
        assert sums_s > 0
        shares.append(sums_s / sum(spent_s.values()))
    assert float(np.median(shares)) < SHARE_MAX
