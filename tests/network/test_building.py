import copy
from functools import cache
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from losszero_rt.errors import ModelError
from losszero_rt.network import (
    NetworkSpec,
    ObjectNetwork,
    build_network,
    encoder_of,
    head_of,
    upsample_logits,
)

SIZE = (64, 96)
LITE0 = "tu-tf_efficientnet_lite0"
# A small specification of each family, and the stride of its logits.
FAMILIES: list[tuple[dict[str, Any], int]] = [
    ({"architecture": "deeplabv3plus", "encoder": LITE0, "decoder_channels": 16}, 4),
    ({"architecture": "fpn", "encoder": LITE0, "decoder_channels": 32}, 4),
    ({"architecture": "unet", "encoder": LITE0, "decoder_channels": 8}, 4),
    ({"architecture": "unetplusplus", "encoder": LITE0, "decoder_channels": 8}, 4),
    ({"architecture": "segformer", "encoder": "mit_b0", "decoder_channels": 32}, 4),
    ({"architecture": "sam", "encoder": "samvit_tiny_patch16", "decoder_channels": 16}, 4),
    ({"architecture": "deeplabv3", "encoder": "resnet18", "decoder_channels": 16}, 8),
    ({"architecture": "linknet", "encoder": LITE0}, 1),
    ({"architecture": "pspnet", "encoder": LITE0, "decoder_channels": 16}, 8),
    ({"architecture": "manet", "encoder": LITE0, "decoder_channels": 8}, 1),
    ({"architecture": "upernet", "encoder": LITE0, "decoder_channels": 16}, 4),
    ({"architecture": "fpn", "encoder": "tu-convnext_atto", "decoder_channels": 24}, 4),
    (
        {"architecture": "dpt", "encoder": "tu-vit_tiny_patch16_224", "decoder_channels": 16},
        1,
    ),
    (
        {
            "architecture": "mask-rcnn",
            "encoder": "resnet18",
            "decoder_channels": 16,
            "proposals_max": 50,
        },
        4,
    ),
]
NAMES = [f"{fields['architecture']}-{fields['encoder']}" for fields, _ in FAMILIES]
STRIDES = dict(zip(NAMES, [stride for _, stride in FAMILIES], strict=True))
LINEAR = [fields for fields, _ in FAMILIES if fields["architecture"] != "mask-rcnn"]


