"""What an int8 graph does to its pictures before the first layer."""

from importlib.util import find_spec

import pytest

from export import compile_int8
from export.compile_openvino import convert_graph
from export.int8_ranking import LAYER_TYPES, normalising_nodes
from export.trace import LogitsGraph
from losszero_rt.network import NetworkSpec, build_network
from tests.bundles import INPUT, SIZE, draw_inputs

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not find_spec("nncf"), reason="nncf is not installed"),
]


def test_before_a_first_layer_of_floats_nothing_is_rounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = build_network(NetworkSpec(num_classes=2, decoder_channels=16)).eval()
    floats = convert_graph(LogitsGraph(network, spec=INPUT).eval(), size=SIZE)
    floats.reshape([1, *SIZE, 3])
    layers = [op for op in floats.get_ordered_ops() if op.get_type_name() in LAYER_TYPES]
    left_out, inputs = [layers[0].get_friendly_name()], list(draw_inputs(2))
    assert len(normalising_nodes(floats)) == 2, "mean and deviation"

    def num_rounded_before() -> int:
        quantised = compile_int8.run_nncf(floats, inputs, left_out=left_out)
        kinds = [op.get_type_name() for op in quantised.get_ordered_ops()]
        first = next(index for index, kind in enumerate(kinds) if kind in LAYER_TYPES)
        assert "FakeQuantize" in kinds[first:]
        return kinds[:first].count("FakeQuantize")

    assert num_rounded_before() == 0
    monkeypatch.setattr(compile_int8, "normalising_nodes", lambda _: [])
    assert num_rounded_before() == 1
