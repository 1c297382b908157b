"""What of a verified model is proved: its engine in its arithmetic."""

from dataclasses import replace

import pytest

from losszero_rt.bundle import find_bundle
from losszero_rt.engine import EngineInfo, EngineName, is_proved

SHIPPED = find_bundle("night-ride")
EAGER = EngineInfo(
    name="eager",
    device="cpu",
    precision="fp32",
    precision_asked="auto",
    input_size=(64, 96),
    labels_size=(64, 96),
    batch=1,
    threads=1,
    version="2",
)


@pytest.mark.parametrize(
    ("name", "precision", "proved"),
    [
        ("eager", "fp32", True),
        ("eager", "bf16", False),
        ("eager", "fp16", False),
        ("openvino", "bf16", True),
        ("openvino", "int8+bf16", True),
        ("tensorrt", "fp16", True),
    ],
)
def test_the_network_in_torch_is_the_reference_in_fp32_alone(
    name: EngineName, precision: str, proved: bool
) -> None:
    info = replace(EAGER, name=name, precision=precision)
    assert is_proved(SHIPPED, info) is proved
    assert not is_proved(replace(SHIPPED, parity={}), info)
