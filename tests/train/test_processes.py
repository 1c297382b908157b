"""Trainings as programs of their own: killed and resumed, and shared by two processes."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from losszero_rt.checkpoint import read_checkpoint, read_weights
from losszero_rt.errors import ModelError
from tests.waiting import until
from train.state import read_step, state_mark

ROOT = Path(__file__).parents[2]
PROGRAM = "tests.train.training_program"
NUM_STEPS = 9
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def environment() -> dict[str, str]:
    names = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
    kept = {key: value for key, value in os.environ.items() if key not in names}
    return {**kept, "OMP_NUM_THREADS": "1"}


def run(*words: str, launcher: tuple[str, ...] = ()) -> None:
    command = [sys.executable, *launcher, "-m", PROGRAM, *words]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=250
    )
    assert done.returncode == 0, done.stderr[-3000:]


def weights_in(folder: Path) -> dict[str, torch.Tensor]:
    return dict(read_weights(folder, checkpoint=read_checkpoint(folder)))


def assert_same(one: Path, other: Path) -> None:
    ours, theirs = weights_in(one / "last"), weights_in(other / "last")
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)


def proof(out: Path, rank: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / f"proof-{rank}.json").read_text())
    return found


def step_on_disk(out: Path) -> int:
    try:
        return read_step(out / "state")
    except ModelError:
        return 0


def test_a_training_killed_at_any_moment_and_resumed_ends_in_the_same_weights(
    tmp_path: Path,
) -> None:
    broken, whole = tmp_path / "broken", tmp_path / "whole"
    wanted = int(np.random.default_rng().integers(1, NUM_STEPS - 1))
    command = [sys.executable, "-m", PROGRAM, str(broken), "real"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment())
    try:
        while step_on_disk(broken) < wanted and process.poll() is None:
            time.sleep(0.005)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert wanted <= step_on_disk(broken) < NUM_STEPS
    run(str(broken), "real", "--resume")
    run(str(whole), "real")
    assert_same(broken, whole)


def test_two_processes_give_the_figures_of_one(tmp_path: Path) -> None:
    team, alone = tmp_path / "team", tmp_path / "alone"
    torchrun = ("-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone")
    run(str(team), "plain", launcher=torchrun)
    run(str(alone), "plain", "--accumulate", "2")
    assert_same(team, alone)
    histories = [json.loads((out / "history.json").read_text()) for out in (team, alone)]
    for ours, theirs in zip(*histories, strict=True):
        for key in ("val_miou", "train_miou", "boundary_iou", "class_iou", "rates", "loss"):
            assert ours[key] == pytest.approx(theirs[key], abs=1e-6, nan_ok=True), key
    # A network with a name in the world, measured by both: every figure, with its interval.
    for rank in (0, 1):
        for part in ("areas", "outlines"):
            assert proof(team, rank)[part] == proof(alone)[part]


def on_machines(*words: tuple[str, ...]) -> list[tuple[int, str]]:
    """Run a training on as many machines of one process each, and return how each ended."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    launcher = ("-m", "torch.distributed.run", "--nproc-per-node", "1", "--nnodes", str(len(words)))
    place = ("--master-addr", "127.0.0.1", "--master-port", str(port))
    with ExitStack() as stack:
        # Files, for a pipe that nobody reads would stop a machine, and so the others.
        files = [stack.enter_context(tempfile.TemporaryFile("w+")) for _ in words]
        machines = [
            subprocess.Popen(
                [sys.executable, *launcher, *place, "--node-rank", str(rank), "-m", PROGRAM, *own],
                cwd=ROOT,
                env=environment(),
                stderr=file,
                start_new_session=True,
            )
            for rank, (own, file) in enumerate(zip(words, files, strict=True))
        ]
        for machine in machines:
            stack.callback(end_group, machine)
        codes = [machine.wait(timeout=250) for machine in machines]
        for file in files:
            file.seek(0)
        return [(code, file.read()) for code, file in zip(codes, files, strict=True)]


def end_group(machine: "subprocess.Popen[bytes]") -> None:
    """Kill a launcher and what it started."""
    with suppress(ProcessLookupError):
        os.killpg(machine.pid, signal.SIGKILL)
    machine.wait()


def test_two_machines_give_the_weights_of_one(tmp_path: Path) -> None:
    team, alone = tmp_path / "team", tmp_path / "alone"
    ends = on_machines((str(team), "plain"), (str(team), "plain"))
    assert [code for code, _ in ends] == [0, 0], ends
    run(str(alone), "plain", "--accumulate", "2")
    assert_same(team, alone)


def test_machines_that_find_different_states_all_end_and_say_so(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(str(out), "plain")
    elsewhere = (str(tmp_path / "elsewhere"), "plain", "--resume")
    for code, err in on_machines((str(out), "plain", "--resume"), elsewhere):
        assert code != 0
        assert f"find different states in {tmp_path}" in err
        assert f"step {NUM_STEPS}, no state" in err


def test_a_damaged_state_on_one_machine_ends_all_and_is_told(tmp_path: Path) -> None:
    out, copy = tmp_path / "out", tmp_path / "copy"
    run(str(out), "plain")
    shutil.copytree(out, copy)
    (tensors,) = (copy / "state").glob("state-*.safetensors")
    tensors.write_bytes(tensors.read_bytes()[:-1] + b"?")
    first, second = on_machines((str(out), "plain", "--resume"), (str(copy), "plain", "--resume"))
    assert first[0] != 0
    assert f"step {NUM_STEPS}, a state that it cannot use" in first[1]
    assert second[0] != 0
    assert "is damaged: its sha256 differs from the record" in second[1]


def test_states_of_one_step_that_differ_are_told(tmp_path: Path) -> None:
    out, other = tmp_path / "out", tmp_path / "other"
    run(str(out), "plain")
    run(str(other), "plain", "--accumulate", "2")
    marks = {state_mark(folder / "state") for folder in (out, other)}
    assert len(marks) == 2, "rounded otherwise"
    for code, err in on_machines(
        (str(out), "plain", "--resume"), (str(other), "plain", "--resume")
    ):
        assert code != 0
        assert f"step {NUM_STEPS}, step {NUM_STEPS}" in err


def second_of(pid: int) -> int:
    """Return the process that a training started beside itself."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return next(int(c) for c in children if b"LOCAL_RANK=1" in environ_of(c))


def environ_of(pid: str) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


@pytest.mark.parametrize("to", ["all", "first", "second"])
def test_a_signal_stops_all_processes_and_the_first_says_so(tmp_path: Path, to: str) -> None:
    command = [sys.executable, "-m", PROGRAM, str(tmp_path), "real", "--devices", "2"]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        until(lambda: step_on_disk(tmp_path) > 0 or process.poll() is not None, limit_s=200)
        # As a terminal does, or a service manager that knows of one.
        if to == "all":
            os.killpg(process.pid, signal.SIGTERM)
        else:
            os.kill(process.pid if to == "first" else second_of(process.pid), signal.SIGTERM)
        _, told = process.communicate(timeout=200)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert process.returncode == 143, told[-3000:]
    assert told.count("StoppedError") == 1, told[-3000:]
    assert f"after step {step_on_disk(tmp_path)} of {NUM_STEPS}" in told


def test_processes_hold_one_state_where_statistics_are_learnt(tmp_path: Path) -> None:
    run(str(tmp_path), "real", "--devices", "2")
    assert proof(tmp_path, 0)["state"] == proof(tmp_path, 1)["state"]
