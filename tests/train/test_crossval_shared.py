"""Several processes on one cross-validation: each trains the folds that no other is at."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.train.test_crossval import config, rides, run, watched_trainings
from train.config import TrainConfig
from train.datasets import PictureSet
from train.sole import sole_training

__all__ = ["config", "rides"]  # fixtures

pytestmark = pytest.mark.slow


def test_processes_share_the_folds_and_the_last_one_has_them_all(
    rides: PictureSet, config: TrainConfig, tmp_path: Path
) -> None:
    said: list[str] = []
    with sole_training(tmp_path / "fold-2"), watched_trainings() as given:
        ours = run([config], rides, tmp_path, resume=True, say=said.append)
    assert [fold.index for fold in ours.folds] == [1, 3]
    assert len(given) == 2
    assert "fold 2: left to another process, which is at work on it" in said
    with watched_trainings() as given:
        assert run([config], rides, tmp_path, resume=True).complete
    assert len(given) == 1


def test_a_fold_that_another_process_lets_go_of_is_tried_again(
    rides: PictureSet, config: TrainConfig, tmp_path: Path
) -> None:
    with ExitStack() as other:
        other.enter_context(sole_training(tmp_path / "fold-1"))

        def follow(line: str) -> None:
            if line.startswith("fold 3 mIoU"):
                other.close()

        assert run([config], rides, tmp_path, resume=True, say=follow).complete


def test_a_fold_that_another_process_ends_meanwhile_counts(
    rides: PictureSet, config: TrainConfig, tmp_path: Path
) -> None:
    """The other one is played by this process: it does all, while the first waits for its line."""
    with ExitStack() as other, watched_trainings() as given:
        other.enter_context(sole_training(tmp_path / "fold-1"))

        def finish(line: str) -> None:
            if line.startswith("fold 3 mIoU"):
                other.close()
                assert run([config], rides, tmp_path, resume=True).complete

        assert run([config], rides, tmp_path, resume=True, say=finish).complete
    assert len(given) == 3
