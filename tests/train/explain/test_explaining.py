"""From a checkpoint and pictures to sheets and a page."""

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import nn

from losszero_rt.checkpoint import Checkpoint, write_checkpoint
from losszero_rt.errors import ModelError, OutputError, UsageError
from losszero_rt.network import NetworkSpec, build_network
from train.__main__ import main
from train.config import TrainConfig
from train.datasets import LabelledPicture
from train.explain import ExplainOptions, explain
from train.explain.explaining import most_of
from train.explain.sheet import TILE_WIDTH_PX, Tile, draw_sheet, outlined

ROAD_ALONE = ExplainOptions(classes=("road",), num_pictures=2, num_failures=1)


@pytest.fixture
def checkpoint(tiny_config: TrainConfig) -> Checkpoint:
    return Checkpoint(
        network=tiny_config.network,
        input=tiny_config.input,
        classes=tiny_config.classes,
        scores={},
        data={},
        epoch=0,
        version="0",
    )


@pytest.fixture
def network(checkpoint: Checkpoint) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return build_network(checkpoint.network).eval()


def sheets_of(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.png"))


def test_every_class_and_the_worst_failures_get_a_sheet(
    network: nn.Module, checkpoint: Checkpoint, pictures: Sequence[LabelledPicture], tmp_path: Path
) -> None:
    options = ExplainOptions(num_pictures=1, num_failures=2, layers=("head",))
    written = explain(
        network, checkpoint, pictures, options=options, out=tmp_path, say=lambda _: None
    )
    names = sheets_of(tmp_path)
    assert names == sorted(path.name for path in written)
    for name in ("undrivable", "road", "lane-mark", "my-bike", "rider", "moveable"):
        assert f"class-{name}.png" in names
    assert sum(name.startswith("failure-0") for name in names) == 2
    page = (tmp_path / "index.html").read_text()
    assert all(f'src="{name}"' in page for name in names)
    record = json.loads((tmp_path / "explain.json").read_text())
    assert [figure["file"] for figure in record["figures"]] == [path.name for path in written]
    assert record["layers"] == ["head"]


def test_a_class_sheet_has_a_row_a_picture_and_a_tile_a_layer(
    network: nn.Module, checkpoint: Checkpoint, pictures: Sequence[LabelledPicture], tmp_path: Path
) -> None:
    (sheet, *_) = explain(
        network, checkpoint, pictures, options=ROAD_ALONE, out=tmp_path, say=lambda _: None
    )
    pixels = cv2.imread(str(sheet))
    assert pixels is not None
    tile_height = round(72 * TILE_WIDTH_PX / 126)
    assert pixels.shape[1] == pytest.approx(6 * TILE_WIDTH_PX, rel=0.05)
    assert pixels.shape[0] == pytest.approx(2 * tile_height, rel=0.25)


def test_a_failure_shows_the_region_that_was_confused(
    network: nn.Module, checkpoint: Checkpoint, pictures: Sequence[LabelledPicture], tmp_path: Path
) -> None:
    explain(network, checkpoint, pictures, options=ROAD_ALONE, out=tmp_path, say=lambda _: None)
    record = json.loads((tmp_path / "explain.json").read_text())
    failure = record["figures"][-1]
    assert "taken for" in failure["title"]
    assert "drawn" in failure["text"]
    pixels = cv2.imread(str(tmp_path / failure["file"]))
    assert pixels is not None
    assert pixels.shape[1] == pytest.approx(4 * TILE_WIDTH_PX, rel=0.05)


def test_no_hook_and_no_gradient_stays_behind(
    network: nn.Module, checkpoint: Checkpoint, pictures: Sequence[LabelledPicture], tmp_path: Path
) -> None:
    explain(network, checkpoint, pictures, options=ROAD_ALONE, out=tmp_path, say=lambda _: None)
    for module in network.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
    assert all(parameter.grad is None for parameter in network.parameters())


def test_pictures_of_another_shape_than_the_input_are_explained_in_their_own(
    network: nn.Module, checkpoint: Checkpoint, pictures: Sequence[LabelledPicture], tmp_path: Path
) -> None:
    wide = LabelledPicture(
        name="wide",
        pixels_HWC=np.ascontiguousarray(pictures[0].pixels_HWC[20:50]),
        labels_HW=np.ascontiguousarray(pictures[0].labels_HW[20:50]),
        has_bike=False,
        is_night=True,
    )
    written = explain(
        network, checkpoint, [wide], options=ROAD_ALONE, out=tmp_path, say=lambda _: None
    )
    assert written


class TestRefusals:
    def test_unknown_class(
        self, network: nn.Module, checkpoint: Checkpoint, pictures: Sequence[LabelledPicture]
    ) -> None:
        options = ExplainOptions(classes=("sea",))
        with pytest.raises(UsageError, match="unknown class 'sea'"):
            explain(network, checkpoint, pictures, options=options, out=Path("unused"))

    def test_unknown_layer(
        self,
        network: nn.Module,
        checkpoint: Checkpoint,
        pictures: Sequence[LabelledPicture],
        tmp_path: Path,
    ) -> None:
        options = ExplainOptions(layers=("nowhere",))
        with pytest.raises(ModelError, match="no layer 'nowhere'"):
            explain(network, checkpoint, pictures, options=options, out=tmp_path)

    def test_no_pictures(self, network: nn.Module, checkpoint: Checkpoint) -> None:
        with pytest.raises(UsageError, match="no pictures"):
            explain(network, checkpoint, [], options=ROAD_ALONE, out=Path("unused"))

    def test_a_folder_that_cannot_be(
        self,
        network: nn.Module,
        checkpoint: Checkpoint,
        pictures: Sequence[LabelledPicture],
        tmp_path: Path,
    ) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(OutputError, match="cannot be written"):
            explain(network, checkpoint, pictures, options=ROAD_ALONE, out=tmp_path / "file")

    @pytest.mark.parametrize(
        "options", [{"method": "magic"}, {"num_pictures": 0}, {"num_failures": -1}]
    )
    def test_options(self, options: dict[str, int]) -> None:
        with pytest.raises(UsageError):
            ExplainOptions(**options)  # type: ignore[arg-type]


def test_pictures_with_most_of_a_class_come_first_and_those_with_none_not() -> None:
    counts_NCC = np.zeros((3, 2, 2), np.int64)
    counts_NCC[:, 0, 0] = 100
    counts_NCC[1, 1, 0], counts_NCC[2, 0, 1], counts_NCC[2, 1, 1] = 5, 3, 4
    assert most_of(counts_NCC, 1, num=4) == [2, 1]
    assert most_of(counts_NCC, 1, num=1) == [2]


def test_sheets_take_tiles_of_any_size_and_rows_of_any_length() -> None:
    tile = Tile(caption="a name that is much longer than its tile " * 3, pixels_HWC=grey(30, 900))
    small = Tile(caption="", pixels_HWC=grey(20, 10))
    sheet = draw_sheet([[tile, small], [small]])
    assert sheet.shape[1] > 2 * TILE_WIDTH_PX
    assert sheet.shape[0] > 2 * 20 * TILE_WIDTH_PX // 10
    assert (sheet[-40:, -40:] > 240).all(), "what is not filled is paper"


def test_outlines_leave_the_picture_they_are_given_alone() -> None:
    pixels = grey(90, 160)
    drawn = outlined(pixels, box=(10, 20, 50, 80))
    assert (pixels == 128).all()
    assert drawn.max() == 255
    assert (drawn[25:35, 40:60] == 128).all()


def grey(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), 128, np.uint8)


