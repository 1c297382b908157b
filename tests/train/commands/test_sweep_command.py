import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from benchmarks.options import ROOT
from losszero_rt.checkpoint import Checkpoint, load_network, write_checkpoint
from losszero_rt.classmap import NIGHT_RIDE
from losszero_rt.data_record import digests_of, seen_record
from losszero_rt.errors import UsageError
from losszero_rt.network import NetworkSpec, build_network
from losszero_rt.preprocess import InputSpec
from train.__main__ import main
from train.lineage import read_lineage
from train.seen import overlap_with
from train.sweep import config_for
from train.sweep_file import read_sweep

pytestmark = pytest.mark.slow

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
    assert (out / "parallel.png").exists()
    assert f"number {best['trial']} with {best['value']:.4f}" in (out / "report.md").read_text()


def test_a_begun_sweep_is_not_written_over(
    sweep_file: Path, data_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "sweep"
    out.mkdir()
    (out / "study.db").write_bytes(b"")
    with pytest.raises(UsageError, match="add --resume"):
        run(sweep_file, "--data", data_folder, "--out", out)
    assert [path.name for path in out.iterdir()] == ["study.db"]


def test_every_trial_starts_from_the_checkpoint_that_is_given(
    sweep_file: Path, data_folder: Path, tmp_path: Path
) -> None:
    # Another network and input than the recipe's: those of the checkpoint count.
    spec = NetworkSpec(architecture="unet", decoder_channels=8)
    record = Checkpoint(
        network=spec,
        input=InputSpec(size=(64, 128), mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
        classes=NIGHT_RIDE,
        scores={"miou": 0.25},
        data=seen_record(digests_of(["p3.png"])),
        epoch=1,
        version="0",
    )
    weights = build_network(spec).state_dict()
    start = tmp_path / "start"
    write_checkpoint(start, checkpoint=record, weights=weights)
    still = SWEEP.replace("1e-4, max: 1e-2", "1e-12, max: 2e-12")
    sweep_file.write_text(still.replace("  input.size: {value: [64, 96]}\n", ""))
    out = tmp_path / "sweep"
    options = (sweep_file, "--data", data_folder, "--out", out)
    run(*options, "--trials", 1, "--start-from", start)
    network, last = load_network(out / "trial-000" / "last")
    assert last.network == spec
    assert last.input.size == (64, 128)
    key = "segmentation_head.0.weight"
    assert torch.allclose(network.state_dict()[key], weights[key], atol=1e-6)
    names = [f"p{number}.png" for number in range(4)]
    assert overlap_with(out / "trial-000" / "last", names=names).seen == 4
    assert "which had 0.2500 when it was written" in (out / "report.md").read_text()
    with pytest.raises(UsageError, match="from other weights than none"):
        run(*options, "--trials", 2, "--resume")


def test_the_sweep_of_the_model_that_ships_fits_its_recipe() -> None:
    asked = read_sweep(ROOT / "benchmarks" / "sweep" / "night-ride.yaml")
    for values in asked.samples():
        config = config_for(values)
        assert config.num_epochs == 2
        assert config.num_steps <= 2 * 48