def build(fields: dict[str, Any], *, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return build_network(NetworkSpec(**fields)).eval()


@cache
def shared(name: str) -> nn.Module:
    """Return a family's network in evaluation mode, built once; nobody may change it."""
    return build(FAMILIES[NAMES.index(name)][0])


def pictures(seed: int = 1, *, size: tuple[int, int] = SIZE) -> torch.Tensor:
    return torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", NAMES)
def test_every_family_keeps_the_contract_of_its_logits(name: str) -> None:
    network, values, stride = shared(name), pictures(), STRIDES[name]
    with torch.no_grad():
        logits = network(values)
        again = network(values)
        single = network(values[1:])
    assert logits.shape == (2, 6, SIZE[0] // stride, SIZE[1] // stride)
    assert logits.dtype == torch.float32
    assert bool(logits.isfinite().all())
    assert torch.equal(logits, again)
    torch.testing.assert_close(single, logits[1:], rtol=0, atol=1e-3)


@pytest.mark.parametrize("name", [*NAMES[:6], NAMES[-1]])
def test_a_state_makes_another_network_of_the_spec_the_same(name: str) -> None:
    one, other = shared(name), build(FAMILIES[NAMES.index(name)][0], seed=5)
    other.load_state_dict(one.state_dict(), strict=True)
    with torch.no_grad():
        assert torch.equal(one(pictures()), other(pictures()))


@pytest.mark.parametrize("fields", LINEAR, ids=NAMES[: len(LINEAR)])
def test_every_family_learns_from_one_step(fields: dict[str, Any]) -> None:
    network = build(fields).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)
    labels = torch.zeros(2, *SIZE, dtype=torch.int64)
    labels[:, 32:] = 1
    losses = []
    for _ in range(2):
        torch.manual_seed(3)
        logits = upsample_logits(network(pictures()), SIZE)
        loss = functional.cross_entropy(logits, labels)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    gradients = [one.grad for one in encoder_of(network).parameters() if one.grad is not None]
    assert any(bool(gradient.any()) for gradient in gradients)


@pytest.mark.parametrize("name", NAMES[: len(LINEAR)])
def test_the_head_maps_its_input_to_the_logits_linearly(name: str) -> None:
    network = shared(name)
    head = head_of(network)
    seen: list[torch.Tensor] = []
    hook = head.register_forward_hook(lambda _, inputs, output: seen.extend([inputs[0], output]))
    with torch.no_grad():
        logits = network(pictures())
    hook.remove()
    assert head.out_channels == 6
    assert seen[0].shape[1] == head.in_channels
    if seen[1].shape == logits.shape:
        assert torch.equal(seen[1], logits)
    else:
        assert name.startswith("dpt-")


def test_a_network_that_paints_objects_has_no_head() -> None:
    network = shared(NAMES[-1])
    assert isinstance(network, ObjectNetwork)
    with pytest.raises(ModelError, match="no linear head"):
        head_of(network)


def test_a_network_without_objects_is_told_apart() -> None:
    assert not isinstance(shared(NAMES[1]), ObjectNetwork)


def test_pan_takes_pictures_of_128_pixels() -> None:
    network = build({"architecture": "pan", "encoder": "resnet18", "decoder_channels": 16})
    with torch.no_grad():
        assert network(pictures(size=(128, 192))).shape == (2, 6, 32, 48)


@pytest.mark.parametrize("width", [8, 40, 48])
def test_fpn_takes_any_width(width: int) -> None:
    network = build({"architecture": "fpn", "encoder": "resnet18", "decoder_channels": width})
    assert not [one for one in network.modules() if isinstance(one, nn.GroupNorm)]
    with torch.no_grad():
        assert network(pictures()).shape == (2, 6, 16, 24)
    assert head_of(network).in_channels == width


def test_a_copy_is_independent() -> None:
    for name in (NAMES[-1], NAMES[5]):
        network = shared(name)
        before = network(pictures()).detach()
        twin = copy.deepcopy(network)
        with torch.no_grad():
            for parameter in twin.parameters():
                parameter.add_(1)
        assert torch.equal(network(pictures()), before)


def test_equal_specs_give_equal_tensors() -> None:
    one, other = (build_network(NetworkSpec()).state_dict() for _ in range(2))
    assert {k: v.shape for k, v in one.items()} == {k: v.shape for k, v in other.items()}


@pytest.mark.parametrize(
    "fields", [FAMILIES[0][0], FAMILIES[4][0], FAMILIES[5][0], FAMILIES[-1][0]]
)
def test_no_hub_is_asked_for_weights(
    fields: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("the network was built with the network")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("socket.getaddrinfo", refuse)
    build(fields)


@pytest.mark.parametrize(
    ("fields", "offered"),
    [
        ({"encoder": "resnet5"}, "resnet50"),
        ({"encoder": "tu-tf_efficientnet_lite9"}, "tu-tf_efficientnet_lite0"),
        ({"encoder": "efficientnet_lite0"}, "tu-efficientnet_lite0"),
        ({"encoder": "tu-swin_tiny_patch4_window7_224"}, "any size"),
        ({"encoder": "tu-vit_tiny_patch16_224"}, "any size"),
        ({"architecture": "dpt", "encoder": "resnet18"}, "vision transformers for dpt"),
        ({"architecture": "sam", "encoder": "samvit_big"}, "samvit_base_patch16"),
        ({"architecture": "mask-rcnn", "encoder": "mit_b0"}, "resnet50"),
        ({"architecture": "mask-rcnn", "encoder": "resnet18", "num_classes": 1}, "two classes"),
    ],
)
def test_what_cannot_be_built_is_refused_with_what_can(
    fields: dict[str, Any], offered: str
) -> None:
    with pytest.raises(ModelError, match=offered):
        build_network(NetworkSpec(**fields))


def test_upsampling_keeps_the_corners_of_a_picture() -> None:
    logits = torch.zeros(1, 1, 4, 4)
    logits[..., 2:, :] = 1
    large = upsample_logits(logits, (16, 24))
    assert large.shape == (1, 1, 16, 24)
    assert large[0, 0, 0].max() == 0
    assert large[0, 0, -1].min() == 1
    assert large.mean().item() == pytest.approx(0.5)
