"""Two trainings never write the same folder."""

import subprocess
import sys
from pathlib import Path

import pytest

from losszero_rt.errors import UsageError
from train.sole import sole_training

HOLDER = """
import sys, time
from pathlib import Path
from train.sole import sole_training
with sole_training(Path(sys.argv[1])):
    print("in", flush=True)
    time.sleep(600)
"""


def test_a_second_one_is_refused_and_a_killed_one_leaves_nothing(tmp_path: Path) -> None:
    out = tmp_path / "runs" / "a"
    command = [sys.executable, "-c", HOLDER, str(out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "in\n"
            with pytest.raises(UsageError, match=r"another training is at work in .*a"):
                sole_training(out).__enter__()
        finally:
            holder.kill()
    with sole_training(out):
        assert not list(out.iterdir())


def test_processes_that_follow_pass(tmp_path: Path) -> None:
    with sole_training(tmp_path), sole_training(tmp_path, leads=False):
        pass


def test_the_folder_is_free_after_a_failure(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), sole_training(tmp_path):
        raise RuntimeError
    with sole_training(tmp_path):
        pass
