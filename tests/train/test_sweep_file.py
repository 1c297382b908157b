import math
from pathlib import Path

import pytest

from losszero_rt.errors import InputError, UsageError
from train.sweep import config_for
from train.sweep_file import Choice, Hyperband, Range, Sweep, read_sweep, sweep_from

OURS = Path(__file__).parents[2] / "sweep.yaml"


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_sweep_file_of_wandb_is_understood(tmp_path: Path) -> None:
    text = """
program: train.py
method: bayes
metric: {name: val/boundary_iou, goal: minimize}
run_cap: 7
early_terminate: {type: hyperband, min_iter: 2, eta: 2, s: 3}
parameters:
  learning_rate: {min: 1e-4, max: 1e-2, distribution: log_uniform_values}
  weight_decay: {distribution: log_uniform, min: -2, max: -1}
  samples_per_epoch: {min: 40, max: 240}
  ema_decay: {min: 0.9, max: 0.999}
  paste_rate: {distribution: q_uniform, min: 0.0, max: 1.0, q: 0.25}
  phases.0.crop_size: {values: [[256, 448], [384, 672]]}
  loss:
    parameters:
      dice: {values: [0, 0.5]}
      lovasz: {value: 1}
"""
    sweep = read_sweep(write(tmp_path / "s.yaml", text))
    assert sweep == Sweep(
        method="bayes",
        metric="val/boundary_iou",
        goal="minimize",
        num_trials=7,
        hyperband=Hyperband(min_epochs=2, factor=2),
        parameters={
            "learning_rate": Range(low=1e-4, high=1e-2, is_log=True),
            "weight_decay": Range(low=math.exp(-2), high=math.exp(-1), is_log=True),
            "samples_per_epoch": Range(low=40, high=240, is_whole=True),
            "ema_decay": Range(low=0.9, high=0.999),
            "paste_rate": Range(low=0.0, high=1.0, step=0.25),
            "phases.0.crop_size": Choice(values=([256, 448], [384, 672])),
            "loss.dice": Choice(values=(0, 0.5)),
            "loss.lovasz": Choice(values=(1,)),
        },
    )


def test_rungs_may_be_given_from_the_top() -> None:
    record = {"type": "hyperband", "max_iter": 27, "s": 2}
    sweep = sweep_from({"parameters": {"seed": {"value": 1}}, "early_terminate": record})
    assert sweep.hyperband == Hyperband(min_epochs=3, max_epochs=27, factor=3)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("method: genetic\nparameters: {seed: {value: 1}}", "bayes, random, grid"),
        ("parameters: {}", "without parameters"),
        ("parameters: {seed: {min: 3, max: 1}}", "min below max"),
        ("parameters: {seed: {min: 3}}", "value, values, or min and max"),
        ("parameters: {seed: 3}", "value, values, or min and max"),
        ("parameters: {seed: {min: 0, max: 1, distribution: log_uniform_values}}", "above 0"),
        ("parameters: {seed: {min: 0, max: 1, distribution: beta}}", "log_uniform_values"),
        ("parameters: {seed: {min: a, max: b}}", "seed"),
        ("paramters: {seed: {value: 1}}", "unknown sweep key 'paramters'"),
        ("early_terminate: {type: median}\nparameters: {seed: {value: 1}}", "hyperband"),
        ("early_terminate: {type: hyperband, eta: 1}\nparameters: {seed: {value: 1}}", "eta >= 2"),
        ("metric: 3\nparameters: {seed: {value: 1}}", "does not fit"),
        ("run_cap: 0\nparameters: {seed: {value: 1}}", "run_cap"),
        ("- 1", "holds no keys"),
        ("a: [", "not YAML"),
        ("!!python/object/apply:os.system ['true']", "not YAML"),
    ],
)
def test_a_wrong_sweep_file_is_refused_by_what_is_wrong(
    tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        read_sweep(write(tmp_path / "s.yaml", text))


def test_a_missing_or_huge_sweep_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_sweep(tmp_path / "none.yaml")
    with pytest.raises(InputError, match="larger"):
        read_sweep(write(tmp_path / "big.yaml", "#" * (1 << 20) + "\n"))


def test_our_own_sweep_file_fits_the_configuration() -> None:
    sweep = read_sweep(OURS)
    assert sweep.method == "bayes"
    assert sweep.hyperband is not None
    for values in sweep.samples():
        config_for(values, base=None)
