import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from losszero_rt.classmap import NIGHT_RIDE
from losszero_rt.metrics import Scores
from train.journal import JsonlTracker
from train.plots import curve, plot_training, smoothed
from train.tracking import score_values

NUM_EPOCHS = 6


def scores(hits: int) -> Scores:
    matrix = np.full((6, 6), 10) + np.diag([hits] * 6)
    return Scores(matrices=matrix[None].astype(np.int64), classmap=NIGHT_RIDE)


def note_training(out: Path, *, overfits: bool = True) -> Path:
    tracker = JsonlTracker(out)
    for step in range(1, 10 * NUM_EPOCHS + 1):
        tracker.log({"train/loss": 1 + 1 / step, "train/rate": 0.01}, step=step)
        if step % 10 == 0:
            val = score_values(scores(step))
            train = score_values(scores(step * (9 if overfits else 1)), part="train")
            tracker.log({**val, **train, "val/boundary_iou": 0.2}, step=step)
            tracker.confusion(scores(step).total, names=NIGHT_RIDE.names, step=step)
    return out


def pixels_of(path: Path) -> np.ndarray:
    read = cv2.imread(str(path))
    assert read is not None
    return read[..., ::-1].astype(int)


def share_of(path: Path, colour: tuple[int, int, int], *, tolerance: int = 6) -> float:
    return float((np.abs(pixels_of(path) - colour).max(axis=2) <= tolerance).mean())


def test_everything_that_was_noted_is_drawn(tmp_path: Path) -> None:
    written = plot_training(note_training(tmp_path))
    names = ["loss", "miou", "class-iou", "safety", "confusion"]
    assert [path.name for path in written] == [f"{name}.png" for name in names]
    for path in written:
        pixels = pixels_of(path)
        assert min(pixels.shape[:2]) > 400
        assert 0.001 < (pixels.min(axis=2) < 128).mean() < 0.5


def test_what_was_not_noted_is_not_drawn(tmp_path: Path) -> None:
    assert plot_training(tmp_path) == []
    JsonlTracker(tmp_path).log({"train/loss": 1.0}, step=1)
    assert [path.name for path in plot_training(tmp_path)] == ["loss.png"]


def test_every_class_is_drawn_in_its_own_colour(tmp_path: Path) -> None:
    note_training(tmp_path)
    # Each class has a height of its own, else the last would hide the others.
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    for row in rows:
        for index, name in enumerate(NIGHT_RIDE.names):
            row["val/class_iou/" + name.replace(" ", "_")] = 0.1 + 0.15 * index
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    plot_training(tmp_path)
    for colour in NIGHT_RIDE.colours:
        assert share_of(tmp_path / "plots" / "class-iou.png", colour) > 0.0005, colour


@pytest.mark.slow
def test_the_gap_between_training_and_validation_is_shaded(tmp_path: Path) -> None:
    shade = (248, 232, 218)
    for overfits in (True, False):
        out = note_training(tmp_path / str(overfits), overfits=overfits)
        plot_training(out)
        assert (share_of(out / "plots" / "miou.png", shade) > 0.05) == overfits


def test_absent_values_leave_a_curve_shorter_not_wrong() -> None:
    rows: list[dict[str, Any]] = [
        {"step": 1, "a": 0.5},
        {"step": 2, "a": None},
        {"step": 3},
        {"step": 4, "a": 0.25},
    ]
    steps, values = curve(rows, "a")
    assert steps.tolist() == [1, 4]
    assert values.tolist() == [0.5, 0.25]
    assert curve(rows, "b")[0].shape == (0,)


def test_a_single_epoch_and_absent_classes_can_be_drawn(tmp_path: Path) -> None:
    matrix = np.zeros((6, 6), np.int64)
    matrix[1, 1] = 10
    lone = Scores(matrices=matrix[None], classmap=NIGHT_RIDE)
    tracker = JsonlTracker(tmp_path)
    tracker.log(score_values(lone), step=1)
    tracker.confusion(lone.total, names=NIGHT_RIDE.names, step=1)
    names = {path.stem for path in plot_training(tmp_path)}
    assert {"miou", "class-iou", "confusion"} <= names


def test_the_loss_issmoothed_without_lag() -> None:
    values = np.linspace(3.0, 1.0, 301)
    smooth = smoothed(values)
    assert smooth.shape == values.shape
    assert np.abs(smooth[20:-20] - values[20:-20]).max() < 1e-9
    noisy = values + np.random.default_rng(0).normal(0, 0.2, values.shape)
    assert np.abs(smoothed(noisy) - values).mean() < 0.08
    assert smoothed(np.array([2.0])).tolist() == [2.0]
