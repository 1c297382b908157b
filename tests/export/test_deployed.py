import pytest
import torch
from torch import nn

from export.deployed import DeployedGraph, merge_normalisation
from losszero_rt.network import (
    Architecture,
    NetworkSpec,
    build_network,
    head_of,
    upsample_logits,
)
from losszero_rt.network.forward_cam import forward_cam, watched
from losszero_rt.preprocess import InputSpec

SIZE = (64, 96)
SPEC = InputSpec(size=SIZE, mean=(0.5, 0.4, 0.3), std=(0.5, 0.25, 0.2))


def trained_looking(architecture: Architecture, encoder: str) -> nn.Module:
    """A network whose statistics differ from channel to channel, as after a training."""
    torch.manual_seed(3)
    spec = NetworkSpec(architecture=architecture, encoder=encoder, decoder_channels=32)
    network = build_network(spec).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.get_buffer("running_mean").normal_(0, 0.2)
            module.get_buffer("running_var").uniform_(0.3, 2)
            module.weight.data.uniform_(0.5, 1.5)
            module.bias.data.normal_(0, 0.2)
    return network


@pytest.mark.parametrize("encoder", ["tu-tf_efficientnet_lite0", "resnet18"])
@pytest.mark.parametrize("architecture", ["deeplabv3plus", "fpn", "unet"])
def test_merging_removes_every_normalisation_and_keeps_the_logits(
    architecture: Architecture, encoder: str
) -> None:
    network = trained_looking(architecture, encoder)
    values = torch.randn(1, 3, *SIZE)
    with torch.no_grad():
        before = network(values)
        count = merge_normalisation(network, size=SIZE)
        after = network(values)
    assert count > 20
    assert not any(isinstance(module, nn.BatchNorm2d) for module in network.modules())
    assert (after - before).abs().max() <= 1e-4 * before.abs().max()


def test_labels_are_those_of_the_network_on_normalised_pictures() -> None:
    network = trained_looking("fpn", "resnet18")
    graph = DeployedGraph(network, spec=SPEC, labels_size=SIZE, dtype=torch.float32).eval()
    pixels = torch.randint(0, 256, (2, *SIZE, 3), dtype=torch.uint8)
    values = (pixels / 255 - torch.tensor(SPEC.mean)) / torch.tensor(SPEC.std)
    with torch.no_grad():
        logits = upsample_logits(network(values.permute(0, 3, 1, 2)), SIZE)
        labels = graph(pixels)
    assert labels.dtype == torch.int32
    assert labels.shape == (2, *SIZE)
    assert (labels == logits.argmax(1)).float().mean() > 0.999


def test_the_exported_graph_casts_first_and_is_half_throughout() -> None:
    network = trained_looking("fpn", "tu-tf_efficientnet_lite0")
    merge_normalisation(network, size=SIZE)
    graph = DeployedGraph(network, spec=SPEC, labels_size=SIZE).eval()
    example = torch.zeros(1, *SIZE, 3, dtype=torch.uint8)
    program = torch.export.export(graph, (example,), strict=False)
    calls = [node for node in program.graph.nodes if node.op == "call_function"]
    takers = {node for node in calls if any(a.name == "pixels_nhwc" for a in node.all_input_nodes)}
    takers -= {node for node in takers if "assert" in str(node.target)}
    assert {str(node.target) for node in takers} == {"aten.to.dtype"}
    found = {node.meta["val"].dtype for node in calls if isinstance(node.meta["val"], torch.Tensor)}
    assert {dtype for dtype in found if dtype.is_floating_point} == {torch.float16}
    assert calls[-1].meta["val"].dtype == torch.int32


def test_the_twin_ends_in_what_the_labels_are_made_of() -> None:
    network = trained_looking("fpn", "resnet18")
    facts = {"spec": SPEC, "labels_size": SIZE, "dtype": torch.float32}
    graph = DeployedGraph(network, **facts)  # type: ignore[arg-type]
    twin = DeployedGraph(network, **facts, ending="logits")  # type: ignore[arg-type]
    pixels_NHWC = torch.randint(0, 256, (1, *SIZE, 3), dtype=torch.uint8)
    with torch.no_grad():
        labels_NHW, logits_NChw = graph(pixels_NHWC), twin(pixels_NHWC)
    assert logits_NChw.shape == (1, 6, SIZE[0] // 4, SIZE[1] // 4)
    assert torch.equal(upsample_logits(logits_NChw, SIZE).argmax(1).int(), labels_NHW)


@pytest.mark.parametrize("architecture", ["fpn", "unet"])
def test_maps_are_those_of_all_classes_at_the_decoders_stride(architecture: Architecture) -> None:
    # One has a head of one pixel, the other of three.
    network = trained_looking(architecture, "resnet18")
    facts = {"spec": SPEC, "labels_size": SIZE, "dtype": torch.float32}
    graph = DeployedGraph(network, **facts, cams=True).eval()  # type: ignore[arg-type]
    plain = DeployedGraph(network, **facts).eval()  # type: ignore[arg-type]
    pixels_NHWC = torch.randint(0, 256, (2, *SIZE, 3), dtype=torch.uint8)
    with torch.no_grad():
        labels_NHW, cams_NChw = graph(pixels_NHWC)
        values = (pixels_NHWC / 255 - torch.tensor(SPEC.mean)) / torch.tensor(SPEC.std)
        with watched(head_of(network)) as passes:
            network(values.permute(0, 3, 1, 2))
        truth_NChw = forward_cam(passes[0][0], head_of(network).weight)
    assert torch.equal(labels_NHW, plain(pixels_NHWC))
    torch.testing.assert_close(cams_NChw.relu(), truth_NChw, atol=1e-3, rtol=1e-3)
    assert cams_NChw.max() > 0
    assert cams_NChw.min() < 0, "a ReLU would hide what is no number"