class TestCommand:
    def run(self, *words: object) -> str:
        done = CliRunner().invoke(main, list(map(str, words)), catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    @pytest.fixture
    def folder(self, network: nn.Module, checkpoint: Checkpoint, tmp_path: Path) -> Path:
        weights = network.state_dict()
        write_checkpoint(tmp_path / "checkpoint", checkpoint=checkpoint, weights=weights)
        return tmp_path / "checkpoint"

    def test_it_explains_the_validation_pictures(
        self, folder: Path, data_folder: Path, tmp_path: Path
    ) -> None:
        out = tmp_path / "why"
        words = ("--class", "road", "--class", "my bike", "--layer", "head", "--failures", 0)
        said = self.run("explain", folder, "--data", data_folder, "--out", out, *words)
        assert f"wrote {out / 'index.html'}" in said
        assert sheets_of(out) == ["class-my-bike.png", "class-road.png"]
        assert json.loads((out / "explain.json").read_text())["num_pictures"] == 1

    def test_another_method_and_another_part(
        self, folder: Path, data_folder: Path, tmp_path: Path
    ) -> None:
        out = tmp_path / "why"
        words = ("--class", "road", "--method", "hires-cam", "--split", "train", "--layer")
        self.run("explain", folder, "--data", data_folder, "--out", out, *words, "encoder")
        record = json.loads((out / "explain.json").read_text())
        assert (record["method"], record["num_pictures"]) == ("hires-cam", 3)


def test_mask_rcnn_is_explained_without_its_head(
    checkpoint: Checkpoint, pictures: Sequence[LabelledPicture], tmp_path: Path
) -> None:
    from dataclasses import replace

    spec = NetworkSpec(
        architecture="mask-rcnn",
        encoder="resnet18",
        decoder_channels=16,
        score_min=0.0,
        detections_max=6,
        proposals_max=30,
    )
    network = build_network(spec).eval()
    trained = replace(checkpoint, network=spec)
    options = ExplainOptions(num_pictures=1, num_failures=1)
    explain(network, trained, pictures[:1], options=options, out=tmp_path, say=lambda _: None)
    assert json.loads((tmp_path / "explain.json").read_text())["layers"] == ["encoder", "decoder"]
