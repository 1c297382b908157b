"""The report of a sweep: a table, a start, plots that show what was tried."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from train.study import TrialRecord
from train.sweep_file import Choice, Range, Sweep
from train.sweep_parallel import draw_parallel
from train.sweep_report import write_report

SWEEP = Sweep(
    method="random",
    parameters={
        "learning_rate": Range(low=1e-5, high=1e-3, is_log=True),
        "frozen_stages": Choice(values=(0, 1, 2)),
        "schedule": Choice(values=("cosine", "one-cycle")),
        "loss.dice": Range(low=0.0, high=1.0),
    },
)


def trial(number: int, value: float | None, state: str = "complete") -> TrialRecord:
    rng = np.random.default_rng(number)
    return TrialRecord(
        number=number,
        state=state,
        folder=f"trial-{number:03d}",
        params={
            "learning_rate": float(10 ** rng.uniform(-5, -3)),
            "frozen_stages": int(rng.integers(3)),
            "schedule": ("cosine", "one-cycle")[number % 2],
            "loss.dice": float(rng.uniform()),
        },
        curve=() if value is None else (value - 0.1, value),
        value=value,
    )


TRIALS = [
    trial(0, 0.5),
    trial(1, 0.7),
    trial(2, 0.9, "pruned"),
    trial(3, None, "failed"),
    trial(4, 0.6),
]


def report(out: Path, sweep: Sweep = SWEEP, **more: object) -> str:
    options = {"importance": {}, "plots": [], **more}
    return write_report(TRIALS, out=out, sweep=sweep, **options).read_text()  # type: ignore[arg-type]


def rows_of(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_table_ranks_whole_trials_before_those_that_were_stopped(tmp_path: Path) -> None:
    text = report(tmp_path)
    head, _, *rows = rows_of(text)
    assert head == ["trial", "val/miou", "state", "epochs", *SWEEP.parameters]
    assert [row[0] for row in rows] == ["1", "4", "0", "2", "3"]
    assert all(len(row) == len(head) for row in rows)
    assert rows[-1][1:4] == ["n/a", "failed", "0"]
    assert "number 1 with 0.7000" in text
    assert "1 failed, 1 pruned" in text
    least = Sweep(method="random", parameters=SWEEP.parameters, goal="minimize")
    assert [row[0] for row in rows_of(report(tmp_path, least))[2:]] == ["0", "4", "1", "2", "3"]


def test_it_says_where_all_trials_start_and_what_mattered(tmp_path: Path) -> None:
    start = {"name": "runs/a|b", "weights_sha256": "0123456789abcdef", "value": 0.625}
    plots = [tmp_path / "history.png"]
    text = report(tmp_path, start=start, importance={"loss.dice": 0.75}, plots=plots)
    assert "starts from runs/a\\|b (0123456789ab), which had 0.6250 when it was written." in text
    assert "- loss.dice: 75%" in text
    assert "![history](history.png)" in text
    assert "starts from" not in report(tmp_path)


def test_every_measured_trial_is_a_line_and_the_best_is_darkest(tmp_path: Path) -> None:
    path = draw_parallel(TRIALS, path=tmp_path / "parallel.png", sweep=SWEEP)
    assert path is not None
    pixels = cv2.imread(str(path))
    assert pixels is not None
    assert pixels.std() > 5
    fewer = draw_parallel(TRIALS[:2], path=tmp_path / "fewer.png", sweep=SWEEP)
    assert fewer is not None
    other = cv2.imread(str(fewer))
    assert other is not None
    assert not np.array_equal(pixels, other)


@pytest.mark.parametrize("trials", [[], TRIALS[:1], TRIALS[2:4]])
def test_there_is_no_plot_of_less_than_two_figures(
    trials: list[TrialRecord], tmp_path: Path
) -> None:
    assert draw_parallel(trials, path=tmp_path / "parallel.png", sweep=SWEEP) is None
    assert not list(tmp_path.iterdir())
