from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from losszero_rt.checkpoint import read_checkpoint, read_weights
from losszero_rt.errors import ModelError, UsageError
from losszero_rt.network import NetworkSpec
from tests.train.doubles import (
    CPU_OUT_OF_MEMORY,
    HungryNetwork,
    RememberingTracker,
    SeeingNetwork,
    plain_network,
)
from train import launching
from train.config import Phase, TrainConfig
from train.datasets import LabelledPicture
from train.loop import Data, open_session, train
from train.state import read_step

BATCH = 4


@pytest.fixture
def data(pictures: list[LabelledPicture]) -> Data:
    return Data(sources={"night_ride": pictures[:3]}, val=pictures[3:], train_probe=pictures[:1])


@pytest.fixture
def config(tiny_config: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> TrainConfig:
    """A training of two epochs of two steps, with a network of no size at all."""
    monkeypatch.setattr(launching, "build_network", plain_network)
    phase = Phase(epochs=2, crop_size=(64, 64), batch_size=BATCH, scale=(0.8, 1.2))
    return replace(tiny_config, phases=(phase,), samples_per_epoch=2 * BATCH)


def weights_in(folder: Path) -> Mapping[str, torch.Tensor]:
    return read_weights(folder, checkpoint=read_checkpoint(folder))


def same(one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[key], other[key]) for key in one)


def trained(config: TrainConfig, data: Data, out: Path) -> Mapping[str, torch.Tensor]:
    train(config, data=data, out=out, say=str, accelerator="cpu")
    return weights_in(out / "last")


@pytest.mark.parametrize("accumulate", [2, 3, 4])
def test_micro_batches_teach_what_the_whole_batch_does(
    config: TrainConfig, data: Data, tmp_path: Path, accumulate: int
) -> None:
    # Plain cross entropy over crops without ignored pixels: a mean of means by size is the mean.
    plain = replace(
        config,
        loss=replace(config.loss, classes=(1.0,) * 6, dice=0.0),
        phases=(replace(config.phases[0], scale=(1.2, 1.3)),),
        gradient_clip=1e9,
        learning_rate=1e-3,
    )
    whole = trained(plain, data, tmp_path / "whole")
    parts = trained(replace(plain, accumulate=accumulate), data, tmp_path / "parts")
    for key, value in whole.items():
        assert torch.allclose(value, parts[key], atol=2e-4), key


