"""A whole comparison: scored like evaluate, shown side by side, run by the real runtime."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from losszero_rt.checkpoint import load_network, read_checkpoint, write_checkpoint
from losszero_rt.classmap import NIGHT_RIDE, ClassMap
from losszero_rt.errors import UsageError
from losszero_rt.network import build_network
from tests.media import write_clip
from tests.train.compare.conftest import write_tiny
from train.commands.compare import compare as command
from train.compare import Clip, Speed, compare, contestant_of
from train.compare.comparing import common_classes
from train.compare.pictures import (
    COLUMNS_MAX,
    TILE_WIDTH_PX,
    draw_sheet,
    first_tiles,
    network_tile,
    ride_pictures,
)
from train.config import TrainConfig
from train.datasets import PictureSet, open_pictures
from train.recipes import RECIPES
from train.scored import score_all


@pytest.fixture
def val(data_folder: Path) -> PictureSet:
    return open_pictures(data_folder / "night_ride").of_split("val")


@pytest.fixture
def given_speeds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare the minutes of real runs; the slow test below has them."""

    def fast(clip: Clip, *, engine: str, **_: Any) -> Speed:
        return Speed(engine=engine, fps=12.0, precision="fp32", threads=1)

    monkeypatch.setattr("train.compare.comparing.measure_speed", fast)
    monkeypatch.setattr("train.compare.comparing.export_for_openvino", lambda *_, **__: None)


def run(folders: list[Path], val: PictureSet, out: Path, **more: Any) -> dict[str, Any]:
    chosen = {"shown": list(val), "drawn_pictures": False, "part": "val", **more}
    compare(
        [contestant_of(folder) for folder in folders],
        pictures=val,
        clip=Clip(path=out / "ride.mp4"),
        out=out,
        weights="last",
        say=str,
        **chosen,
    )
    record: dict[str, Any] = json.loads((out / "report.json").read_text())
    return record


@pytest.mark.slow
@pytest.mark.usefixtures("given_speeds")
def test_figures_are_those_of_evaluate(tmp_path: Path, val: PictureSet) -> None:
    folders = [write_tiny(tmp_path / name, seed=seed) for seed, name in enumerate(("a", "b"))]
    record = run(folders, val, tmp_path / "out")
    assert [row["name"] for row in record["rows"]] == ["a", "b"]
    for folder, row in zip(folders, record["rows"], strict=True):
        network, checkpoint = load_network(folder)
        scored = score_all(network, val, spec=checkpoint.input, classes=checkpoint.classes)
        assert row["scores"] == json.loads(json.dumps(scored.as_dict()))
        assert row["parameters"] == sum(weight.numel() for weight in network.parameters())
        assert row["gflops"] > 0
    assert record["rows"][0]["scores"] != record["rows"][1]["scores"]
    assert [row["training_pictures"]["text"] for row in record["rows"]] == ["unknown"] * 2
    for name in ("report.md", "report.html", "accuracy-speed.svg", "class-iou.svg"):
        assert (tmp_path / "out" / name).stat().st_size > 500


