"""Losses and gradients that are no numbers: they end a training, or are skipped, never learnt."""

import json
from dataclasses import replace
from typing import Any

import pytest
import torch
from lightning_fabric.plugins.precision import MixedPrecision
from torch import nn

from losszero_rt.errors import ModelError
from tests.train.doubles import plain_network
from train import launching
from train.batch import Batch
from train.config import Phase, TrainConfig
from train.data import Data
from train.datasets import LabelledPicture
from train.epoch import measure_epoch
from train.loop import open_session, take_step
from train.losses import segmentation_loss
from train.sampling import Sampler
from train.session import Session
from train.team import Team


@pytest.fixture
def data(pictures: list[LabelledPicture]) -> Data:
    return Data(sources={"night_ride": pictures[:3]}, val=pictures[3:], train_probe=pictures[:1])


@pytest.fixture
def config(tiny_config: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> TrainConfig:
    """A training of one epoch of two steps, with a network of no size at all."""
    monkeypatch.setattr(launching, "build_network", plain_network)
    phase = Phase(epochs=1, crop_size=(64, 64), batch_size=2, scale=(0.8, 1.2))
    return replace(tiny_config, phases=(phase,), samples_per_epoch=4)


@pytest.fixture
def batch(config: TrainConfig, data: Data) -> Batch:
    return Sampler(config=config, sources=data.sources).batch(0, 0)


def copied(network: nn.Module) -> dict[str, torch.Tensor]:
    return {key: value.clone() for key, value in network.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[key], other[key]) for key in one)


def half_session(config: TrainConfig) -> tuple[Session, MixedPrecision]:
    """Open a session in fp16: Fabric refuses it on a CPU, yet torch can, with a GPU's scaler."""
    session, scaled = open_session(config, accelerator="cpu"), MixedPrecision("16-mixed", "cpu")
    session.fabric.strategy.precision = scaled
    session.config = replace(config, precision="fp16")
    return session, scaled


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_gradient_that_is_no_number_ends_the_training_before_the_weights_take_it(
    config: TrainConfig, batch: Batch, precision: Any
) -> None:
    session = open_session(replace(config, precision=precision), accelerator="cpu")
    network = session.learner.network
    before = copied(network)
    parameter: Any = next(network.parameters())
    parameter.register_hook(lambda gradient: gradient * torch.nan)
    with pytest.raises(ModelError, match=r"gradients of step 0 .*nan.*lower learning rate"):
        take_step(session, batch)
    assert same(before, copied(network))
    assert session.progress.step == 0


def test_a_loss_that_is_no_number_leaves_the_weights_as_they_were(
    config: TrainConfig, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = open_session(config, accelerator="cpu")
    before = copied(session.learner.network)
    monkeypatch.setattr("train.loop.segmentation_loss", overflowing)
    with pytest.raises(ModelError, match=r"loss of step 0 is inf"):
        take_step(session, batch)
    assert same(before, copied(session.learner.network))


def test_a_loss_that_explodes_in_another_process_ends_this_one_too(
    config: TrainConfig, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = open_session(config, accelerator="cpu")
    before = copied(session.learner.network)
    monkeypatch.setattr(Session, "team", Team(rank=1, size=2, total=lambda vote: vote + 1))
    with pytest.raises(ModelError, match=r"loss of step 0 is beyond 1e\+06 in another process"):
        take_step(session, batch)
    assert same(before, copied(session.learner.network))


def test_a_step_that_overflows_in_fp16_leaves_no_trace(
    config: TrainConfig, data: Data, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, scaled = half_session(config)
    network, average, progress = session.learner.network, session.learner.average, session.progress
    statistic = torch.zeros(1)
    network.register_buffer("statistic", statistic)
    hook = network.register_forward_hook(lambda *_: statistic.add_(torch.inf) and None)
    before, averaged = copied(network), copied(average.network)
    with monkeypatch.context() as patch:
        patch.setattr("train.loop.segmentation_loss", overflowing)
        assert take_step(session, batch) == torch.inf
    hook.remove()
    assert same(before, copied(network))
    assert same(averaged, copied(average.network))
    assert scaled.state_dict()["scale"] == 32768
    assert (progress.step, progress.epoch_steps, progress.epoch_loss) == (1, 0, 0.0)


def test_the_mean_loss_of_an_epoch_is_that_of_its_sound_steps(
    config: TrainConfig, data: Data, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, _ = half_session(config)
    with monkeypatch.context() as patch:
        patch.setattr("train.loop.segmentation_loss", overflowing)
        take_step(session, batch)
    loss = take_step(session, batch)
    assert measure_epoch(session, data, steps_per_s=1.0).loss == pytest.approx(loss)
    # Nor is an epoch without a sound step the end: its row says so in JSON.
    row = measure_epoch(session, data, steps_per_s=1.0).row(session.progress)
    assert json.loads(json.dumps(row, allow_nan=False))["loss"] is None


def overflowing(*arguments: Any, **options: Any) -> torch.Tensor:
    return segmentation_loss(*arguments, **options) * torch.inf
