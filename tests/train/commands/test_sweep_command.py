import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from losszero_rt.checkpoint import load_network
from losszero_rt.errors import UsageError
from train.__main__ import main
from train.lineage import read_lineage

SWEEP = """
method: random
parameters:
  recipe: {value: fpn}
  epochs: {value: 1}
  samples_per_epoch: {value: 2}
  num_rides: {value: 0}
  encoder_weights: {value: none}
  input.size: {value: [64, 96]}
  phases.0: {parameters: {crop_size: {value: [64, 64]}, batch_size: {value: 2}}}
  learning_rate: {min: 1e-4, max: 1e-2, distribution: log_uniform_values}
"""


@pytest.fixture
def sweep_file(tmp_path: Path) -> Path:
    path = tmp_path / "sweep.yaml"
    path.write_text(SWEEP)
    return path


def run(*arguments: object) -> str:
    done = CliRunner().invoke(main, ["sweep", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_a_sweep_is_begun_stopped_and_gone_on_with(
    sweep_file: Path, data_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "sweep"
    options = (sweep_file, "--data", data_folder, "--out", out)
    run(*options, "--trials", 1)
    output = run(*options, "--trials", 2, "--resume")
    assert "trial 2/2: learning_rate 0.00" in output
    trials = json.loads((out / "trials.json").read_text())
    assert [trial["state"] for trial in trials] == ["complete", "complete"]
    best = json.loads((out / "best.json").read_text())
    assert f"best: val/miou {best['value']:.4f} in {best['folder']}" in output
    _, checkpoint = load_network(out / best["folder"] / "best")
    assert checkpoint.input.size == (64, 96)
    data, *checkpoints = read_lineage(out / best["folder"])
    assert data.kind == "data"
    assert {made.uses for made in checkpoints} == {(data.ref,)}
    assert (out / "history.png").exists()


def test_a_begun_sweep_is_not_written_over(
    sweep_file: Path, data_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "sweep"
    out.mkdir()
    (out / "study.db").write_bytes(b"")
    with pytest.raises(UsageError, match="add --resume"):
        run(sweep_file, "--data", data_folder, "--out", out)
    assert [path.name for path in out.iterdir()] == ["study.db"]
