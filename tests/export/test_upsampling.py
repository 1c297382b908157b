"""Maps that are upsampled alike and then added are added first."""

from typing import Any

import numpy as np
import pytest

from export.upsampling import merge_upsampling
from losszero_rt.engine.openvino_facts import import_openvino, openvino_core

ov = import_openvino()
op = ov.opset13
SHAPE = [1, 4, 6, 10]


def upsampled(source: Any, *, scale: float = 2.0, mode: str = "linear_onnx") -> Any:
    return op.interpolate(
        source,
        op.constant(np.array([scale, scale], np.float32)),
        mode,
        "scales",
        coordinate_transformation_mode="align_corners",
        axes=op.constant(np.array([2, 3], np.int64)),
    )


def sum_model(*scales: float, spare: bool = False) -> Any:
    """A graph that upsamples each of its inputs and adds them; ``spare`` gives one out as well."""
    inputs = [op.parameter(SHAPE, np.float32) for _ in scales]
    maps = [upsampled(one, scale=scale) for one, scale in zip(inputs, scales, strict=True)]
    total = maps[0]
    for one in maps[1:]:
        total = op.add(total, one)
    return ov.Model([op.relu(total), *([op.relu(maps[0])] if spare else [])], inputs)


def run(model: Any, values: list[np.ndarray]) -> np.ndarray:
    compiled = openvino_core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.array(compiled(values)[0])


def num_upsamplings(model: Any) -> int:
    return sum(node.get_type_name() == "Interpolate" for node in model.get_ops())


@pytest.mark.parametrize("num", [2, 3, 4])
def test_one_upsampling_is_left_and_the_sum_stays(num: int) -> None:
    rng = np.random.default_rng(0)
    values = [rng.normal(size=SHAPE).astype(np.float32) for _ in range(num)]
    expected = run(sum_model(*[2.0] * num), values)
    model = sum_model(*[2.0] * num)
    assert merge_upsampling(model) == num - 1
    assert num_upsamplings(model) == 1
    np.testing.assert_allclose(run(model, values), expected, rtol=1e-4, atol=1e-5)


def test_a_map_that_is_used_elsewhere_stays() -> None:
    model = sum_model(2.0, 2.0, spare=True)
    assert merge_upsampling(model) == 0
    assert num_upsamplings(model) == 2


def test_other_scales_are_left_alone() -> None:
    inputs = [op.parameter(SHAPE, np.float32), op.parameter([1, 4, 3, 5], np.float32)]
    total = op.add(upsampled(inputs[0]), upsampled(inputs[1], scale=4.0))
    assert merge_upsampling(ov.Model([total], inputs)) == 0


def test_other_ways_of_upsampling_are_left_alone() -> None:
    inputs = [op.parameter(SHAPE, np.float32) for _ in range(2)]
    total = op.add(upsampled(inputs[0]), upsampled(inputs[1], mode="nearest"))
    assert merge_upsampling(ov.Model([total], inputs)) == 0
