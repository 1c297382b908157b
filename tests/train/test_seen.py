"""Whether a checkpoint was trained on the pictures that it is scored on."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from losszero_rt.checkpoint import RECORD_NAME, read_checkpoint
from losszero_rt.data_record import (
    ENCODER_KEY,
    OTHERS,
    SEEN_KEY,
    digests_of,
    encoder_in,
    seen_record,
    sources_in,
)
from losszero_rt.errors import ModelError
from train import recipes
from train.__main__ import main
from train.averaging import average_checkpoints
from train.commands.training_data import started_from
from train.config import TrainConfig
from train.data import Data
from train.datasets import LabelledPicture
from train.encoder_weights import name_of
from train.loop import train
from train.seen import Overlap, names_digest, overlap_with

pytestmark = pytest.mark.slow

NAMES = [f"drawn {seed}" for seed in range(4)]


@pytest.fixture
def config(tiny_config: TrainConfig) -> TrainConfig:
    return replace(tiny_config, phases=tiny_config.phases[:1])


@pytest.fixture
def data(pictures: list[LabelledPicture]) -> Data:
    return Data(sources={"night_ride": pictures[:3]}, val=pictures[3:], train_probe=pictures[:1])


def forget(folder: Path) -> None:
    """Make a checkpoint what it was before it told what it has seen."""
    path = folder / RECORD_NAME
    record = json.loads(path.read_text())
    del record["data"][SEEN_KEY]
    path.write_text(json.dumps(record))


def test_a_checkpoint_tells_its_pictures_by_digests_of_their_names(
    config: TrainConfig, data: Data, tmp_path: Path
) -> None:
    train(config, data=data, out=tmp_path, say=str)
    last = tmp_path / "last"
    assert "drawn" not in (last / RECORD_NAME).read_text()
    found = {len(names): overlap_with(last, names=names) for names in (NAMES[3:], NAMES, NAMES[:2])}
    assert {scored: overlap.seen for scored, overlap in found.items()} == {1: 0, 4: 3, 2: 2}
    assert str(found[4]) == "saw 3 of 4 scored pictures"


def test_what_weights_started_from_counts(config: TrainConfig, data: Data, tmp_path: Path) -> None:
    before = replace(data, origin=seen_record(digests_of(["drawn 3"])))
    train(config, data=before, out=tmp_path / "informed", say=str)
    assert overlap_with(tmp_path / "informed" / "last", names=NAMES).seen == 4
    train(config, data=replace(data, origin={}), out=tmp_path / "given", say=str)
    assert str(overlap_with(tmp_path / "given" / "last", names=NAMES)) == "unknown"


def test_a_training_that_goes_on_knows_what_its_first_weights_had_seen(
    config: TrainConfig, data: Data, tmp_path: Path
) -> None:
    origin = {**seen_record(digests_of(["drawn 3"])), ENCODER_KEY: "elsewhere"}
    first = replace(data, origin=origin)
    train(config, data=first, out=tmp_path, time_limit_s=0, say=str)
    train(config, data=data, out=tmp_path, resume=True, say=str)
    last = tmp_path / "last"
    assert overlap_with(last, names=NAMES).seen == 4
    assert read_checkpoint(last).data[ENCODER_KEY] == "elsewhere"


def test_no_training_that_goes_on_takes_over_what_it_did_not_begin_with(
    config: TrainConfig, data: Data, tmp_path: Path
) -> None:
    train(config, data=data, out=tmp_path, time_limit_s=0, say=str)
    other = replace(data, origin=seen_record(digests_of(["drawn 3"])))
    train(config, data=other, out=tmp_path, resume=True, say=str)
    assert overlap_with(tmp_path / "last", names=NAMES).seen == 3


def test_a_state_without_an_origin_goes_on_with_what_is_given(
    config: TrainConfig, data: Data, tmp_path: Path
) -> None:
    train(config, data=data, out=tmp_path, time_limit_s=0, say=str)
    path = tmp_path / "state" / "state.json"
    record = json.loads(path.read_text())
    del record["origin"]
    path.write_text(json.dumps(record))
    other = replace(data, origin=seen_record(digests_of(["drawn 3"])))
    train(config, data=other, out=tmp_path, resume=True, say=str)
    assert overlap_with(tmp_path / "last", names=NAMES).seen == 4
    path.write_text(json.dumps({**json.loads(path.read_text()), "origin": 7}))
    with pytest.raises(ModelError, match=r"damaged: origin is no record"):
        train(config, data=other, out=tmp_path, resume=True, say=str)


def test_a_mean_has_seen_what_any_of_its_parts_has_seen(
    config: TrainConfig, data: Data, pictures: list[LabelledPicture], tmp_path: Path
) -> None:
    train(config, data=data, out=tmp_path / "a", say=str)
    other = replace(data, sources={"night_ride": pictures[1:]})
    train(config, data=other, out=tmp_path / "b", say=str)
    folders = [tmp_path / "a" / "last", tmp_path / "b" / "last"]
    average_checkpoints(folders, out=tmp_path / "mean", val=pictures[3:])
    assert overlap_with(tmp_path / "mean", names=NAMES).seen == 4
    forget(folders[1])
    average_checkpoints(folders, out=tmp_path / "half", val=pictures[3:])
    assert overlap_with(tmp_path / "half", names=NAMES).seen is None


def test_where_the_encoder_began_goes_with_the_weights(
    config: TrainConfig, data: Data, tmp_path: Path
) -> None:
    train(config, data=data, out=tmp_path / "fresh", say=str)
    assert encoder_in(read_checkpoint(tmp_path / "fresh" / "last").data) == "none"
    train(config, data=replace(data, origin={ENCODER_KEY: "imagenet"}), out=tmp_path / "a", say=str)
    assert encoder_in(read_checkpoint(tmp_path / "a" / "last").data) == "imagenet"
    started = started_from(tmp_path / "a" / "last", data=data)[1]
    assert started.origin is not None
    assert encoder_in(started.origin) == "imagenet"
    named = [name_of(one) for one in ("none", "/home/me/sam.pth", "./imagenet")]
    assert named == ["none", "sam.pth", "./imagenet"]


def test_data_sets_are_known_through_trainings_and_means(
    config: TrainConfig, data: Data, pictures: list[LabelledPicture], tmp_path: Path
) -> None:
    other = replace(data, sources={"comma10k": pictures[:3]})
    train(config, data=other, out=tmp_path / "first", say=str)
    first = tmp_path / "first" / "last"
    assert sources_in(read_checkpoint(first).data) == {"comma10k"}
    train(config, data=started_from(first, data=data)[1], out=tmp_path / "second", say=str)
    second = tmp_path / "second" / "last"
    assert read_checkpoint(second).data["train"] == {"night_ride": 3}
    assert sources_in(read_checkpoint(second).data) == {"comma10k", "night_ride"}
    average_checkpoints([first, second], out=tmp_path / "mean", val=pictures[3:])
    assert sources_in(read_checkpoint(tmp_path / "mean").data) == {"comma10k", "night_ride"}
    # Records of before name those of their own training, and there may be others.
    record = json.loads((first / RECORD_NAME).read_text())
    del record["data"]["sources"]
    (first / RECORD_NAME).write_text(json.dumps(record))
    began = started_from(first, data=data)[1].summary()
    assert sources_in(began) == {"comma10k", "night_ride", OTHERS}


def test_a_mean_of_two_origins_has_none(
    config: TrainConfig, data: Data, pictures: list[LabelledPicture], tmp_path: Path
) -> None:
    folders = [tmp_path / name / "last" for name in ("none", "imagenet")]
    for folder in folders:
        began = replace(data, origin={ENCODER_KEY: folder.parent.name})
        train(config, data=began, out=folder.parent, say=str)
    for index, known in ((0, "none"), (1, "")):
        same = [folders[0], folders[index]]
        average_checkpoints(same, out=tmp_path / f"mean{index}", val=pictures[3:])
        assert encoder_in(read_checkpoint(tmp_path / f"mean{index}").data) == known


def test_rendered_rides_are_not_recorded(data: Data, pictures: list[LabelledPicture]) -> None:
    both = replace(data, sources={"night_ride": pictures[:1], "rides": pictures[1:]})
    assert both.summary()[SEEN_KEY].split() == sorted(digests_of(NAMES[:1]))


def test_the_split_beside_an_older_checkpoint_tells(
    config: TrainConfig, data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(recipes.RECIPES, "tiny", lambda: config)
    folds, names = tmp_path / "folds.json", [f"p{seed}.png" for seed in range(4)]
    split = ["split", str(data_folder / "night_ride"), "--folds", "2", "--out", str(folds)]
    assert CliRunner().invoke(main, split).exit_code == 0
    kept = set(json.loads(folds.read_text())["parts"]["fold-2"])
    fixed = ["--data", str(data_folder), "--track", "disabled", "--workers", "0"]
    for out, more in (("own", []), ("fold", ["--split", str(folds), "--fold", "2"])):
        words = ["run", "--recipe", "tiny", "--out", str(tmp_path / out), *fixed, *more]
        result = CliRunner().invoke(main, words)
        assert result.exit_code == 0, result.output
        forget(tmp_path / out / "last")
    found = overlap_with(tmp_path / "own" / "last", names=names)
    assert found == Overlap(seen=3, scored=4, by_split=True)
    found = overlap_with(tmp_path / "fold" / "last", names=sorted(kept))
    assert found == Overlap(seen=0, scored=len(kept), by_split=True)
    # Without the state nobody knows which fold was kept.
    (tmp_path / "fold" / "state" / "state.json").unlink()
    assert overlap_with(tmp_path / "fold" / "last", names=names).seen is None
    (tmp_path / "own" / "split.json").unlink()
    assert overlap_with(tmp_path / "own" / "last", names=names).seen is None


def test_start_from_hands_its_pictures_on(
    config: TrainConfig, data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(recipes.RECIPES, "tiny", lambda: config)
    fixed = ["--data", str(data_folder), "--track", "disabled", "--workers", "0"]

    def run(out: str, *more: str) -> Path:
        words = ["run", "--recipe", "tiny", "--out", str(tmp_path / out), *fixed, *more]
        result = CliRunner().invoke(main, words)
        assert result.exit_code == 0, result.output
        return tmp_path / out / "last"

    first = run("first")
    record = json.loads((first / RECORD_NAME).read_text())
    record["data"][SEEN_KEY] = seen_record(digests_of(["p3.png"]))[SEEN_KEY]
    (first / RECORD_NAME).write_text(json.dumps(record))
    names = [f"p{seed}.png" for seed in range(4)]
    assert overlap_with(run("second", "--start-from", str(first)), names=names).seen == 4
    (first.parent / "split.json").unlink()
    forget(first)
    third = run("third", "--start-from", str(first))
    assert SEEN_KEY not in read_checkpoint(third).data


def test_the_digest_of_names_tells_order_and_number() -> None:
    assert names_digest(["a", "b"]) != names_digest(["b", "a"])
    assert names_digest(["a", "b"]).startswith("n=2 ")