@pytest.mark.usefixtures("given_speeds")
def test_scores_are_kept_until_the_weights_change(
    tmp_path: Path, val: PictureSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    first = run([write_tiny(tmp_path / "a")], val, out, shown=[])
    with monkeypatch.context() as patch:
        patch.setattr("train.compare.comparing.score_all", None)
        again = run([tmp_path / "a"], val, out, shown=[])
    assert again["rows"][0]["scores"] == first["rows"][0]["scores"]
    other = run([write_tiny(tmp_path / "a", seed=9)], val, out, shown=[])
    assert other["rows"][0]["scores"] != first["rows"][0]["scores"]


def test_networks_of_other_classes_are_not_compared(tmp_path: Path) -> None:
    ours = write_tiny(tmp_path / "ours")
    record = read_checkpoint(ours)
    names = ("a", "b", "c", "d", "e", "f")
    theirs = ClassMap(names=names, colours=NIGHT_RIDE.colours)
    weights = build_network(record.network).state_dict()
    changed = type(record)(**{**vars(record), "classes": theirs})
    write_checkpoint(tmp_path / "theirs", checkpoint=changed, weights=weights)
    both = [contestant_of(ours), contestant_of(tmp_path / "theirs")]
    with pytest.raises(UsageError, match="theirs knows the classes a, b"):
        common_classes(both)


def test_a_sheet_holds_every_tile_under_its_title(tmp_path: Path, val: PictureSet) -> None:
    network, record = load_network(write_tiny(tmp_path / "a"))
    picture = val[0]
    tile = network_tile(
        picture, name="a", network=network, spec=record.input, classes=record.classes
    )
    assert tile.note.startswith("mIoU 0.")
    tiles = [*first_tiles(picture, classes=NIGHT_RIDE), *[tile] * 3]
    sheet = draw_sheet(tiles)
    height, width = tiles[0].pixels_HWC.shape[:2]
    assert width == TILE_WIDTH_PX
    # Five tiles lie in two rows of three.
    assert sheet.shape[1] // TILE_WIDTH_PX == 3 < COLUMNS_MAX
    assert sheet.shape[0] > 2 * height
    for index, each in enumerate(tiles):
        found = cv2.matchTemplate(sheet, each.pixels_HWC, cv2.TM_SQDIFF)
        assert found.min() < 1e3, index


def test_rides_to_show_are_never_trained_on() -> None:
    from train.compare.pictures import RIDE_SEEDS
    from train.datasets.rides import FIRST_SEED

    assert max(RIDE_SEEDS) < FIRST_SEED
    pictures = ride_pictures(NIGHT_RIDE)
    assert [picture.has_bike for picture in pictures] == [True, True, True, False]
    assert len({picture.name for picture in pictures}) == len(pictures)


def test_what_is_neither_recipe_nor_checkpoint_is_refused(
    tmp_path: Path, data_folder: Path
) -> None:
    arguments = ["no-such-thing", "--data", str(data_folder), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(command, arguments)
    assert "neither a recipe nor a checkpoint" in str(result.exception)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("second", ["tiny", "other/tiny"])
def test_two_of_one_name_are_refused_before_anything_is_trained(
    tmp_path: Path,
    data_folder: Path,
    tiny_config: TrainConfig,
    monkeypatch: pytest.MonkeyPatch,
    second: str,
) -> None:
    monkeypatch.setitem(RECIPES, "tiny", lambda: tiny_config)
    write_tiny(tmp_path / "other" / "tiny")
    monkeypatch.chdir(tmp_path)
    arguments = ["tiny", second, "--data", str(data_folder), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(command, arguments)
    assert isinstance(result.exception, UsageError)
    assert "two contestants are called tiny" in str(result.exception)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_command_trains_scores_runs_and_reports(
    tmp_path: Path,
    data_folder: Path,
    tiny_config: TrainConfig,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(RECIPES, "tiny", lambda: tiny_config)
    clip, out = write_clip(tmp_path / "clip.mp4"), tmp_path / "out"
    given = write_tiny(tmp_path / "given")
    arguments = ["tiny", str(given), "--data", str(data_folder), "--out", str(out)]
    arguments += ["--clip", str(clip), "--pictures", "rides"]
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    record = json.loads((out / "report.json").read_text())
    assert [row["origin"] for row in record["rows"]] == ["recipe", "checkpoint"]
    for row in record["rows"]:
        assert row["speeds"]["eager"]["fps"] > 0
        assert row["speeds"]["openvino"]["fps"] > 0
        assert row["speeds"]["eager"]["threads"] == row["speeds"]["openvino"]["threads"]
        assert (out / "clips" / f"{row['name']}-eager.mp4").stat().st_size > 1000
    sheet = cv2.imread(str(out / "pictures" / "ride-9001.png"))
    assert sheet is not None
    assert np.asarray(sheet).shape[1] > 4 * TILE_WIDTH_PX
