"""A training's folder: what is in it is not replaced unasked, and none is left half begun."""

import json
import shutil
from pathlib import Path
from typing import NoReturn

import pytest
from click.testing import CliRunner

from losszero_rt.checkpoint import read_checkpoint
from losszero_rt.errors import UsageError
from tests.train.commands.tiny_run import offer_tiny, ok, run
from train.__main__ import main
from train.commands.claiming import tidied
from train.config import TrainConfig
from train.datasets import read_split

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def tiny_recipe(tiny_config: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    offer_tiny(tiny_config, monkeypatch)


def test_resume_where_nothing_is_yet_begins_and_says_so(data_folder: Path, tmp_path: Path) -> None:
    output = ok(run(data_folder, tmp_path / "out", "--resume"))
    assert "holds no state yet: the training begins at step 0" in output
    assert "done; best epoch 1" in output
    assert "begins" not in ok(run(data_folder, tmp_path / "out", "--resume"))


def test_checkpoints_without_a_state_are_not_replaced_unasked(
    data_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    ok(run(data_folder, out))
    shutil.rmtree(out / "state")
    weights = read_checkpoint(out / "last").weights_sha256
    refused = run(data_folder, out, "--seed", "7")
    assert isinstance(refused.exception, UsageError)
    assert "--force" in str(refused.exception)
    assert read_checkpoint(out / "last").weights_sha256 == weights
    (out / "notes.txt").write_text("mine")
    ok(run(data_folder, out, "--seed", "7", "--force"))
    assert read_checkpoint(out / "last").weights_sha256 != weights
    assert (out / "notes.txt").read_text() == "mine"


def test_a_training_whose_state_was_removed_is_not_begun_again_by_resume(
    data_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    ok(run(data_folder, out, "--epochs", "2"))
    shutil.rmtree(out / "state")
    refused = run(data_folder, out, "--epochs", "2", "--resume")
    assert isinstance(refused.exception, UsageError)
    assert "whose state is gone" in str(refused.exception)
    # Killed between the first epoch's checkpoints and its state, a training has but one.
    rows = json.loads((out / "history.json").read_text())
    (out / "history.json").write_text(json.dumps(rows[:1]))
    assert "begins at step 0" in ok(run(data_folder, out, "--epochs", "2", "--resume"))


def weights_in(folder: Path) -> str:
    return read_checkpoint(folder).weights_sha256


def test_a_training_may_start_from_the_one_it_replaces(data_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ok(run(data_folder, out))
    before = weights_in(out / "last")
    ok(run(data_folder, out, "--seed", "7", "--force", "--start-from", str(out / "best")))
    assert weights_in(out / "last") != before
    assert len((out / "metrics.jsonl").read_text().splitlines()) > 2


@pytest.mark.parametrize(
    "words",
    [
        ("--start-from", "none-there"),
        ("--split", "none-there"),
        ("--fold", "1"),
        ("--cam-class", "wish"),
        ("--start-from", "last", "--set", "network.decoder_channels=16"),
        ("--set", "encoder_weights=none-there"),
        ("--accumulate", "9"),
    ],
)
def test_a_new_training_that_cannot_begin_leaves_the_old_one(
    words: tuple[str, ...], data_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    ok(run(data_folder, out))
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    asked = [str(out / word) if word == "last" else word for word in words]
    assert run(data_folder, out, "--force", *asked).exit_code
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_the_split_of_a_training_that_is_replaced_does_not_count(
    data_folder: Path, tmp_path: Path
) -> None:
    out, file = tmp_path / "out", tmp_path / "split.json"
    words = ["split", str(data_folder / "night_ride"), "--folds", "2", "--out", str(file)]
    ok(CliRunner().invoke(main, words))
    ok(run(data_folder, out, "--split", str(file), "--fold", "1"))
    ok(run(data_folder, out, "--force"))
    assert "val" in read_split(out / "split.json").parts


@pytest.mark.parametrize("force", [False, True])
def test_ctrl_c_before_the_first_step_leaves_no_split(
    force: bool, data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    if force:
        ok(run(data_folder, out))

    def interrupted(*_: object, **__: object) -> None:
        assert (out / "split.json").exists()
        raise KeyboardInterrupt

    monkeypatch.setattr("train.loop.train", interrupted)
    assert run(data_folder, out, *(["--force"] if force else [])).exit_code
    assert not (out / "split.json").exists()


def test_a_failed_start_leaves_nothing_behind(data_folder: Path, tmp_path: Path) -> None:
    out, there = tmp_path / "out", tmp_path / "there"
    there.mkdir()
    for folder in (out, there):
        assert run(data_folder, folder, "--start-from", str(tmp_path / "none")).exit_code
    assert not out.exists()
    assert not list(there.iterdir())


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("learning_rate=-1", "learning_rate -1"),
        ("learning_rate=NaN", "learning_rate nan. numbers above 0"),
        ("seed=-1", "seed -1"),
        ("samples_per_epoch=-3", "samples_per_epoch -3. 1 or more"),
        ("num_rides=-1", "num_rides -1. 0 or more"),
        ("warmup_share=7", "warmup_share 7.0. 0 to 1"),
        ("weight_decay=-1", "weight_decay"),
        ("paste_rate=9", "paste_rate"),
        ("gradient_clip=-2", "gradient_clip"),
        ("encoder_rate_factor=-1", "encoder_rate_factor"),
        ("shares.rides=-1", "shares.rides"),
        ("network.architecture=wish", "unknown architecture 'wish'"),
        ("network.encoder=resnet19", "unknown encoder"),
        ("network.decoder_channels=0", "8 to 512 decoder channels"),
        ("learning_rate=abc", "give a number"),
        ("samples_per_epoch=2.5", "give a whole number"),
    ],
)
def test_values_that_cannot_be_are_refused_before_anything_is_written(
    setting: str, told: str, data_folder: Path, tmp_path: Path
) -> None:
    refused = run(data_folder, tmp_path / "out", "--set", setting)
    assert isinstance(refused.exception, UsageError), refused.exception
    assert told in str(refused.exception)
    assert not (tmp_path / "out").exists()


def test_a_time_limit_below_0_is_refused(data_folder: Path, tmp_path: Path) -> None:
    refused = run(data_folder, tmp_path / "out", "--time-limit-min", "-1")
    assert refused.exit_code == 2
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("leads", [True, False])
def test_only_the_process_that_writes_removes_what_a_refused_training_wrote(
    tmp_path: Path, leads: bool
) -> None:
    out = tmp_path / "a"

    def refused() -> NoReturn:
        out.mkdir()
        (out / "split.json").write_text("{}")
        raise UsageError("refused")

    with pytest.raises(UsageError), tidied(out, leads=leads):
        refused()
    assert out.exists() is not leads
