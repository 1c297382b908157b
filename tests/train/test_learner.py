from dataclasses import replace

import pytest
import torch
from torch import nn

from losszero_rt.errors import UsageError
from losszero_rt.network import NetworkSpec, build_network
from train.config import TrainConfig
from train.learner import AveragedWeights, Learner

SMALL_OBJECTS = NetworkSpec(
    architecture="mask-rcnn", encoder="resnet18", decoder_channels=16, proposals_max=16
)


def rates_of(learner: Learner) -> dict[str, float]:
    names = {id(weight): name for name, weight in learner.network.named_parameters()}
    return {
        names[id(weight)]: group["lr"]
        for group in learner.optimiser.param_groups
        for weight in group["params"]
    }


def test_encoder_and_decoder_have_their_own_rates(tiny_config: TrainConfig) -> None:
    config = replace(tiny_config, encoder_rate_factor=0.1)
    learner = Learner.of(build_network(config.network), config=config)
    learner.prepare(rate=0.5)
    for name, rate in rates_of(learner).items():
        assert rate == pytest.approx(0.05 if name.startswith("encoder.") else 0.5)


def test_every_part_of_an_object_network_has_its_rate(tiny_config: TrainConfig) -> None:
    rates = {"backbone": 1e-5, "rpn": 1e-4}
    config = replace(tiny_config, network=SMALL_OBJECTS, learning_rate=1e-3, part_rates=rates)
    learner = Learner.of(build_network(config.network), config=config)
    learner.prepare(rate=config.learning_rate / 2)
    found = {name.split(".")[0]: rate for name, rate in rates_of(learner).items()}
    # A part that is not named gets the recipe's own rate.
    expected = {"backbone": 5e-6, "rpn": 5e-5, "roi_heads": 5e-4}
    assert found == pytest.approx(expected)
    assert len(rates_of(learner)) == len(list(learner.network.parameters()))


@pytest.mark.parametrize(
    ("network", "part"), [(SMALL_OBJECTS, "neck"), (NetworkSpec(architecture="unet"), "rpn")]
)
def test_rates_of_parts_that_are_not_there_are_refused(
    tiny_config: TrainConfig, network: NetworkSpec, part: str
) -> None:
    config = replace(tiny_config, network=network, part_rates={part: 1e-4})
    with pytest.raises(UsageError, match=part):
        Learner.of(build_network(config.network), config=config)


def test_norms_and_biases_are_not_decayed(tiny_config: TrainConfig) -> None:
    learner = Learner.of(build_network(tiny_config.network), config=tiny_config)
    for group in learner.optimiser.param_groups:
        decayed = {weight.ndim > 1 for weight in group["params"]}
        assert decayed == {group["weight_decay"] > 0}


def test_statistics_can_be_put_back() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).train()
    learner = Learner(
        network=network,
        average=AveragedWeights(network, decay=0.9),
        optimiser=torch.optim.SGD(network.parameters(), lr=0.1),
        frozen=(),
    )
    before = {key: value.clone() for key, value in network.state_dict().items()}
    kept = learner.statistics()
    network(torch.randn(2, 3, 8, 8))
    assert not torch.equal(network.state_dict()["1.running_mean"], before["1.running_mean"])
    learner.put_back(kept)
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_average_follows_slowly_and_without_decay_at_once() -> None:
    network = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(network.weight)
    slow, fast = (AveragedWeights(network, decay=decay) for decay in (0.99, 0.0))
    nn.init.ones_(network.weight)
    for average in (slow, fast):
        average.update(network, step=10_000)
    assert slow.state["weight"].item() == pytest.approx(0.01)
    assert fast.state["weight"].item() == 1.0
    assert slow.network.weight is not network.weight
    assert not slow.network.training
