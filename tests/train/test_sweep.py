import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import pytest

from losszero_rt.checkpoint import read_checkpoint
from losszero_rt.errors import ModelError, UsageError
from train.config import TrainConfig
from train.data import Data
from train.datasets import LabelledPicture
from train.fitting import with_epochs
from train.journal import read_rows
from train.recipes import recipe
from train.sweep import Report, config_for, run_sweep
from train.sweep_file import Choice, Hyperband, Range, Sweep
from train.trial import training

pytestmark = pytest.mark.slow

RATE = {"learning_rate": Range(low=1e-4, high=1e-1, is_log=True)}


class KilledError(Exception):
    pass


@dataclass
class FakeTraining:
    """Trains nothing: the metric climbs towards a value that only the learning rate decides."""

    kill_at: int = -1
    configs: list[TrainConfig] = field(default_factory=list)
    epochs: int = 0

    def __call__(
        self, config: TrainConfig, *, folder: Path, report: Report, time_limit_s: float
    ) -> bool:
        self.configs.append(config)
        top = 1 - abs(math.log10(config.learning_rate) + 2) / 4
        for epoch in range(1, config.num_epochs + 1):
            self.epochs += 1
            if self.epochs == self.kill_at:
                raise KilledError
            report(epoch, top * epoch / (epoch + 1))
        return True


@pytest.fixture
def three_epochs(tiny_config: TrainConfig) -> TrainConfig:
    return with_epochs(tiny_config, 3)


def sweep_of(**changes: Any) -> Sweep:
    return replace(Sweep(method="random", parameters=RATE, num_trials=6), **changes)


@pytest.fixture
def run(three_epochs: TrainConfig, tmp_path: Path) -> Callable[..., list[dict[str, Any]]]:
    def start(objective: Any, sweep: Sweep, **options: Any) -> list[dict[str, Any]]:
        out = options.setdefault("out", tmp_path / "sweep")
        configure = partial(config_for, base=options.pop("base", three_epochs))
        run_sweep(sweep, configure=configure, objective=objective, say=str, **options)
        rows: list[dict[str, Any]] = json.loads((out / "trials.json").read_text())
        return rows

    return start


def test_recipe_and_epochs_are_parameters_too() -> None:
    config = config_for({"recipe": "unet", "epochs": 3, "seed": 9}, base=None)
    assert config.network == recipe("unet").network
    assert (config.num_epochs, config.seed) == (3, 9)
    with pytest.raises(UsageError, match="without a recipe"):
        config_for({"seed": 9}, base=None)


def test_a_sweep_finds_what_is_best_and_writes_it_down(
    run: Callable[..., list[dict[str, Any]]], tmp_path: Path
) -> None:
    rows = run(FakeTraining(), sweep_of(method="bayes", num_trials=12))
    assert [row["state"] for row in rows] == ["complete"] * 12
    best = json.loads((tmp_path / "sweep" / "best.json").read_text())
    assert best["value"] == max(row["value"] for row in rows)
    assert best["params"]["learning_rate"] == best["config"]["learning_rate"]
    assert abs(math.log10(best["config"]["learning_rate"]) + 2) < 0.5
    for name in ("history.png", "importance.png"):
        assert cv2.imread(str(tmp_path / "sweep" / name)) is not None


def test_the_smallest_is_best_where_the_goal_says_so(
    run: Callable[..., list[dict[str, Any]]], tmp_path: Path
) -> None:
    rows = run(FakeTraining(), sweep_of(goal="minimize"))
    best = json.loads((tmp_path / "sweep" / "best.json").read_text())
    # The best epoch of a climbing metric is its first.
    assert best["value"] == min(row["curve"][0] for row in rows)


