import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import nn

from losszero_rt.checkpoint import Checkpoint, write_checkpoint
from losszero_rt.classmap import NIGHT_RIDE
from losszero_rt.metrics import BandKeeper, BoundaryKeeper
from losszero_rt.network import build_network
from losszero_rt.preprocess import InputSpec
from train.commands.evaluate import evaluate
from train.config import TrainConfig
from train.datasets import LabelledPicture, Split, open_pictures, write_split
from train.datasets.splits import data_version
from train.evaluate import SCALES, Augmentation, predict, score

SPEC = InputSpec(size=(64, 112), mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


class Brightness(nn.Module):
    """Answers class 1 where the input is bright, class 0 where it is dark."""

    def forward(self, pixels_NCHW: torch.Tensor) -> torch.Tensor:
        bright = nn.functional.avg_pool2d(pixels_NCHW.mean(1, keepdim=True), 4)
        return torch.cat([-bright, bright], 1)


class OneSided(nn.Module):
    """Answers class 1 on the left half whatever it sees, with little conviction on the right."""

    def forward(self, pixels_NCHW: torch.Tensor) -> torch.Tensor:
        n, _, height, width = pixels_NCHW.shape
        ramp = torch.linspace(3.0, -1.0, width // 4).expand(n, 1, height // 4, width // 4)
        return torch.cat([-ramp, ramp], 1)


class Witness(Brightness):
    """Notes the inputs that it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[torch.Tensor] = []

    def forward(self, pixels_NCHW: torch.Tensor) -> torch.Tensor:
        self.seen.append(pixels_NCHW.clone())
        answer: torch.Tensor = super().forward(pixels_NCHW)
        return answer


@pytest.mark.parametrize("test_time", ["none", "flips", "scales", "both"])
@pytest.mark.parametrize("size", [(36, 63), (128, 224), (100, 100)])
def test_labels_have_the_size_and_place_of_the_picture(
    size: tuple[int, int], test_time: Augmentation
) -> None:
    pixels = np.zeros((*size, 3), np.uint8)
    pixels[size[0] // 2 :] = 255
    labels = predict(Brightness(), pixels, spec=SPEC, test_time=test_time)
    assert labels.shape == size
    assert labels.dtype == np.uint8
    margin = max(2, size[0] // 16)
    assert (labels[: size[0] // 2 - margin] == 0).all()
    assert (labels[size[0] // 2 + margin :] == 1).all()


def test_score_counts_every_picture_at_mask_size(pictures: list[LabelledPicture]) -> None:
    boundary, bands = BoundaryKeeper(NIGHT_RIDE), BandKeeper(NIGHT_RIDE)
    scores = score(
        Brightness(), pictures, spec=SPEC, classes=NIGHT_RIDE, boundary=boundary, bands=bands
    )
    assert scores.n == len(pictures) == len(boundary) == len(bands)
    assert scores.total.sum() == sum(picture.labels_HW.size for picture in pictures)
    by_band = sum(each.matrices for each in bands.scores().values())
    assert np.array_equal(by_band, scores.matrices)


def test_flips_make_left_and_right_alike() -> None:
    pixels = np.zeros((64, 112, 3), np.uint8)
    plain = predict(OneSided(), pixels, spec=SPEC)
    assert not np.array_equal(plain, plain[:, ::-1])
    labels = predict(OneSided(), pixels, spec=SPEC, test_time="flips")
    assert np.array_equal(labels, labels[:, ::-1])
    # 3 against -1 at both edges: the surer view wins.
    assert labels[:, :8].all()


class Undecided(nn.Module):
    """Is nearly sure of class 0 at first, then rules it out."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = [(0.9, 0.0999, 0.0001), (0.0001, 0.4999, 0.5)]

    def forward(self, pixels_NCHW: torch.Tensor) -> torch.Tensor:
        logits = torch.tensor(self.answers.pop(0)).log()
        return logits[None, :, None, None].expand(1, 3, *(s // 4 for s in pixels_NCHW.shape[2:]))


def test_probabilities_are_averaged_not_logits() -> None:
    pixels = np.zeros((64, 112, 3), np.uint8)
    # Probabilities: .45, .30, .25. Logits would leave class 1 ahead.
    assert not predict(Undecided(), pixels, spec=SPEC, test_time="flips").any()


@pytest.mark.parametrize(
    ("test_time", "passes"), [("none", 1), ("flips", 2), ("scales", 3), ("both", 6)]
)
def test_every_view_is_seen_once(test_time: Augmentation, passes: int) -> None:
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 255, (64, 112, 3), np.uint8)
    network = Witness()
    predict(network, pixels, spec=SPEC, test_time=test_time)
    assert len(network.seen) == passes
    sides = {tuple(seen.shape[2:]) for seen in network.seen}
    assert len(sides) == (len(SCALES) if test_time in ("scales", "both") else 1)
    assert all(side % 32 == 0 for size in sides - {SPEC.size} for side in size)
    if test_time == "flips":
        assert torch.equal(network.seen[0], network.seen[1].flip(-1))


@pytest.fixture
def checkpoint(tiny_config: TrainConfig, tmp_path: Path) -> Path:
    record = Checkpoint(
        network=tiny_config.network,
        input=tiny_config.input,
        classes=tiny_config.classes,
        scores={},
        data={},
        epoch=0,
        version="0",
    )
    torch.manual_seed(3)
    weights = build_network(tiny_config.network).state_dict()
    write_checkpoint(tmp_path / "checkpoint", checkpoint=record, weights=weights)
    return tmp_path / "checkpoint"


def run(checkpoint: Path, data: Path, *more: str) -> str:
    arguments = [str(checkpoint), "--data", str(data), *more]
    result = CliRunner().invoke(evaluate, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def figures(checkpoint: Path, data: Path, *more: str) -> dict[str, Any]:
    path = data / "figures.json"
    run(checkpoint, data, "--json", str(path), *more)
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_augmented_figures_say_so_and_leave_the_checkpoint_alone(
    checkpoint: Path, data_folder: Path
) -> None:
    before = {path.name: path.read_bytes() for path in checkpoint.iterdir()}
    plain = run(checkpoint, data_folder)
    assert "augmentation" not in plain
    assert "with test-time augmentation" in run(checkpoint, data_folder, "--tta", "flips")
    assert figures(checkpoint, data_folder, "--tta", "both")["test_time_augmentation"] == "both"
    assert figures(checkpoint, data_folder)["test_time_augmentation"] == "none"
    assert {path.name: path.read_bytes() for path in checkpoint.iterdir()} == before


def test_parts_are_those_of_the_manifest_or_of_a_split_file(
    checkpoint: Path, data_folder: Path, tiny_config: TrainConfig
) -> None:
    assert figures(checkpoint, data_folder)["n"] == 1
    assert figures(checkpoint, data_folder, "--split", "train")["n"] == 3
    assert figures(checkpoint, data_folder, "--split", "all")["n"] == 4
    pictures = open_pictures(data_folder / "night_ride", classes=tiny_config.classes)
    parts = {"ours": pictures.names[:2], "theirs": pictures.names[2:]}
    split = Split(seed=1, scheme="ratios 1:1", parts=parts)
    version = data_version(pictures, split)
    split = Split(seed=1, scheme="ratios 1:1", parts=parts, data_version=version)
    write_split(split, data_folder / "split.json")
    arguments = ("--split", str(data_folder / "split.json"), "--part")
    found = figures(checkpoint, data_folder, *arguments, "ours")
    assert [picture["name"] for picture in found["pictures"]] == list(parts["ours"])
    wrong = CliRunner().invoke(
        evaluate, [str(checkpoint), "--data", str(data_folder), *arguments, "mine"]
    )
    assert "ours, theirs" in str(wrong.exception)


def test_bands_and_outlines_are_told_when_asked_for(checkpoint: Path, data_folder: Path) -> None:
    plain = run(checkpoint, data_folder)
    assert "far" not in plain
    told = run(checkpoint, data_folder, "--bands", "--boundary")
    assert all(f"{band}: mIoU" in told for band in ("far", "middle", "near"))
    assert "boundary IoU" in told.splitlines()[2]
    assert "nan" not in told
    found = figures(checkpoint, data_folder)
    assert sum(found["bands"][band]["pixels"] for band in found["bands"]) == found["pixels"]
    assert found["boundary"]["n"] == 1
