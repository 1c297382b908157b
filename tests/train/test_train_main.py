import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from losszero_rt.checkpoint import Checkpoint, write_checkpoint
from losszero_rt.errors import ExitCode
from losszero_rt.network import build_network
from train.__main__ import answer, main
from train.config import TrainConfig
from train.stopping import StoppedError


def test_evaluate_prints_every_class_with_its_interval(
    tiny_config: TrainConfig, data_folder: Path, tmp_path: Path
) -> None:
    record = Checkpoint(
        network=tiny_config.network,
        input=tiny_config.input,
        classes=tiny_config.classes,
        scores={},
        data={},
        epoch=0,
        version="0",
    )
    weights = build_network(tiny_config.network).state_dict()
    write_checkpoint(tmp_path / "checkpoint", checkpoint=record, weights=weights)
    arguments = ["evaluate", str(tmp_path / "checkpoint"), "--data", str(data_folder)]
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    assert "n=1" in result.output
    for name in tiny_config.classes.names:
        assert f"{name}  IoU" in result.output


def test_run_does_not_overwrite_a_training(data_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "out" / "state").mkdir(parents=True)
    (tmp_path / "out" / "state" / "state.json").write_text("{}")
    arguments = ["run", "--recipe", "fpn", "--data", str(data_folder), "--out"]
    result = CliRunner().invoke(main, [*arguments, str(tmp_path / "out")])
    assert result.exit_code != 0
    assert "--resume" in str(result.exception)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["run"], "the same command with --resume"),
        (["run", "--resume"], "the same command"),
        (["run", "--force"], "the same command with --resume in place of --force"),
        (["reproduce"], "the same command"),
    ],
)
def test_a_stopped_command_says_how_it_goes_on(
    words: list[str],
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def stopped(**_: object) -> None:
        raise StoppedError(ExitCode.SIGTERM, told="stopped")

    monkeypatch.setattr(sys, "argv", ["train", *words])
    monkeypatch.setattr(main, "main", stopped)
    assert answer() == 143
    assert capsys.readouterr().err == f"stopped; go on by {told}\n"
