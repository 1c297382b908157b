import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from losszero_rt.checkpoint import load_network, read_checkpoint, read_weights
from losszero_rt.errors import ModelError
from train.config import TrainConfig
from train.datasets import LabelledPicture
from train.loop import Data, train
from train.state import STATE_FORMAT, Progress, has_state, read_step


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


@pytest.mark.slow
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


@pytest.mark.slow
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
    assert {key: last.data[key] for key in ("train", "val")} == {
        "train": {"night_ride": 3},
        "val": 1,
    }
    assert not network.training
    assert read_checkpoint(tmp_path / "best").scores["miou"] == pytest.approx(
        progress.best_miou, abs=1e-6
    )


@pytest.mark.slow
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


@pytest.mark.slow
def test_resume_with_other_data_is_refused(
    tiny_config: TrainConfig, data: Data, tmp_path: Path
) -> None:
    train(tiny_config, data=data, out=tmp_path, time_limit_s=0.0, say=str)
    swapped = replace(data, sources={"night_ride": data.val}, val=data.sources["night_ride"])
    fewer = replace(data, sources={"night_ride": data.sources["night_ride"][:2]})
    changed = replace(data, split_version="0123456789abcdef")
    for other, told in (
        (swapped, r"train night_ride was n=3 \w+, is n=1 \w+; val was n=1 \w+, is n=3"),
        (fewer, r"train night_ride was n=3 \w+, is n=2"),
        (changed, r"split was absent, is 0123456789ab"),
    ):
        with pytest.raises(ModelError, match=told):
            train(tiny_config, data=other, out=tmp_path, resume=True, say=str)
    assert train(tiny_config, data=data, out=tmp_path, resume=True, say=str).history


def test_time_limit_counts_this_call_and_not_those_before(
    tiny_config: TrainConfig, data: Data, tmp_path: Path
) -> None:
    first = train(tiny_config, data=data, out=tmp_path, time_limit_s=0.0, say=str)
    record = json.loads((tmp_path / "state" / "state.json").read_text())
    record["progress"]["elapsed_s"] = 1e6
    (tmp_path / "state" / "state.json").write_text(json.dumps(record))
    again = train(tiny_config, data=data, out=tmp_path, resume=True, time_limit_s=500.0, say=str)
    assert first.step == 1
    assert again.step == tiny_config.num_steps
    assert again.elapsed_s > 1e6


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[]", "a list, no record"),
        ('{"format": 3}', "no config, data, progress, scaler, sha256"),
        ('{"format": 2}', "format 2"),
        ("[" * 100_000, "no JSON"),
        (" " * 2000, "larger than"),
        (None, "progress has a wrong step"),
    ],
)
def test_a_damaged_record_of_a_state_is_refused(
    tmp_path: Path, content: str | None, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if content is None:
        progress = {**asdict(Progress()), "step": "many"}
        kept = {"config": {}, "data": {}, "scaler": {}, "sha256": "", "progress": progress}
        content = json.dumps({"format": STATE_FORMAT, **kept})
    elif not content.strip():
        monkeypatch.setattr("train.state.RECORD_BYTES_MAX", 1000)
    (tmp_path / "state.json").write_text(content)
    assert has_state(tmp_path)
    with pytest.raises(ModelError, match=told):
        read_step(tmp_path)


@pytest.mark.slow
def test_resume_without_a_state_begins_and_says_so(
    tiny_config: TrainConfig, data: Data, tmp_path: Path
) -> None:
    lines: list[str] = []
    train(tiny_config, data=data, out=tmp_path / "resumed", resume=True, say=lines.append)
    assert "holds no state yet: the training begins at step 0" in lines[0]
    train(tiny_config, data=data, out=tmp_path / "whole", say=str)
    assert_same(tmp_path / "whole", tmp_path / "resumed")


@pytest.mark.slow
def test_the_state_is_written_at_the_end_of_every_epoch(
    tiny_config: TrainConfig, data: Data, tmp_path: Path
) -> None:
    seen: list[int] = []

    def look(line: str) -> None:
        # A line is said as an epoch ends, before its state is written: that of the one before is.
        seen.append(read_step(tmp_path / "state") if has_state(tmp_path / "state") else 0)

    train(tiny_config, data=data, out=tmp_path, say=look)
    assert seen == [0, 2]


def test_resume_with_a_damaged_state_is_refused(
    tiny_config: TrainConfig, data: Data, tmp_path: Path
) -> None:
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
