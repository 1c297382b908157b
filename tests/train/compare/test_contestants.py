"""Recipes and checkpoints become contestants: named, timed, trained once."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from losszero_rt.checkpoint import read_checkpoint
from losszero_rt.errors import UsageError
from tests.train.compare.conftest import write_tiny
from train.compare.contestants import Contestant, check_names, contestant_of, trained
from train.config import TrainConfig
from train.data import Data
from train.datasets import LabelledPicture


@pytest.mark.parametrize(
    ("folder", "name"),
    [("night/best", "night-best"), ("my model", "my-model"), ("night/last", "night-last")],
)
def test_a_checkpoint_is_called_after_its_training(tmp_path: Path, folder: str, name: str) -> None:
    assert contestant_of(write_tiny(tmp_path / folder)).name == name


def test_minutes_are_those_up_to_the_checkpoint_s_epoch(tmp_path: Path) -> None:
    contestant = contestant_of(write_tiny(tmp_path / "night" / "best"))
    assert contestant.epochs == 2
    assert contestant.train_minutes is None
    rows = [{"epoch": epoch, "elapsed_s": 90 * epoch} for epoch in (1, 2, 3)]
    (tmp_path / "night" / "history.json").write_text(json.dumps(rows))
    assert contestant.train_minutes == 3.0
    (tmp_path / "night" / "history.json").write_text("[")
    assert contestant.train_minutes is None


def test_two_of_one_name_are_refused() -> None:
    with pytest.raises(UsageError, match="called a"):
        check_names(["a", "b", "a"])


@pytest.mark.slow
def test_a_recipe_is_trained_gone_on_with_and_not_trained_twice(
    tiny_config: TrainConfig, pictures: list[LabelledPicture], tmp_path: Path
) -> None:
    config = replace(tiny_config, samples_per_epoch=2)
    data = Data(sources={"night_ride": pictures[:3]}, val=pictures[3:], train_probe=pictures[:1])

    def run(limit_s: float) -> Contestant:
        return trained(
            "tiny",
            config,
            data=data,
            out=tmp_path / "tiny",
            weights="last",
            time_limit_s=limit_s,
            say=lines.append,
        )

    lines: list[str] = []
    stopped = run(1e-6)
    assert stopped.epochs == 1
    assert stopped.epochs_planned == 2
    assert "time limit" in lines[-1]
    done = run(1e6)
    assert done.epochs == 2
    digest = read_checkpoint(done.checkpoint).weights_sha256
    again = run(1e6)
    assert read_checkpoint(again.checkpoint).weights_sha256 == digest
    assert again.train_minutes is not None


def test_a_recipe_without_a_finished_epoch_is_refused(
    tiny_config: TrainConfig, pictures: list[LabelledPicture], tmp_path: Path
) -> None:
    data = Data(sources={"night_ride": pictures[:3]}, val=pictures[3:], train_probe=pictures[:1])
    with pytest.raises(UsageError, match="no epoch"):
        trained(
            "tiny",
            tiny_config,
            data=data,
            out=tmp_path / "tiny",
            weights="last",
            time_limit_s=1e-6,
            say=str,
        )
