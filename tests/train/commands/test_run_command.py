import json
import pickle
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from losszero_rt.checkpoint import read_checkpoint
from losszero_rt.classmap import CAMVID
from losszero_rt.errors import InputError, UsageError
from tests.train.commands.tiny_run import offer_tiny, ok, run
from tests.train.datasets.drawn_layouts import scene, write, write_camvid
from train.__main__ import main
from train.config import TrainConfig
from train.datasets import open_pictures, read_split, write_split
from train.lineage import read_lineage

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def tiny_recipe(tiny_config: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    offer_tiny(tiny_config, monkeypatch)


def rows_of(out: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def test_run_leaves_checkpoints_split_and_lineage(data_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    output = ok(run(data_folder, out))
    assert "epoch 1/1" in output
    assert "done; best epoch 1" in output
    assert {"last", "best", "best-boundary", "state"} <= {path.name for path in out.iterdir()}
    split = read_split(out / "split.json")
    assert split.parts["val"] == ("p3.png",)
    assert [row["step"] for row in rows_of(out) if "train/loss" in row] == [1, 2]
    lineage = {artifact.kind: artifact for artifact in read_lineage(out)}
    assert lineage["data"].version == split.data_version
    assert lineage["checkpoint"].uses == (lineage["data"].ref,)


def test_stopped_run_is_resumed_where_it_stood(data_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert "step 1 of 2; go on with --resume" in ok(run(data_folder, out, "--time-limit-min", "0"))
    assert not (out / "last").exists()
    assert "--resume" in str(run(data_folder, out).exception)
    ok(run(data_folder, out, "--resume"))
    assert [row["step"] for row in rows_of(out) if "train/loss" in row] == [1, 2]
    assert read_checkpoint(out / "last").epoch == 1


def test_a_fold_of_a_split_file_is_kept(data_folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "folds.json"
    words = ["split", str(data_folder / "night_ride"), "--folds", "2", "--out", str(file)]
    ok(CliRunner().invoke(main, words))
    ok(run(data_folder, tmp_path / "out", "--split", str(file), "--fold", "2"))
    kept = read_split(file).parts["fold-2"]
    assert read_checkpoint(tmp_path / "out" / "last").data["val"] == len(kept)
    refused = run(data_folder, tmp_path / "no", "--split", str(file))
    assert "--fold K" in str(refused.exception)
    alone = run(data_folder, tmp_path / "no", "--fold", "1")
    assert "python -m train split" in str(alone.exception)


def test_a_training_is_not_resumed_with_another_fold_or_split(
    data_folder: Path, tmp_path: Path
) -> None:
    out, file, later = tmp_path / "out", tmp_path / "a.json", tmp_path / "b.json"
    words = ["split", str(data_folder / "night_ride"), "--folds", "2", "--out", str(file)]
    ok(CliRunner().invoke(main, words))
    write_split(replace(read_split(file), seed=99), later)
    first = ["--split", str(file), "--fold"]
    ok(run(data_folder, out, *first, "1", "--time-limit-min", "0"))
    kept = (out / "split.json").read_bytes()
    fold = run(data_folder, out, *first, "2", "--resume")
    assert "trained on other data" in str(fold.exception)
    other = run(data_folder, out, "--split", str(later), "--fold", "1", "--resume")
    assert "another split" in str(other.exception)
    assert (out / "split.json").read_bytes() == kept
    ok(run(data_folder, out, *first, "1", "--resume"))


def test_a_folder_that_a_kill_left_without_a_record_is_begun_again(
    data_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    (out / "state").mkdir(parents=True)
    (out / "last").mkdir()
    assert "done; best epoch 1" in ok(run(data_folder, out))


def test_options_change_the_recipe(data_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ["--epochs", "2", "--seed", "5", "--precision", "bf16", "--accumulate", "2"]
    ok(run(data_folder, out, *words, "--patience", "3"))
    config = json.loads((out / "state" / "state.json").read_text())["config"]
    found = [config[key] for key in ("seed", "precision", "accumulate", "patience")]
    assert found == [5, "bf16", 2, 3]
    assert config["phases"][0]["epochs"] == 2


def test_any_field_is_set_by_its_dotted_name(data_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ["network.architecture=linknet", "network.encoder=resnet18", "loss.lovasz=0.5"]
    ok(run(data_folder, out, *(part for word in words for part in ("--set", word))))
    network = read_checkpoint(out / "last").network
    assert (network.architecture, network.encoder) == ("linknet", "resnet18")
    config = json.loads((out / "state" / "state.json").read_text())["config"]
    assert config["loss"]["lovasz"] == 0.5
    for word, told in (("loss.lovas=1", "loss.lovasz"), ("loss.dice", "NAME=VALUE")):
        refused = run(data_folder, tmp_path / "no", "--set", word)
        assert isinstance(refused.exception, UsageError)
        assert told in str(refused.exception)


def test_data_of_other_classes_trains_alone(tmp_path: Path) -> None:
    data = other_classes(tmp_path / "lots")
    output = ok(run(data, tmp_path / "out"))
    assert "ground, wall" in output
    checkpoint = read_checkpoint(tmp_path / "out" / "last")
    assert checkpoint.classes.names == ("ground", "wall")
    assert checkpoint.network.num_classes == 2
    assert (set(checkpoint.data["train"]), checkpoint.data["sources"]) == ({"lots"}, ["lots"])


def test_a_data_set_whose_own_split_cuts_a_ride_is_refused(
    data_folder: Path, tmp_path: Path
) -> None:
    manifest, out = data_folder / "night_ride" / "manifest.json", tmp_path / "out"
    rows = json.loads(manifest.read_text())
    rides = ("evening", "dawn", "noon", "evening")
    grouped = [{**row, "group": ride} for row, ride in zip(rows, rides, strict=True)]
    manifest.write_text(json.dumps(grouped))
    refused = run(data_folder, out)
    assert isinstance(refused.exception, InputError)
    assert "both train and val: evening. " in str(refused.exception)
    assert "python -m train split" in str(refused.exception)
    assert not (out / "split.json").exists()
    grouped[3]["group"] = "night"
    manifest.write_text(json.dumps(grouped))
    ok(run(data_folder, out))


def test_a_split_file_that_cuts_a_ride_is_refused(data_folder: Path, tmp_path: Path) -> None:
    manifest, file = data_folder / "night_ride" / "manifest.json", tmp_path / "split.json"
    words = ["split", str(data_folder / "night_ride"), "--ratios", "3:1", "--out", str(file)]
    ok(CliRunner().invoke(main, words))
    rows = json.loads(manifest.read_text())
    manifest.write_text(json.dumps([{**row, "group": "evening"} for row in rows]))
    refused = run(data_folder, tmp_path / "out", "--split", str(file))
    assert isinstance(refused.exception, InputError)
    assert "both train and val: evening. " in str(refused.exception)
    assert not (tmp_path / "out" / "split.json").exists()


def test_a_published_split_that_cuts_a_recording_is_trained_on_with_a_warning(
    tmp_path: Path,
) -> None:
    folder = write_camvid(tmp_path / "camvid")
    pixels, labels = scene(9, CAMVID.num_classes)
    write(folder / "train" / "Seq05VD_f00999.png", pixels)
    write(folder / "trainannot" / "Seq05VD_f00999.png", labels)
    for words in ([], ["--resume"]):
        result = run(folder, tmp_path / "out", *words)
        assert "done; best epoch 1" in ok(result)
        warned = [line for line in result.stderr.splitlines() if line.startswith("warning: ")]
        assert len(warned) == 1
        assert "camvid" in warned[0]
        assert "both train and val: Seq05VD. " in warned[0]
    assert read_split(tmp_path / "out" / "split.json").scheme == "own"
    honest = tmp_path / "honest.json"
    ok(CliRunner().invoke(main, ["split", str(folder), "--ratios", "1:1", "--out", str(honest)]))
    assert "warning" not in run(folder, tmp_path / "other", "--split", str(honest)).stderr


def test_unknown_recipe_lists_the_known_ones(data_folder: Path, tmp_path: Path) -> None:
    words = ["run", "--recipe", "wish", "--data", str(data_folder), "--out", str(tmp_path / "out")]
    assert "segformer-b2" in str(CliRunner().invoke(main, words).exception)


def test_picture_sets_can_be_sent_to_workers(data_folder: Path) -> None:
    pictures = open_pictures(data_folder / "night_ride")
    copy = pickle.loads(pickle.dumps(pictures))
    assert np.array_equal(copy[1].pixels_HWC, pictures[1].pixels_HWC)


def other_classes(folder: Path) -> Path:
    """Write id masks with a class map of their own, five rides, no split."""
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    rng = np.random.default_rng(1)
    for index in range(5):
        pixels = rng.integers(0, 256, (48, 72, 3), np.uint8)
        cv2.imwrite(str(folder / "images" / f"{index}.png"), pixels)
        cv2.imwrite(str(folder / "masks" / f"{index}.png"), (pixels[..., 0] > 90).astype(np.uint8))
    colours = [[0, 0, 0], [200, 30, 30]]
    record = {"names": ["ground", "wall"], "colours": colours, "background_id": 0}
    (folder / "classes.json").write_text(json.dumps(record))
    return folder
