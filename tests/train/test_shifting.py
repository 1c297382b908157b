import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from losszero_rt.checkpoint import load_network, read_checkpoint
from losszero_rt.errors import ModelError, UsageError
from losszero_rt.network import NetworkSpec, build_network, head_of
from train.__main__ import main
from train.config import TrainConfig
from train.data import Data
from train.datasets import LabelledPicture
from train.loop import train
from train.shifting import SHIFTS_KEY, shift_checkpoint, shift_logits

pytestmark = pytest.mark.slow


@pytest.fixture
def trained(tiny_config: TrainConfig, pictures: list[LabelledPicture], tmp_path: Path) -> Path:
    data = Data(sources={"night_ride": pictures[:3]}, val=pictures[3:], train_probe=pictures[:1])
    train(tiny_config, data=data, out=tmp_path / "run", say=lambda _: None)
    return tmp_path / "run" / "last"


def test_the_logits_of_one_class_move_by_the_shift_and_no_other(trained: Path) -> None:
    network, checkpoint = load_network(trained)
    values = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        before = network(values)
        shift_logits(network, shifts={"road": -0.75}, classes=checkpoint.classes)
        moved = network(values) - before
    wanted = torch.zeros(6)
    wanted[1] = -0.75
    assert torch.allclose(moved, wanted.view(1, 6, 1, 1).expand_as(moved), atol=1e-5)


def test_less_road_is_shown_and_the_record_says_so(
    trained: Path, pictures: list[LabelledPicture], tmp_path: Path
) -> None:
    done = shift_checkpoint(trained, shifts={"road": -9.0}, out=tmp_path / "wary", val=pictures[3:])
    shown_before, shown_after = (scores.total[:, 1].sum() for scores in (done.before, done.after))
    assert shown_after < shown_before
    record = read_checkpoint(tmp_path / "wary")
    assert record.data[SHIFTS_KEY] == {"road": -9.0}
    assert record.scores["miou"] == pytest.approx(done.after.miou, abs=1e-5)


def test_shifts_add_up_and_can_be_taken_back(
    trained: Path, pictures: list[LabelledPicture], tmp_path: Path
) -> None:
    out = tmp_path / "shifted"
    shift_checkpoint(trained, shifts={"road": 0.5, "rider": 0.25}, out=out, val=pictures[3:])
    done = shift_checkpoint(out, shifts={"road": -0.5}, out=out, val=pictures[3:])
    assert done.checkpoint.data[SHIFTS_KEY] == {"rider": 0.25, "road": 0.0}
    first, last = (load_network(folder)[0].state_dict() for folder in (trained, out))
    moved = (last["segmentation_head.0.bias"] - first["segmentation_head.0.bias"]).numpy()
    np.testing.assert_allclose(moved, [0, 0, 0, 0, 0.25, 0], atol=1e-6)


@pytest.mark.parametrize(
    ("shifts", "words"),
    [
        ({"sky": 1.0}, "lane mark"),
        ({"road": float("nan")}, "-10 to 10"),
        ({"road": 11.0}, "nan|11"),
    ],
)
def test_what_cannot_be_shifted_is_refused_and_nothing_written(
    shifts: dict[str, float],
    words: str,
    trained: Path,
    pictures: list[LabelledPicture],
    tmp_path: Path,
) -> None:
    with pytest.raises(UsageError, match=words):
        shift_checkpoint(trained, shifts=shifts, out=tmp_path / "x", val=pictures[3:])
    assert not (tmp_path / "x").exists()


def test_a_network_without_a_linear_end_is_refused(trained: Path) -> None:
    network = build_network(
        NetworkSpec(architecture="mask-rcnn", encoder="resnet18", decoder_channels=8)
    )
    with pytest.raises(ModelError, match="any architecture but mask-rcnn"):
        shift_logits(network, shifts={"road": 1.0}, classes=read_checkpoint(trained).classes)


def test_the_command_prints_before_and_after(
    trained: Path, data_folder: Path, tmp_path: Path
) -> None:
    arguments = ["shift", str(trained), "--data", str(data_folder), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(
        main, [*arguments, "--by", "lane mark=-2", "--by", "road=-9"], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    assert "n=1 pictures" in done.output
    assert "undrivable_as_road" in done.output
    assert read_checkpoint(tmp_path / "out").data[SHIFTS_KEY] == {"lane mark": -2.0, "road": -9.0}


def test_a_checkpoint_is_not_replaced_unasked_nor_shifted_twice(
    trained: Path, data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    shutil.copytree(trained, other)
    before = read_checkpoint(other).weights_sha256
    words = ["shift", str(trained), "--data", str(data_folder), "--by", "road=-1"]
    with monkeypatch.context() as patch:
        patch.setattr("train.shifting.score", None)
        for out in (other, trained):
            error = CliRunner().invoke(main, [*words, "--out", str(out)]).exception
            assert isinstance(error, UsageError), error
            for beat in (f"{out} already holds a checkpoint", "a folder without one", "--force"):
                assert beat in str(error)
            assert read_checkpoint(out).weights_sha256 == before
    for out in (other, trained):
        done = CliRunner().invoke(main, [*words, "--out", str(out), "--force"])
        assert done.exit_code == 0, done.output
        assert read_checkpoint(out).data[SHIFTS_KEY] == {"road": -1.0}


def test_a_shift_that_is_no_pair_names_what_is(trained: Path, tmp_path: Path) -> None:
    arguments = ["shift", str(trained), "--by", "road", "--out", str(tmp_path / "out")]
    with pytest.raises(UsageError, match="CLASS=NUMBER"):
        CliRunner().invoke(main, arguments, catch_exceptions=False)


def test_a_head_without_a_bias_is_refused(trained: Path) -> None:
    network, checkpoint = load_network(trained)
    head_of(network).bias = None
    with pytest.raises(ModelError, match="no bias"):
        shift_logits(network, shifts={"road": 1.0}, classes=checkpoint.classes)