def test_trials_that_lag_behind_are_pruned(
    run: Callable[..., list[dict[str, Any]]], tiny_config: TrainConfig
) -> None:
    sweep = sweep_of(num_trials=20, hyperband=Hyperband(min_epochs=1, max_epochs=9, factor=3))
    fake = FakeTraining()
    rows = run(fake, sweep, base=with_epochs(tiny_config, 9))
    pruned = [row for row in rows if row["state"] == "pruned"]
    whole = [row for row in rows if row["state"] == "complete"]
    assert pruned
    assert whole
    assert all(row["epochs"] < 9 for row in pruned)
    assert all(row["epochs"] == 9 for row in whole)
    assert fake.epochs == sum(row["epochs"] for row in rows) < 20 * 9
    assert max(row["value"] for row in whole) == max(row["value"] for row in rows)


def test_a_grid_tries_every_combination_once(run: Callable[..., list[dict[str, Any]]]) -> None:
    grid = {
        "learning_rate": Choice(values=(1e-3, 1e-2)),
        "frozen_stages": Range(low=0, high=2, is_whole=True),
        "phases.0.crop_size": Choice(values=([64, 64],)),
    }
    rows = run(FakeTraining(), sweep_of(method="grid", parameters=grid, num_trials=50))
    tried = {(row["params"]["learning_rate"], row["params"]["frozen_stages"]) for row in rows}
    assert len(rows) == len(tried) == 6


def test_a_grid_without_end_is_refused(run: Callable[..., list[dict[str, Any]]]) -> None:
    with pytest.raises(UsageError, match="no end of values"):
        run(FakeTraining(), sweep_of(method="grid"))


@pytest.mark.parametrize("method", ["bayes", "random", "grid"])
def test_a_sweep_that_was_killed_goes_on_as_if_it_had_not_been(
    run: Callable[..., list[dict[str, Any]]], tmp_path: Path, method: str
) -> None:
    grid = {"learning_rate": Choice(values=(1e-4, 1e-3, 1e-2, 1e-1))}
    sweep = sweep_of(method=method, parameters=grid if method == "grid" else RATE)
    whole = run(FakeTraining(), sweep, out=tmp_path / "whole")
    # Killed in its third trial, with two epochs noted.
    with pytest.raises(KilledError):
        run(FakeTraining(kill_at=9), sweep)
    rows = run(FakeTraining(), sweep, resume=True)
    rates = [row["params"]["learning_rate"] for row in rows]
    asked = [row["params"]["learning_rate"] for row in whole]
    assert (sorted(rates) if method == "grid" else rates) == asked
    assert len({row["folder"] for row in rows}) == len(rows)
    # The trial that was cut short went on in its own folder.
    [cut] = [row for row in rows if row["folder"] == "trial-002"]
    assert cut["number"] > 2
    assert cut["state"] == "complete"


def test_a_sweep_stops_when_time_is_up_and_goes_on_later(
    run: Callable[..., list[dict[str, Any]]], three_epochs: TrainConfig, tmp_path: Path
) -> None:
    limits: list[float] = []

    def endless(config: TrainConfig, *, folder: Path, report: Report, time_limit_s: float) -> bool:
        limits.append(time_limit_s)
        return False

    out, configure = tmp_path / "sweep", partial(config_for, base=three_epochs)
    study = run_sweep(
        sweep_of(), configure=configure, objective=endless, out=out, time_limit_s=60.0, say=str
    )
    assert study.ended() == []
    assert len(limits) == 1
    assert 0 < limits[0] <= 60.0
    assert len(run(FakeTraining(), sweep_of(num_trials=2), resume=True)) == 2


def test_a_trial_that_fails_does_not_end_the_sweep(
    run: Callable[..., list[dict[str, Any]]],
) -> None:
    fake = FakeTraining()

    def frail(config: TrainConfig, **options: Any) -> bool:
        if len(fake.configs) == 1:
            fake.configs.append(config)
            raise ModelError("the loss of step 3 is nan")
        return fake(config, **options)

    rows = run(frail, sweep_of(num_trials=4))
    assert [row["state"] for row in rows] == ["complete", "failed", "complete", "complete"]


