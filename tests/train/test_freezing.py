from dataclasses import replace

import pytest
import torch

from losszero_rt.errors import UsageError
from losszero_rt.network import NetworkSpec, build_network
from train.config import TrainConfig
from train.datasets import LabelledPicture
from train.freezing import early_stages
from train.learner import Learner
from train.loop import take_step
from train.sampling import Sampler


def test_frozen_stages_keep_weights_and_statistics(
    tiny_config: TrainConfig, pictures: list[LabelledPicture]
) -> None:
    config = replace(tiny_config, frozen_stages=2)
    network = build_network(config.network)
    learner = Learner.of(network, config=config)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    take_step(learner, sampler=Sampler(config=config, sources={"night_ride": pictures}), step=0)
    changed = {k for k, v in network.state_dict().items() if not torch.equal(v, before[k])}
    frozen = ("conv_stem", "bn1", "blocks.0", "blocks.1")
    prefixes = tuple(f"encoder.model.{name}." for name in frozen)
    assert not [key for key in changed if key.startswith(prefixes)]
    assert "encoder.model.blocks.2.0.conv_pw.weight" in changed
    assert "encoder.model.blocks.2.0.bn1.running_mean" in changed


def test_nothing_is_frozen_unless_asked() -> None:
    assert early_stages(build_network(NetworkSpec()), num_stages=0) == []


def test_an_encoder_without_numbered_stages_is_refused() -> None:
    with pytest.raises(UsageError, match="frozen_stages 0"):
        early_stages(build_network(NetworkSpec(encoder="resnet18")), num_stages=1)
