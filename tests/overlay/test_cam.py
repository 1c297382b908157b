"""Class activation maps: forward-only against pytorch-grad-cam, and every family's layers."""

from functools import cache

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from losszero_rt.errors import ModelError, UsageError
from losszero_rt.network import Architecture, NetworkSpec, build_network, head_of
from losszero_rt.network.forward_cam import forward_cam, head_cams, watched
from losszero_rt.overlay.cam import METHODS, default_layers, grad_cam

SIZE = (96, 160)
FAMILIES: dict[Architecture, str] = {
    "unet": "resnet18",
    "unetplusplus": "resnet18",
    "deeplabv3plus": "resnet18",
    "fpn": "resnet18",
    "segformer": "mit_b0",
    "sam": "samvit_tiny_patch16",
}


@cache
def network_of(architecture: Architecture) -> nn.Module:
    """A network whose head is no longer the even one that it starts with."""
    spec = NetworkSpec(
        architecture=architecture, encoder=FAMILIES[architecture], decoder_channels=16
    )
    with torch.random.fork_rng():
        torch.manual_seed(7)
        network = build_network(spec).eval()
        head = head_of(network)
        nn.init.normal_(head.weight, std=0.3)
    return network


def draw_values(num: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    coarse = torch.rand(num, 3, SIZE[0] // 8, SIZE[1] // 8, generator=generator) * 2 - 1
    return nn.functional.interpolate(coarse, size=SIZE, mode="bilinear")


@torch.no_grad()
def forward_maps(network: nn.Module, values_NCHW: torch.Tensor) -> np.ndarray:
    """Forward-only maps of all classes of one picture, at input size."""
    head = head_of(network)
    with watched(head) as passes:
        network(values_NCHW)
    ((features, _),) = passes
    cams = forward_cam(features, head.weight)[0].numpy()
    return np.stack([cv2.resize(cam, SIZE[::-1]) for cam in cams])


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


@pytest.mark.parametrize("architecture", FAMILIES)
def test_forward_cam_is_grad_cam_at_the_heads_input(architecture: Architecture) -> None:
    network, values = network_of(architecture), draw_values()
    maps = forward_maps(network, values)
    speaking = [class_id for class_id, cam in enumerate(maps) if cam.std() > 0.01]
    assert len(speaking) >= 2, "a head of random weights speaks for most classes somewhere"
    for class_id, other in zip(speaking, speaking[1:] + speaking[:1], strict=True):
        truth = grad_cam(network, values, layer="head", target_class=class_id)[0]
        assert correlation(maps[class_id], truth) > 0.999
        assert correlation(maps[other], truth) < 0.9, "another class, another map"


def test_grad_cam_over_predicted_pixels_is_the_same_map_at_a_linear_head() -> None:
    network, values = network_of("fpn"), draw_values()
    with torch.no_grad():
        labels = network(values).argmax(1)
    common = int(labels.flatten().mode().values)
    masks = nn.functional.interpolate((labels == common)[None].float(), size=SIZE)[0].bool()
    everywhere = grad_cam(network, values, layer="head", target_class=common)
    there = grad_cam(network, values, layer="head", target_class=common, masks_NHW=masks.numpy())
    np.testing.assert_allclose(everywhere, there, atol=1e-4)


@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("bias", [True, False])
def test_cams_from_the_heads_output_are_those_from_its_features(kernel: int, bias: bool) -> None:
    head = nn.Conv2d(8, 4, kernel, padding=kernel // 2, bias=bias)
    features = torch.rand(2, 8, 6, 10)
    found = head_cams(head, features, head(features))
    torch.testing.assert_close(found, forward_cam(features, head.weight), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("architecture", FAMILIES)
def test_every_usual_layer_of_every_family_gives_a_map(architecture: Architecture) -> None:
    network, values = network_of(architecture), draw_values(2)
    spec = NetworkSpec(architecture=architecture, encoder=FAMILIES[architecture])
    for layer in default_layers(spec):
        maps = grad_cam(network, values, layer=layer, target_class=1)
        assert maps.shape == (2, *SIZE)
        assert maps.dtype == np.float32
        assert maps.min() >= 0
        assert maps.max() <= 1


@pytest.mark.parametrize("method", METHODS)
def test_every_method_gives_a_map_of_its_own_range(method: str) -> None:
    maps = grad_cam(network_of("unet"), draw_values(), layer="head", target_class=1, method=method)
    assert maps.shape == (1, *SIZE)
    assert np.isfinite(maps).all()
    assert maps.max() <= 1


def num_hooks(network: nn.Module) -> int:
    return sum(
        len(module._forward_hooks) + len(module._forward_pre_hooks) + len(module._backward_hooks)
        for module in network.modules()
    )


@pytest.mark.parametrize("layer", ["encoder", "decoder", "head"])
def test_nothing_stays_behind(layer: str) -> None:
    network, values = network_of("deeplabv3plus"), draw_values()
    before = network(values).detach()
    grad_cam(network, values, layer=layer, target_class=1)
    assert num_hooks(network) == 0
    assert all(p.grad is None and p.requires_grad for p in network.parameters())
    torch.testing.assert_close(network(values).detach(), before)


def test_nothing_stays_behind_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    network = network_of("unet")

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr("pytorch_grad_cam.GradCAM.get_cam_weights", fail)
    with pytest.raises(RuntimeError, match="out of memory"):
        grad_cam(network, draw_values(), layer="decoder", target_class=1)
    assert num_hooks(network) == 0
    assert all(p.requires_grad for p in network.parameters())


def test_frozen_parameters_stay_frozen_and_give_a_map_all_the_same() -> None:
    network = build_network(NetworkSpec(architecture="unet", encoder="resnet18")).eval()
    network.requires_grad_(False)
    maps = grad_cam(network, draw_values(), layer="encoder", target_class=1)
    assert np.isfinite(maps).all()
    assert not any(p.requires_grad for p in network.parameters())


def test_an_empty_mask_gives_an_empty_map() -> None:
    empty = np.zeros((1, *SIZE), bool)
    maps = grad_cam(
        network_of("unet"), draw_values(), layer="head", target_class=1, masks_NHW=empty
    )
    assert not maps.any()


def test_unknown_layers_and_methods_are_refused_with_the_known_ones() -> None:
    network, values = network_of("unet"), draw_values()
    with pytest.raises(ModelError, match=r"no layer 'nowhere'.*encoder, decoder, head"):
        grad_cam(network, values, layer="nowhere", target_class=1)
    with pytest.raises(UsageError, match=r"'magic'.*grad-cam, hires-cam"):
        grad_cam(network, values, layer="head", target_class=1, method="magic")


def test_a_layer_that_gives_no_map_is_refused() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Flatten(), nn.Unflatten(1, (4, *SIZE)))
    with pytest.raises(ModelError, match="which is no map"):
        grad_cam(network, draw_values(), layer="1", target_class=1)
    assert num_hooks(network) == 0


class TestMaskRcnn:
    @staticmethod
    def build() -> nn.Module:
        spec = NetworkSpec(
            architecture="mask-rcnn",
            encoder="resnet18",
            decoder_channels=16,
            score_min=0.0,
            detections_max=8,
            proposals_max=40,
        )
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return build_network(spec).eval()

    def test_has_no_head_to_look_at(self) -> None:
        spec = NetworkSpec(architecture="mask-rcnn", encoder="resnet18")
        assert default_layers(spec) == ("encoder", "decoder")
        with pytest.raises(ModelError, match="no linear head"):
            grad_cam(self.build(), draw_values(), layer="head", target_class=1)

    def test_other_layers_speak_for_the_objects_that_were_painted(self) -> None:
        network, values = self.build(), draw_values()
        with torch.no_grad():
            found = network.objects(values)[0].class_ids.tolist()  # type: ignore[operator]
        assert found, "a score of 0 is enough"
        for layer in ("encoder", "decoder"):
            maps = grad_cam(network, values, layer=layer, target_class=found[0])
            assert np.isfinite(maps).all()
            assert maps.max() > 0.9
        assert num_hooks(network) == 0

    def test_a_class_without_objects_has_an_empty_map(self) -> None:
        network = self.build()
        network.roi_heads.score_thresh = 1.1  # type: ignore[union-attr]
        maps = grad_cam(network, draw_values(), layer="encoder", target_class=1)
        assert not maps.any()
