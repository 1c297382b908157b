import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from losszero_rt.checkpoint import load_network, read_checkpoint, read_weights
from losszero_rt.errors import ModelError
from train.config import TrainConfig
from train.datasets import LabelledPicture
from train.loop import Data, train


class KilledError(Exception):
    pass


@pytest.fixture
def data(pictures: list[LabelledPicture]) -> Data:
    return Data(sources={"night_ride": pictures[:3]}, val=pictures[3:], train_probe=pictures[:1])


def weights_in(folder: Path) -> Mapping[str, torch.Tensor]:
    return read_weights(folder, checkpoint=read_checkpoint(folder))


def assert_same(one: Path, other: Path) -> None:
    ours, theirs = weights_in(one / "last"), weights_in(other / "last")
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)


def kill(line: str) -> None:
    raise KilledError(line)


def test_a_training_killed_and_resumed_ends_in_the_same_weights(
    tiny_config: TrainConfig, data: Data, tmp_path: Path
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    train(tiny_config, data=data, out=whole, say=str)
    # KilledError in the middle of closing the first epoch: that step is done again.
    with pytest.raises(KilledError):
        train(tiny_config, data=data, out=broken, save_every_s=0.0, say=kill)
    # Then stopped after every single step.
    steps = 1
    while steps < tiny_config.num_steps:
        steps = train(
            tiny_config, data=data, out=broken, resume=True, time_limit_s=0.0, say=str
        ).step
    assert_same(whole, broken)


def test_the_seed_decides_the_weights(tiny_config: TrainConfig, data: Data, tmp_path: Path) -> None:
    one_epoch = replace(tiny_config, phases=tiny_config.phases[:1])
    for name, config in (("a", one_epoch), ("b", replace(one_epoch, seed=2))):
        train(config, data=data, out=tmp_path / name, say=str)
    with pytest.raises(AssertionError):
        assert_same(tmp_path / "a", tmp_path / "b")


def test_last_and_best_describe_themselves(
    tiny_config: TrainConfig, data: Data, tmp_path: Path
) -> None:
    lines: list[str] = []
    progress = train(tiny_config, data=data, out=tmp_path, say=lines.append)
    assert len(lines) == tiny_config.num_epochs == len(progress.history)
    assert "val 0." in lines[0]
    assert "gap" in lines[0]
    rows = json.loads((tmp_path / "history.json").read_text())
    assert rows == progress.history
    assert rows[-1]["gap"] == pytest.approx(rows[-1]["train_miou"] - rows[-1]["val_miou"], abs=2e-4)
    network, last = load_network(tmp_path / "last")
    assert last.epoch == tiny_config.num_epochs
    assert last.network == tiny_config.network
    assert last.scores["n"] == 1
    assert last.data == {"train": {"night_ride": 3}, "val": 1}
    assert not network.training
    assert read_checkpoint(tmp_path / "best").scores["miou"] == pytest.approx(
        progress.best_miou, abs=1e-6
    )


def test_a_training_started_from_weights_begins_with_them(
    tiny_config: TrainConfig, data: Data, tmp_path: Path
) -> None:
    train(tiny_config, data=data, out=tmp_path / "first", say=str)
    still = replace(
        tiny_config, phases=tiny_config.phases[:1], learning_rate=1e-12, weight_decay=0.0
    )
    first = weights_in(tmp_path / "first" / "last")
    train(still, data=data, out=tmp_path / "second", start_from=first, say=str)
    second = weights_in(tmp_path / "second" / "last")
    kernel = "encoder.model.conv_stem.weight"
    assert torch.allclose(first[kernel], second[kernel], atol=1e-6)


def test_resume_with_another_configuration_is_refused(
    tiny_config: TrainConfig, data: Data, tmp_path: Path
) -> None:
    train(tiny_config, data=data, out=tmp_path, time_limit_s=0.0, say=str)
    other = replace(tiny_config, learning_rate=1.0, seed=5)
    with pytest.raises(ModelError, match="learning_rate, seed"):
        train(other, data=data, out=tmp_path, resume=True, say=str)


def test_resume_without_or_with_a_damaged_state_is_refused(
    tiny_config: TrainConfig, data: Data, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=r"state\.json cannot be read"):
        train(tiny_config, data=data, out=tmp_path, resume=True, say=str)
    train(tiny_config, data=data, out=tmp_path, time_limit_s=0.0, say=str)
    [tensors] = (tmp_path / "state").glob("*.safetensors")
    tensors.write_bytes(tensors.read_bytes()[:-8])
    with pytest.raises(ModelError, match="damaged"):
        train(tiny_config, data=data, out=tmp_path, resume=True, say=str)


@pytest.mark.slow
def test_a_small_network_learns_the_drawn_scenes(
    tiny_config: TrainConfig, data: Data, tmp_path: Path
) -> None:
    phase = replace(tiny_config.phases[1], epochs=20, batch_size=4)
    config = replace(
        tiny_config, phases=(phase,), samples_per_epoch=40, encoder_weights="imagenet-offline"
    )
    progress = train(config, data=data, out=tmp_path, say=str)
    assert progress.history[-1]["val_miou"] > 0.6
