import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from losszero_rt.classmap import NIGHT_RIDE
from losszero_rt.errors import InputError
from tests.train.noted import checkpoint_in, panel, scores
from train.journal import JsonlTracker, read_rows
from train.lineage import read_lineage
from train.panels import Panel, draw_panel
from train.tracking import open_tracker, score_values


def test_the_journal_holds_a_row_for_everything_logged(tmp_path: Path) -> None:
    tracker = open_tracker(tmp_path, mode="disabled", config={})
    tracker.log({"train/loss": 0.5, "epoch": 1}, step=7)
    tracker.log({"val/miou": float("nan")}, step=8)
    assert read_rows(tmp_path) == [
        {"step": 7, "train/loss": 0.5, "epoch": 1},
        {"step": 8, "val/miou": None},
    ]
    assert not (tmp_path / "wandb").exists()


def test_a_resumed_training_goes_on_from_its_step_as_if_never_killed(tmp_path: Path) -> None:
    first = JsonlTracker(tmp_path)
    for step in range(1, 6):
        first.log({"train/loss": float(step)}, step=step)
    first.confusion(np.eye(2), names=("a", "b"), step=5)
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 6, "train/lo')
    again = JsonlTracker(tmp_path, resume_step=3)
    assert [row["step"] for row in read_rows(tmp_path)] == [1, 2, 3]
    assert not (tmp_path / "confusion.json").exists()
    again.log({"train/loss": 4.0}, step=4)
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 3, 4]


def test_a_training_begun_anew_keeps_nothing_of_the_killed_one(tmp_path: Path) -> None:
    JsonlTracker(tmp_path).log({"train/loss": 1.0}, step=1)
    JsonlTracker(tmp_path)
    assert read_rows(tmp_path) == []


def test_panels_are_written_inside_the_folder_whatever_the_picture_is_called(
    tmp_path: Path,
) -> None:
    tracker = JsonlTracker(tmp_path)
    tracker.pictures([panel(name="../../x y.png"), panel(name="...", with_cam=True)], step=12)
    written = {path.name: cv2.imread(str(path)) for path in (tmp_path / "panels").iterdir()}
    assert set(written) == {"000012-x-y-png.png", "000012-picture.png"}
    three, four = written["000012-x-y-png.png"], written["000012-picture.png"]
    assert three is not None
    assert four is not None
    height, width = panel().labels_HW.shape
    assert three.shape[0] == four.shape[0] > height
    assert three.shape[1] > 3 * width
    assert four.shape[1] > 4 * width


def test_a_panel_shows_truth_and_labels_in_their_colours() -> None:
    shown = draw_panel(panel())
    width = panel().labels_HW.shape[1]
    road = np.array(NIGHT_RIDE.colours[1], float)
    column, row = 6 + width + 6 + width // 2 + 16, 26 + 30
    near_road = np.abs(shown[row, column] - (0.4 * 60 + 0.6 * road)).max()
    assert near_road < 12
    assert np.abs(shown[row, column - width - 6].astype(int) - 60).max() < 12


def test_a_panel_of_parts_that_do_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="alike"):
        Panel(
            name="x",
            pixels_HWC=np.zeros((4, 4, 3), np.uint8),
            labels_HW=np.zeros((4, 5), np.uint8),
            classes=NIGHT_RIDE,
        )


def test_a_plot_or_panel_that_fails_is_said_and_costs_no_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object) -> None:
        raise RuntimeError("no fonts")

    monkeypatch.setattr("train.plots.plot_training", broken)
    monkeypatch.setattr("train.journal.draw_panel", broken)
    lines: list[str] = []
    tracker = open_tracker(tmp_path, mode="disabled", config={}, say=lines.append)
    tracker.pictures([panel()], step=1)
    tracker.close()
    assert lines == ["no panels: RuntimeError: no fonts", "no plots: RuntimeError: no fonts"]


def test_scores_become_keys_and_absent_classes_are_left_out() -> None:
    values = score_values(scores())
    assert values["val/class_iou/road"] == pytest.approx(40 / 45)
    assert values["val/class_iou/my_bike"] == 1.0
    assert "val/class_iou/lane_mark" not in values
    assert values["safety/undrivable_as_road"] == pytest.approx(5 / 55)
    assert "safety/lane_mark_recall" not in values
    assert not any(key.startswith("safety/") for key in score_values(scores(), part="train"))


def test_an_alias_belongs_to_the_newest_version_alone(tmp_path: Path) -> None:
    tracker = JsonlTracker(tmp_path)
    for content in (b"first", b"second"):
        folder = checkpoint_in(tmp_path / "best", content=content)
        tracker.artifact(folder, kind="checkpoint", name="best", aliases=("best-miou", "x"))
    old, new = read_lineage(tmp_path)
    assert old.aliases == ()
    assert new.aliases == ("best-miou", "x")
    assert old.version != new.version


def test_what_is_recorded_twice_is_one_version_with_both_uses(tmp_path: Path) -> None:
    tracker = JsonlTracker(tmp_path)
    folder = checkpoint_in(tmp_path / "last")
    for use in ("data:1", "data:2"):
        made = tracker.artifact(folder, kind="checkpoint", name="last", uses=(use,))
    assert read_lineage(tmp_path) == [made]
    assert made.uses == ("data:1", "data:2")
    assert set(made.files) == {"weights.safetensors", "seen.png"}


def test_an_artifact_without_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no file"):
        JsonlTracker(tmp_path).artifact(tmp_path / "absent", kind="data", name="x")
