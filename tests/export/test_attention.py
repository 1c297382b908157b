import pytest
import torch

from export.attention import set_attention
from export.engine_request import Attention
from losszero_rt.network import Architecture, NetworkSpec, build_network

SIZE = (64, 96)
TRANSFORMERS: dict[Architecture, str] = {"segformer": "mit_b0", "sam": "samvit_tiny_patch16"}


def operations(network: torch.nn.Module) -> set[str]:
    """Names of the operations of a network's graph."""
    example = torch.zeros(1, 3, *SIZE)
    program = torch.export.export(network, (example,), strict=False)
    return {str(node.target) for node in program.graph.nodes if node.op == "call_function"}


@pytest.mark.slow
@pytest.mark.parametrize("architecture", TRANSFORMERS)
def test_both_ways_say_the_same_and_are_what_they_are_called(architecture: Architecture) -> None:
    torch.manual_seed(0)
    spec = NetworkSpec(architecture=architecture, encoder=TRANSFORMERS[architecture])
    network = build_network(spec).eval()
    # Published attentions are nearly even at first: these look at something.
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if name.endswith(("q.weight", "kv.weight", "qkv.weight")):
                weight.mul_(8)
    values = torch.randn(1, 3, *SIZE)
    logits, found = {}, {}
    ways: tuple[Attention, ...] = ("plain", "fused")
    for way in ways:
        assert set_attention(network, way) > 3
        with torch.no_grad():
            logits[way] = network(values)
        found[way] = operations(network)
    fused, plain = ("aten.scaled_dot_product_attention.default", "aten.softmax.int")
    assert fused in found["fused"]
    assert plain not in found["fused"]
    assert fused not in found["plain"]
    assert plain in found["plain"]
    torch.testing.assert_close(logits["fused"], logits["plain"], atol=2e-4, rtol=2e-4)
    assert logits["plain"].std() > 1e-3


def test_networks_without_attention_stay_as_they_are() -> None:
    network = build_network(NetworkSpec(encoder="resnet18", decoder_channels=16)).eval()
    assert set_attention(network, "fused") == 0
