import os
import signal
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from losszero_rt.checkpoint import load_network, read_checkpoint
from losszero_rt.data_record import encoder_in
from losszero_rt.errors import ModelError, UsageError
from train import averaging
from train import reproduce as reproducing
from train.__main__ import main
from train.averaging import average_checkpoints, mean_of
from train.config import TrainConfig
from train.data import Data
from train.datasets import LabelledPicture
from train.recipes import RECIPES
from train.reproduce import RECEIPTS, Receipt, Stage, pending_stages, reproduce
from train.shifting import SHIFTS_KEY
from train.state import read_step
from train.stopping import StoppedError

pytestmark = pytest.mark.slow


@pytest.fixture
def receipt(tiny_config: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> Receipt:
    """A model of a few steps: one stage, then two that start from it."""
    recipes = {
        "one": tiny_config,
        "two": replace(tiny_config, seed=5),
        # Its encoder weights are not loaded: it starts from the others.
        "three": replace(tiny_config, seed=6, encoder_weights="imagenet"),
    }
    made = Receipt(
        stages=(
            Stage(recipe="one"),
            Stage(recipe="two", starts_from=("one",)),
            Stage(recipe="three", starts_from=("one", "two")),
        ),
        averaged=("two", "three"),
    )
    monkeypatch.setattr(reproducing, "recipe", recipes.__getitem__)
    monkeypatch.setitem(RECEIPTS, "tiny", made)
    return made


@pytest.fixture
def data(pictures: list[LabelledPicture]) -> Data:
    return Data(sources={"night_ride": pictures[:3]}, val=pictures[3:], train_probe=pictures[:1])


@pytest.mark.usefixtures("receipt")
def test_the_result_is_the_mean_of_what_the_receipt_averages(data: Data, tmp_path: Path) -> None:
    record = reproduce("tiny", data=data, out=tmp_path, say=lambda _: None)
    assert record is not None
    assert record.scores["n"] == 1
    assert encoder_in(record.data) == "none"
    final = load_network(tmp_path / "final")[0].state_dict()
    parts = [load_network(tmp_path / name / "last")[0].state_dict() for name in ("two", "three")]
    key = "segmentation_head.0.weight"
    assert not torch.equal(parts[0][key], parts[1][key])
    assert torch.allclose(final[key], (parts[0][key] + parts[1][key]) / 2)


def test_the_mean_is_shifted_before_it_is_scored_and_written_once(
    receipt: Receipt, data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = reproduce("tiny", data=data, out=tmp_path, say=lambda _: None)
    bias = "segmentation_head.0.bias"
    unshifted = load_network(tmp_path / "final")[0].state_dict()[bias]
    monkeypatch.setitem(RECEIPTS, "tiny", replace(receipt, shifts={"road": -9.0}))
    calls: list[str] = []
    for name in ("score", "write_checkpoint"):
        monkeypatch.setattr(averaging, name, partial(noting, calls, getattr(averaging, name)))
    record = reproduce("tiny", data=data, out=tmp_path, say=lambda _: None)
    assert calls == ["score", "write_checkpoint"]
    assert record is not None
    assert plain is not None
    assert SHIFTS_KEY not in plain.data
    assert record.data[SHIFTS_KEY] == {"road": -9.0}
    assert record.scores != plain.scores
    moved = load_network(tmp_path / "final")[0].state_dict()[bias] - unshifted
    assert torch.allclose(moved, torch.tensor([0, -9.0, 0, 0, 0, 0]), atol=1e-5)


def noting(calls: list[str], real: Callable[..., Any], *given: Any, **options: Any) -> Any:
    calls.append(real.__name__)
    return real(*given, **options)


@pytest.mark.usefixtures("receipt")
def test_what_is_done_is_not_done_again(data: Data, tmp_path: Path) -> None:
    assert reproduce("tiny", data=data, out=tmp_path, time_limit_s=0, say=lambda _: None) is None
    lines: list[object] = []
    first = reproduce("tiny", data=data, out=tmp_path, say=lines.append)
    assert any("three" in str(line) for line in lines)
    lines.clear()
    again = reproduce("tiny", data=data, out=tmp_path, say=lines.append)
    assert lines == []
    assert again == first


@pytest.mark.usefixtures("receipt")
def test_a_signal_ends_all_stages_and_the_same_call_goes_on(data: Data, tmp_path: Path) -> None:
    lines: list[object] = []

    def ask(line: object) -> None:
        lines.append(line)
        os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(StoppedError) as stopped:
        reproduce("tiny", data=data, out=tmp_path, say=ask)
    assert stopped.value.exit_code == 143
    assert len(lines) == 1
    assert f"after step {read_step(tmp_path / 'one' / 'state')} of" in str(stopped.value)
    assert pending_stages("tiny", out=tmp_path) == ["one", "two", "three"]
    assert reproduce("tiny", data=data, out=tmp_path, say=lines.append) is not None
    assert pending_stages("tiny", out=tmp_path) == []


@pytest.mark.usefixtures("receipt")
def test_what_only_training_needs_is_not_read_where_nothing_is_left_to_train(
    tiny_config: TrainConfig, data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_rides = replace(tiny_config, phases=tiny_config.phases[:1], num_rides=1)
    stages = {name: replace(with_rides, seed=seed) for seed, name in enumerate(("one", "two"))}
    monkeypatch.setattr(reproducing, "recipe", stages.__getitem__)
    for name in stages:
        monkeypatch.setitem(RECIPES, name, partial(stages.__getitem__, name))
    made = Receipt(stages=tuple(Stage(recipe=name) for name in stages), averaged=("one", "two"))
    monkeypatch.setitem(RECEIPTS, "tiny", made)
    words = ["reproduce", "tiny", "--data", str(data_folder), "--out", str(tmp_path / "out")]
    outputs = [CliRunner().invoke(main, words, catch_exceptions=False).output for _ in range(2)]
    assert "drawing 1 rides" in outputs[0]
    assert "drawing" not in outputs[1]
    assert "all stages are done" in outputs[1]
    assert outputs[0].splitlines()[-1] == outputs[1].splitlines()[-1]


def test_an_unknown_model_names_those_there_are(data: Data, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="night-ride"):
        reproduce("day-ride", data=data, out=tmp_path)


def test_receipts_name_recipes_and_earlier_stages() -> None:
    for receipt in RECEIPTS.values():
        earlier: set[str] = set()
        for stage in receipt.stages:
            assert stage.recipe in RECIPES
            assert set(stage.starts_from) <= earlier
            earlier.add(stage.recipe)
        assert set(receipt.averaged) <= earlier


def test_counters_are_not_averaged() -> None:
    states = [
        {"weight": torch.tensor([value]), "seen": torch.tensor(count)}
        for value, count in ((1.0, 3), (2.0, 5))
    ]
    mean = mean_of(states)
    assert mean["weight"].item() == 1.5
    assert mean["seen"].item() == 3


@pytest.mark.usefixtures("receipt")
def test_networks_of_two_kinds_are_not_averaged(
    data: Data, tiny_config: TrainConfig, tmp_path: Path
) -> None:
    from losszero_rt.checkpoint import write_checkpoint
    from losszero_rt.network import build_network

    reproduce("tiny", data=data, out=tmp_path, say=lambda _: None)
    spec = replace(tiny_config.network, decoder_channels=16)
    record = replace(read_checkpoint(tmp_path / "one" / "last"), network=spec)
    write_checkpoint(tmp_path / "wide", checkpoint=record, weights=build_network(spec).state_dict())
    with pytest.raises(ModelError, match="another network"):
        average_checkpoints(
            [tmp_path / "one" / "last", tmp_path / "wide"], out=tmp_path / "x", val=data.val
        )
