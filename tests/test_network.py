from typing import Any

import pytest
import torch

from losszero_rt.errors import ModelError
from losszero_rt.network import Architecture, NetworkSpec, build_network, upsample_logits


@pytest.mark.parametrize(
    ("architecture", "width", "stride"),
    [("deeplabv3plus", 16, 4), ("fpn", 32, 4), ("unet", 8, 4)],
)
def test_logits_come_at_the_stride_that_is_promised(
    architecture: Architecture, width: int, stride: int
) -> None:
    network = build_network(NetworkSpec(architecture=architecture, decoder_channels=width)).eval()
    with torch.no_grad():
        logits = network(torch.zeros(1, 3, 64, 96))
    assert logits.shape == (1, 6, 64 // stride, 96 // stride)


def test_equal_specs_give_equal_tensors() -> None:
    one, other = (build_network(NetworkSpec()).state_dict() for _ in range(2))
    assert {k: v.shape for k, v in one.items()} == {k: v.shape for k, v in other.items()}


def test_no_hub_is_asked_for_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("the network was built with the network")

    monkeypatch.setattr("socket.socket.connect", refuse)
    build_network(NetworkSpec())


@pytest.mark.parametrize(
    "change",
    [
        {"architecture": "segformer"},
        {"encoder": "resnet50"},
        {"num_classes": 0},
        {"decoder_channels": 4},
    ],
)
def test_unknown_networks_are_refused_with_what_is_known(change: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match=r"\. "):
        NetworkSpec(**change)


def test_upsampling_keeps_the_corners_of_a_picture() -> None:
    logits = torch.zeros(1, 1, 4, 4)
    logits[..., 2:, :] = 1
    large = upsample_logits(logits, (16, 24))
    assert large.shape == (1, 1, 16, 24)
    assert large[0, 0, 0].max() == 0
    assert large[0, 0, -1].min() == 1
    assert large.mean().item() == pytest.approx(0.5)
