"""A training that is asked to stop, or killed: what is on disk, and who is left."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from train.state import has_state, read_step

ROOT = Path(__file__).parents[2]
WAIT_S = 200.0
GONE_S = 10.0
SETTINGS = (
    "num_rides=0",
    "samples_per_epoch=4000",
    "phases.0.batch_size=2",
    "phases.0.crop_size=[64,64]",
    "input.size=[64,96]",
)
pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc"),
]


@contextmanager
def training(data: Path, out: Path) -> Iterator["subprocess.Popen[str]"]:
    """Run a long training with a worker as a program of its own."""
    words = [sys.executable, "-m", "train", "run", "--recipe", "unet", "--data", str(data)]
    words += ["--out", str(out), "--encoder-weights", "none", "--track", "disabled"]
    words += ["--accelerator", "cpu", "--workers", "1"]
    words += [part for setting in SETTINGS for part in ("--set", setting)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    pipes = subprocess.PIPE
    with subprocess.Popen(
        words, cwd=ROOT, env=environment, stdout=pipes, stderr=pipes, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(happens: Callable[[], bool], *, limit_s: float = WAIT_S) -> bool:
    until_s = time.monotonic() + limit_s
    while time.monotonic() < until_s:
        if happens():
            return True
        time.sleep(0.05)
    return happens()


def has_stepped(out: Path, process: "subprocess.Popen[str]") -> bool:
    assert process.poll() is None, process.communicate()[1][-3000:]
    rows = out / "metrics.jsonl"
    return rows.is_file() and rows.stat().st_size > 0


def workers_of(process: "subprocess.Popen[str]") -> list[int]:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [int(child) for child in children if b"spawn_main" in command_of(int(child))]


def command_of(process_id: int) -> bytes:
    """Return the command line of a process; empty if it has ended."""
    try:
        return Path(f"/proc/{process_id}/cmdline").read_bytes()
    except OSError:
        return b""


def all_gone(workers: list[int]) -> bool:
    return not any(b"spawn_main" in command_of(worker) for worker in workers)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_the_step_writes_the_state_and_says_how_to_go_on(
    number: signal.Signals, code: int, data_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with training(data_folder, out) as process:
        assert wait_for(lambda: has_stepped(out, process))
        workers = workers_of(process)
        # As a terminal and a service manager do: to all processes at once.
        for receiver in (*workers, process.pid):
            os.kill(receiver, number)
        _, told = process.communicate(timeout=WAIT_S)
        assert process.returncode == code, told[-3000:]
    assert "Traceback" not in told
    step = read_step(out / "state")
    assert f"after step {step} of" in told
    assert "--resume" in told
    rows = [json.loads(row) for row in (out / "metrics.jsonl").read_text().splitlines()]
    assert rows[-1]["step"] == step
    assert len(workers) == 1
    assert all_gone(workers)


@pytest.mark.slow
def test_workers_end_with_a_training_that_is_killed(data_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with training(data_folder, out) as process:
        assert wait_for(lambda: has_stepped(out, process))
        workers = workers_of(process)
        assert len(workers) == 1
        process.kill()
        process.wait()
        assert wait_for(lambda: all_gone(workers), limit_s=GONE_S)
    # It was killed before its first state: that is what --resume finds.
    assert not has_state(out / "state")
