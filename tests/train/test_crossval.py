"""Cross-validation: every picture scored once, no ride on both sides, resumable."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from losszero_rt.checkpoint import load_network
from losszero_rt.classmap import NIGHT_RIDE
from losszero_rt.data_record import encoder_in
from losszero_rt.errors import InputError, UsageError
from losszero_rt.network import NetworkSpec
from losszero_rt.preprocess import InputSpec
from tests.train.conftest import draw_picture
from train import loop
from train.commands.crossval import crossval
from train.config import Phase, TrainConfig
from train.crossval import CrossValidation, check_leaks, cross_validate, fold_split
from train.crossval_report import crossval_markdown, crossval_record
from train.data import Data
from train.datasets import PictureSet, Split, open_pictures
from train.datasets.leaks import near_duplicates
from train.recipes import RECIPES
from train.scored import score_all
from train.stopping import StoppedError

pytestmark = pytest.mark.slow

RIDES = ("a", "a", "b", "b", "c", "d")


def scenery(seed: int) -> np.ndarray:
    """Coarse lights of a place, so that no two pictures are near-duplicates."""
    lights = np.random.default_rng(seed).integers(0, 127, (6, 9, 1), np.uint8)
    return lights.repeat(12, axis=0).repeat(14, axis=1)


@pytest.fixture(scope="module")
def rides(tmp_path_factory: pytest.TempPathFactory) -> PictureSet:
    """Six drawn pictures of four rides."""
    folder = tmp_path_factory.mktemp("data") / "night_ride"
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    rows = []
    for seed, ride in enumerate(RIDES):
        picture = draw_picture(seed)
        bgr = cv2.cvtColor(picture.pixels_HWC, cv2.COLOR_RGB2BGR) // 2 + scenery(seed)
        cv2.imwrite(str(folder / "images" / f"p{seed}.png"), bgr)
        cv2.imwrite(str(folder / "masks" / f"p{seed}.png"), picture.labels_HW)
        rows.append({"file": f"p{seed}.png", "split": "train", "group": ride})
    (folder / "manifest.json").write_text(json.dumps(rows))
    return open_pictures(folder, classes=NIGHT_RIDE)


@pytest.fixture(scope="module")
def config() -> TrainConfig:
    """Two steps of a small network."""
    return TrainConfig(
        network=NetworkSpec(architecture="unet", decoder_channels=8),
        phases=(Phase(epochs=1, crop_size=(64, 64), batch_size=2, scale=(0.8, 1.2)),),
        input=InputSpec(size=(64, 96), mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
        samples_per_epoch=4,
        encoder_weights="none",
        num_rides=0,
    )


@dataclass(frozen=True)
class Watched:
    """A cross-validation of three folds with what each training was given."""

    result: CrossValidation
    given: list[Data]
    out: Path


@contextmanager
def watched_trainings() -> Iterator[list[Data]]:
    """Note what each training is given; the trainings are real."""
    given: list[Data] = []
    real: Callable[..., Any] = loop.train

    def noting(config: TrainConfig, *, data: Data, **options: Any) -> Any:
        given.append(data)
        return real(config, data=data, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("train.crossval.train", noting)
        yield given


@pytest.fixture(scope="module")
def whole(
    rides: PictureSet, config: TrainConfig, tmp_path_factory: pytest.TempPathFactory
) -> Watched:
    out = tmp_path_factory.mktemp("whole") / "out"
    with watched_trainings() as given:
        return Watched(run([config], rides, out), given, out)


def run(
    stages: list[TrainConfig], pictures: PictureSet, out: Path, *, folds: int = 3, **options: Any
) -> CrossValidation:
    duplicates = near_duplicates(pictures)
    split = fold_split(pictures, folds=folds, duplicates=duplicates)
    chosen = {"source": "night_ride", "others": {}, "say": str, "accelerator": "cpu", **options}
    return cross_validate(
        stages, pictures=pictures, split=split, duplicates=duplicates, out=out, **chosen
    )


def test_no_ride_is_trained_on_and_scored(rides: PictureSet, whole: Watched) -> None:
    ride_of = {record.name: record.ride for record in rides.records}
    assert len(whole.given) == 3
    for fold, data in zip(whole.result.folds, whole.given, strict=True):
        trained_on = {picture.ride for picture in data.sources["night_ride"]}
        probed = {picture.ride for picture in data.train_probe}
        scored = {ride_of[name] for name in fold.scored.names}
        assert scored
        assert not scored & trained_on
        assert not scored & probed
        assert scored | trained_on == set(RIDES)
    assert sorted(whole.result.scored.names) == sorted(rides.names)


def test_a_split_through_a_ride_is_refused_with_its_name(rides: PictureSet) -> None:
    first, *rest = rides.names
    split = Split(seed=1, scheme="folds 2", parts={"fold-1": (first,), "fold-2": tuple(rest)})
    with pytest.raises(InputError, match=r"fold-1 \| fold-2: .*ride a"):
        check_leaks(split, rides, duplicates=())


def test_near_duplicates_share_a_fold(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    for index, place in enumerate((1, 1, 2, 3)):
        picture = draw_picture(place)
        pixels = picture.pixels_HWC // 2 + scenery(place)
        cv2.imwrite(str(tmp_path / "images" / f"p{index}.png"), pixels)
        cv2.imwrite(str(tmp_path / "masks" / f"p{index}.png"), picture.labels_HW)
    pictures = open_pictures(tmp_path)
    duplicates = near_duplicates(pictures)
    split = fold_split(pictures, folds=3, duplicates=duplicates)
    assert any(set(names) == {"p0.png", "p1.png"} for names in split.parts.values())
    torn = Split(
        seed=1, scheme="folds 2", parts={"fold-1": ("p0.png",), "fold-2": pictures.names[1:]}
    )
    with pytest.raises(InputError, match=r"p0\.png, p1\.png \(alike"):
        check_leaks(torn, pictures, duplicates=duplicates)


def test_score_is_over_all_pictures_by_the_network_that_did_not_see_them(
    rides: PictureSet, whole: Watched
) -> None:
    result = whole.result
    assert result.complete
    assert result.scored.scores.n == len(RIDES)
    total = sum(picture.labels_HW.size for picture in rides)
    assert result.scored.scores.total.sum() == total
    for fold in result.folds:
        network, record = load_network(fold.folder / "last")
        kept = rides.subset(fold.scored.names)
        again = score_all(network, kept, spec=record.input, classes=record.classes)
        assert np.array_equal(again.scores.matrices, fold.scored.scores.matrices)
        assert np.array_equal(again.outlines.counts, fold.scored.outlines.counts)


def test_a_stopped_one_goes_on_and_ends_like_an_unbroken_one(
    rides: PictureSet, config: TrainConfig, tmp_path: Path, whole: Watched
) -> None:
    stopped = run([config], rides, tmp_path, time_limit_s=1e-6)
    assert not stopped.complete
    tries = 0
    while not stopped.complete:
        stopped = run([config], rides, tmp_path, resume=True, time_limit_s=0.3)
        tries += 1
        assert tries < 20
    ours, theirs = stopped.scored.scores, whole.result.scored.scores
    assert np.array_equal(ours.matrices, theirs.matrices)


def test_a_signal_ends_all_folds_and_the_next_call_goes_on(
    rides: PictureSet, config: TrainConfig, tmp_path: Path
) -> None:
    def ask(line: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(StoppedError) as stopped:
        run([config], rides, tmp_path / "out", say=ask)
    assert stopped.value.exit_code == 143
    assert not (tmp_path / "out" / "fold-2").exists()
    assert run([config], rides, tmp_path / "out", resume=True).complete


def test_finished_folds_are_neither_trained_nor_scored_again(
    rides: PictureSet, config: TrainConfig, whole: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("done again")

    monkeypatch.setattr("train.crossval.train", refuse)
    monkeypatch.setattr("train.crossval.score_all", refuse)
    again = run([config], rides, whole.out, resume=True)
    assert np.array_equal(again.scored.scores.matrices, whole.result.scored.scores.matrices)
    assert again.folds[0].elapsed_s == whole.result.folds[0].elapsed_s


def test_a_second_stage_starts_from_the_end_of_the_first(
    rides: PictureSet, config: TrainConfig, tmp_path: Path
) -> None:
    still = replace(config, learning_rate=1e-12, weight_decay=0.0, samples_per_epoch=2)
    # Weights that no stage after the first loads.
    still = replace(still, encoder_weights="imagenet")
    result = run([config, still], rides, tmp_path, folds=2)
    for fold in result.folds:
        first, before = load_network(fold.folder / "stage-1" / "last")
        second, record = load_network(fold.folder / "last")
        assert encoder_in(before.data) == encoder_in(record.data) == "none"
        kernel = "encoder.model.conv_stem.weight"
        assert np.allclose(first.state_dict()[kernel], second.state_dict()[kernel], atol=1e-6)
        assert fold.epoch == 2


def test_a_folder_is_not_mixed_with_other_folds_or_recipes(
    rides: PictureSet, config: TrainConfig, tmp_path: Path
) -> None:
    run([config], rides, tmp_path, time_limit_s=0.0)
    with pytest.raises(UsageError, match="--resume"):
        run([config], rides, tmp_path)
    with pytest.raises(UsageError, match="another recipe"):
        run([replace(config, seed=7)], rides, tmp_path, resume=True)
    with pytest.raises(UsageError, match="other folds or other data"):
        run([config], rides[:5], tmp_path, resume=True)


def test_reports_name_every_picture_ride_and_class(
    rides: PictureSet, config: TrainConfig, whole: Watched
) -> None:
    result = whole.result
    record = crossval_record(result, pictures=rides, recipes={"tiny": config.as_dict()})
    plain = json.loads(json.dumps(record, allow_nan=False))
    assert plain["scores"]["n"] == 6
    assert plain["scores"]["miou"] == pytest.approx(result.scored.scores.miou, abs=1e-6)
    assert {ride for fold in plain["folds"] for ride in fold["rides"]} == set(RIDES)
    names = [picture["name"] for fold in plain["folds"] for picture in fold["pictures"]]
    assert sorted(names) == sorted(rides.names)
    text = crossval_markdown(result, title="tiny")
    assert "n = 6 pictures" in text
    assert all(f"| {name} |" in text for name in config.classes.names)
    partial = CrossValidation(split=result.split, folds=result.folds[:1])
    assert "1 of 3 folds" in crossval_markdown(partial, title="tiny")


def test_the_command_writes_both_reports_and_goes_on_where_it_stopped(
    rides: PictureSet, config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RECIPES, "tiny", lambda: config)
    data, out = rides.records[0].image.parents[2], tmp_path / "out"
    arguments = ["tiny", "--data", str(data), "--out", str(out), "--folds", "2", "--resume"]
    stopped = CliRunner().invoke(
        crossval, [*arguments, "--time-limit-min", "0"], catch_exceptions=False
    )
    assert "looking for near-duplicates among 6 pictures" in stopped.output
    assert "0 of 2 folds done" in stopped.output
    assert not (out / "crossval.json").exists()
    done = CliRunner().invoke(crossval, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    record = json.loads((out / "crossval.json").read_text())
    assert record["scores"]["n"] == 6
    assert record["recipes"]["tiny"]["seed"] == config.seed
    assert (out / "crossval.md").read_text() in done.output


def test_a_recipe_that_comes_again_is_a_stage_of_its_own(
    rides: PictureSet, config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RECIPES, "tiny", lambda: replace(config, samples_per_epoch=2))
    data, out = rides.records[0].image.parents[2], tmp_path / "out"
    arguments = ["tiny", "--then", "tiny", "--data", str(data), "--out", str(out), "--folds", "2"]
    done = CliRunner().invoke(crossval, arguments, catch_exceptions=False)
    assert "# tiny, then tiny (2): 2-fold" in done.output
    record = json.loads((out / "crossval.json").read_text())
    assert list(record["recipes"]) == ["tiny", "tiny (2)"]
    assert (out / "fold-1" / "stage-1" / "last").is_dir()
