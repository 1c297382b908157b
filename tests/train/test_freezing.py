from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from losszero_rt.errors import UsageError
from losszero_rt.network import NetworkSpec, build_network, encoder_of
from train.config import TrainConfig
from train.freezing import Tuning, early_stages, freeze, frozen_stages_of
from train.learner import Learner

SAM = NetworkSpec(architecture="sam", encoder="samvit_tiny_patch16", decoder_channels=16)
ENCODERS: list[tuple[dict[str, Any], int, str, str]] = [
    # Specification, number of stages, a part of the second stage, a part of the last.
    ({"architecture": "fpn", "encoder": "resnet18"}, 4, "layer2", "layer4"),
    ({"architecture": "segformer", "encoder": "mit_b0"}, 4, "patch_embed2", "block4"),
    ({"architecture": "fpn", "encoder": "tu-convnext_atto"}, 4, "model.stages_1", "model.stages_3"),
    ({"architecture": "fpn", "encoder": "tu-regnetx_002"}, 4, "model.s2", "model.s4"),
    ({"architecture": "fpn"}, 7, "model.blocks.1", "model.blocks.6"),
    ({"architecture": "sam", "encoder": "samvit_tiny_patch16"}, 4, "blocks.1", "blocks.3"),
    ({"architecture": "mask-rcnn", "encoder": "resnet18"}, 4, "layer2", "layer4"),
]


def trained(network: nn.Module) -> set[str]:
    return {name for name, one in network.named_parameters() if one.requires_grad}


def test_frozen_stages_keep_weights_and_statistics(tiny_config: TrainConfig) -> None:
    config = replace(tiny_config, frozen_stages=2)
    network = build_network(config.network)
    learner = Learner.of(network, config=config)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    learner.prepare(rate=1e-3)
    torch.autograd.backward(network(torch.randn(2, 3, 64, 64)).square().mean())
    learner.optimiser.step()
    changed = {k for k, v in network.state_dict().items() if not torch.equal(v, before[k])}
    frozen = ("conv_stem", "bn1", "blocks.0", "blocks.1")
    prefixes = tuple(f"encoder.model.{name}." for name in frozen)
    assert not [key for key in changed if key.startswith(prefixes)]
    assert "encoder.model.blocks.2.0.conv_pw.weight" in changed
    assert "encoder.model.blocks.2.0.bn1.running_mean" in changed


@pytest.mark.parametrize(("fields", "num_stages", "second", "last"), ENCODERS)
def test_stages_are_found_in_every_make_of_encoder(
    fields: dict[str, Any], num_stages: int, second: str, last: str
) -> None:
    network = build_network(NetworkSpec(decoder_channels=32, **fields))
    encoder = encoder_of(network)
    assert frozen_stages_of(network, tuning="frozen") == num_stages
    freeze(network, num_stages=2)
    still = trained(encoder)
    assert not [name for name in still if name.startswith(f"{second}.")]
    assert [name for name in still if name.startswith(f"{last}.")]
    # Whatever enters before the second stage is frozen too: stem, patches, position embeddings.
    order = [name for name, _ in encoder.named_parameters()]
    last_frozen = max(order.index(name) for name in order if name.startswith(f"{second}."))
    later_stages = fields["architecture"] == "segformer"
    assert later_stages or not still & set(order[: last_frozen + 1])


@pytest.mark.parametrize("tuning", ["full", "last-blocks", "frozen"])
def test_sam_is_tuned_fully_partly_or_not(tuning: Tuning) -> None:
    network = build_network(SAM)
    kept = freeze(network, num_stages=frozen_stages_of(network, tuning=tuning, num_last=1))
    still = trained(network)
    assert "segmentation_head.weight" in still
    assert ("encoder.pos_embed" in still) == (tuning == "full")
    assert ("encoder.blocks.0.attn.qkv.weight" in still) == (tuning == "full")
    assert ("encoder.blocks.3.attn.qkv.weight" in still) == (tuning != "frozen")
    assert ("encoder.neck.0.weight" in still) == (tuning != "frozen")
    assert bool(kept) == (tuning != "full")


def test_nothing_is_frozen_unless_asked() -> None:
    network = build_network(NetworkSpec())
    assert early_stages(network, num_stages=0) == []
    assert freeze(network, num_stages=0) == ()
    assert trained(network) == {name for name, _ in network.named_parameters()}


def test_stages_that_are_not_there_are_refused() -> None:
    network = build_network(NetworkSpec(architecture="unet", encoder="vgg11_bn"))
    with pytest.raises(UsageError, match="frozen_stages 0"):
        early_stages(network, num_stages=1)
    resnet = build_network(NetworkSpec(encoder="resnet18"))
    for num_stages in (-1, 5):
        with pytest.raises(UsageError, match="0 to 4"):
            early_stages(resnet, num_stages=num_stages)
    with pytest.raises(UsageError, match="1 to 3"):
        frozen_stages_of(resnet, tuning="last-blocks", num_last=4)