@pytest.mark.parametrize(
    "error",
    [RuntimeError(CPU_OUT_OF_MEMORY), torch.OutOfMemoryError("CUDA out of memory")],
    ids=["cpu", "cuda"],
)
def test_out_of_memory_retakes_the_same_step_in_smaller_parts(
    config: TrainConfig,
    data: Data,
    tmp_path: Path,
    error: RuntimeError,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hungry = HungryNetwork(1, error)
    monkeypatch.setattr(launching, "build_network", lambda spec: hungry)
    torch.manual_seed(3)
    start = {key: value.clone() for key, value in hungry.state_dict().items()}
    train(config, data=data, out=tmp_path / "hungry", start_from=start, say=str)
    # 4 and 2 were too many; the first step was taken again, with all its samples.
    assert hungry.met == [4, 2, 1, 1, 1, 1] + [1] * 12
    sated = HungryNetwork(BATCH, error)
    monkeypatch.setattr(launching, "build_network", lambda spec: sated)
    frugal = replace(config, accumulate=4)
    progress = train(frugal, data=data, out=tmp_path / "frugal", start_from=start, say=str)
    assert sated.met == [1] * 16
    assert progress.accumulate == 4
    assert same(weights_in(tmp_path / "hungry" / "last"), weights_in(tmp_path / "frugal" / "last"))


def test_no_memory_for_one_picture_is_an_error(
    config: TrainConfig, data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starving = HungryNetwork(0, RuntimeError(CPU_OUT_OF_MEMORY))
    monkeypatch.setattr(launching, "build_network", lambda spec: starving)
    with pytest.raises(ModelError, match=r"1 pictures at once.*smaller crops"):
        train(config, data=data, out=tmp_path, say=str)


def test_other_errors_are_not_taken_for_want_of_memory(
    config: TrainConfig, data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = HungryNetwork(0, RuntimeError("shapes do not fit"))
    monkeypatch.setattr(launching, "build_network", lambda spec: broken)
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        train(config, data=data, out=tmp_path, say=str)


def test_networks_of_objects_say_their_own_loss(
    config: TrainConfig, data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeing = SeeingNetwork()
    monkeypatch.setattr(launching, "build_network", lambda spec: seeing)
    trained(replace(config, accumulate=2), data, tmp_path)
    assert len(seeing.targets) == config.num_steps * BATCH
    ids = torch.cat([target["labels"] for target in seeing.targets])
    assert set(ids.tolist()) >= {1, 3, 4}
    assert 0 not in ids
    for target in seeing.targets:
        assert target["masks"].shape[1:] == (64, 64)


@pytest.mark.slow
def test_a_mask_rcnn_trains(config: TrainConfig, data: Data, tmp_path: Path) -> None:
    spec = NetworkSpec(
        architecture="mask-rcnn", encoder="resnet18", decoder_channels=16, proposals_max=32
    )
    with pytest.MonkeyPatch.context() as patch:
        from losszero_rt.network import build_network

        patch.setattr(launching, "build_network", build_network)
        objects = replace(
            config, network=spec, part_rates={"backbone": 1e-5}, samples_per_epoch=BATCH
        )
        progress = train(objects, data=data, out=tmp_path, say=str, accelerator="cpu")
    assert len(progress.history) == 2
    assert np.isfinite(progress.history[-1]["loss"])


def test_bf16_trains_and_ends_near_fp32(config: TrainConfig, data: Data, tmp_path: Path) -> None:
    full = trained(config, data, tmp_path / "full")
    half = trained(replace(config, precision="bf16"), data, tmp_path / "half")
    assert not same(full, half)
    for key, value in full.items():
        assert value.dtype == half[key].dtype == torch.float32
        assert torch.allclose(value, half[key], atol=0.05)


@pytest.mark.filterwarnings("ignore:You passed `Fabric")
def test_fp16_on_a_cpu_is_refused(config: TrainConfig) -> None:
    with pytest.raises(UsageError, match="fp16 on a CPU"):
        open_session(replace(config, precision="fp16"), accelerator="cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is such a device here")
def test_devices_that_are_not_there_are_refused(config: TrainConfig) -> None:
    with pytest.raises(UsageError, match="--accelerator"):
        open_session(config, accelerator="cuda")


def test_training_stops_when_no_epoch_is_better_for_long(
    config: TrainConfig, data: Data, tmp_path: Path
) -> None:
    # At this rate nothing changes, so only the first epoch is better than what was before.
    still = replace(
        config,
        phases=(replace(config.phases[0], epochs=9),),
        learning_rate=1e-12,
        weight_decay=0.0,
        patience=2,
    )
    progress = train(still, data=data, out=tmp_path, say=str)
    assert progress.best_epoch == 1
    assert len(progress.history) == 3
    assert progress.step == 6 < still.num_steps
    again = train(still, data=data, out=tmp_path, resume=True, say=str)
    assert again.step == 6


def test_a_loss_that_is_no_number_ends_the_training(
    config: TrainConfig, data: Data, tmp_path: Path
) -> None:
    wild = replace(config, learning_rate=1e30, warmup_share=0.0, gradient_clip=1e30)
    with pytest.raises(ModelError, match="lower learning rate"):
        train(wild, data=data, out=tmp_path, say=str)


def test_a_loss_that_has_exploded_ends_the_training(
    config: TrainConfig, data: Data, tmp_path: Path
) -> None:
    # Every number stays finite here.
    wild = replace(
        config, samples_per_epoch=8 * BATCH, learning_rate=1e9, warmup_share=0.0, gradient_clip=1e9
    )
    with pytest.raises(ModelError, match=r"the loss of step \d+ is \d.*lower learning rate"):
        train(wild, data=data, out=tmp_path, say=str)


def test_a_training_may_go_on_in_another_number_format(
    config: TrainConfig, data: Data, tmp_path: Path
) -> None:
    half = replace(config, precision="bf16")
    train(half, data=data, out=tmp_path, time_limit_s=0.0, say=str, accelerator="cpu")
    done = train(config, data=data, out=tmp_path, resume=True, say=str, accelerator="cpu")
    assert done.step == config.num_steps


def test_tracker_is_told_every_step_and_every_epoch(
    config: TrainConfig, data: Data, tmp_path: Path
) -> None:
    tracker = RememberingTracker()
    versioned = replace(data, versions=("pictures:abc",))
    train(config, data=versioned, out=tmp_path, say=str, tracker=tracker)
    steps = [step for step, row in tracker.rows if "train/loss" in row]
    assert steps == [1, 2, 3, 4]
    epochs = [(step, row) for step, row in tracker.rows if "val/miou" in row]
    assert [step for step, _ in epochs] == [2, 4]
    for key in (
        "train/miou",
        "val/gap",
        "val/pixel_accuracy",
        "val/class_iou/lane_mark",
        "val/boundary_iou",
        "safety/undrivable_as_road",
        "train/images_per_s",
    ):
        assert key in epochs[0][1]
    assert [panel.name for panel in tracker.panels] == ["drawn 3"] * 2
    assert tracker.panels[0].truth_HW is not None
    assert tracker.matrices[0].sum() == 72 * 126
    assert ("last", ("last",), ("pictures:abc",)) in tracker.artifacts
    assert {"best", "best-boundary"} <= {name for name, _, _ in tracker.artifacts}


def test_state_says_its_step(config: TrainConfig, data: Data, tmp_path: Path) -> None:
    train(config, data=data, out=tmp_path, time_limit_s=0.0, say=str)
    assert read_step(tmp_path / "state") == 1


def test_more_micro_batches_may_be_asked_for_at_a_resumption(
    config: TrainConfig, data: Data, tmp_path: Path
) -> None:
    train(config, data=data, out=tmp_path, time_limit_s=0.0, say=str)
    more = replace(config, accumulate=2)
    assert train(more, data=data, out=tmp_path, resume=True, say=str).accumulate == 2