def test_a_sweep_of_nothing_but_failures_says_why(
    run: Callable[..., list[dict[str, Any]]],
) -> None:
    def broken(config: TrainConfig, **options: Any) -> bool:
        raise ModelError("no memory")

    with pytest.raises(ModelError, match="no memory"):
        run(broken, sweep_of(num_trials=2))


def test_another_sweep_does_not_go_on_with_this_one(
    run: Callable[..., list[dict[str, Any]]],
) -> None:
    with pytest.raises(UsageError, match="no sweep to go on with"):
        run(FakeTraining(), sweep_of(), resume=True)
    run(FakeTraining(), sweep_of(num_trials=1))
    with pytest.raises(UsageError, match="add --resume"):
        run(FakeTraining(), sweep_of())
    with pytest.raises(UsageError, match="other parameters"):
        run(FakeTraining(), sweep_of(parameters={"seed": Choice(values=(1, 2))}), resume=True)


def test_a_parameter_that_no_configuration_has_stops_it_before_the_first_trial(
    run: Callable[..., list[dict[str, Any]]], tmp_path: Path
) -> None:
    fake = FakeTraining()
    wrong = Range(low=0.0, high=1.0)
    with pytest.raises(UsageError, match="lerning_rate"):
        run(fake, sweep_of(parameters={"lerning_rate": wrong}))
    with pytest.raises(UsageError, match="samples_per_epoch"):
        run(fake, sweep_of(parameters={"samples_per_epoch": Range(low=2.0, high=8.0)}))
    assert fake.configs == []
    assert not (tmp_path / "sweep").exists()


# --- real trainings


@pytest.fixture
def data(pictures: list[LabelledPicture]) -> Data:
    return Data(sources={"night_ride": pictures[:3]}, val=pictures[3:], train_probe=pictures[:1])


def test_a_sweep_of_real_trainings_keeps_what_each_did(
    run: Callable[..., list[dict[str, Any]]], data: Data, tiny_config: TrainConfig, tmp_path: Path
) -> None:
    objective = training(lambda config, tracker: data, metric="val/miou", mode="disabled", say=str)
    rows = run(objective, sweep_of(num_trials=2), base=tiny_config)
    assert [row["state"] for row in rows] == ["complete", "complete"]
    for row in rows:
        folder = tmp_path / "sweep" / row["folder"]
        tracked = [r["val/miou"] for r in read_rows(folder) if "val/miou" in r]
        assert row["curve"] == tracked
        assert len(tracked) == tiny_config.num_epochs
        assert (folder / "plots" / "miou.png").exists()
    best = json.loads((tmp_path / "sweep" / "best.json").read_text())
    kept = read_checkpoint(tmp_path / "sweep" / best["folder"] / "best")
    assert kept.scores["miou"] == pytest.approx(best["value"], abs=1e-6)
    [other] = [row["folder"] for row in rows if row["folder"] != best["folder"]]
    assert not (tmp_path / "sweep" / other / "best").exists()
    assert rows[0]["params"] != rows[1]["params"]


@pytest.mark.slow
def test_a_real_trial_out_of_time_goes_on_from_its_state(
    run: Callable[..., list[dict[str, Any]]], data: Data, tiny_config: TrainConfig, tmp_path: Path
) -> None:
    objective = training(lambda config, tracker: data, metric="val/miou", mode="disabled", say=str)

    def hurried(config: TrainConfig, **options: Any) -> bool:
        return objective(config, **{**options, "time_limit_s": 0.0})

    out, whole = tmp_path / "sweep", tmp_path / "whole"
    assert run(hurried, sweep_of(num_trials=1), base=tiny_config) == []
    assert (out / "trial-000" / "state").exists()
    assert [row["step"] for row in read_rows(out / "trial-000")] == [1]
    [row] = run(objective, sweep_of(num_trials=1), base=tiny_config, resume=True)
    [unbroken] = run(objective, sweep_of(num_trials=1), base=tiny_config, out=whole)
    assert row["folder"] == "trial-000"
    assert row["curve"] == unbroken["curve"]
