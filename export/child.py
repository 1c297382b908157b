"""Work in a process of its own: it cannot reach the export, and begins with nothing loaded."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from losszero_rt.errors import LossZeroError, ModelError
from losszero_rt.stopping import end_with_parent

_MEMORY = "as a rule the system does that for want of memory: free some, or take a smaller --imgsz"
ROOT = Path(__file__).parents[1]


class ChildError(ModelError):
    """A child process failed.

    Args:
        why: Last line that it said, or how it was ended.
        remedy: What to do next; empty where that line says it.
    """

    def __init__(self, why: str, *, remedy: str = "") -> None:
        super().__init__(why, remedy=remedy)
        self.why, self.remedy = why, remedy


def run_child(module: str, request: dict[str, Any], *, timeout_s: float) -> dict[str, Any]:
    """Run ``python -m module REQUEST`` and return the object it prints as its last line.

    Args:
        module: What to run; reads one JSON object from its first word.
        request: That object; paths in it are absolute, for the child starts in the checkout.
        timeout_s: How long it may take.

    Raises:
        ChildError: If it failed or took too long.
    """
    command = [sys.executable, "-m", module, json.dumps(request), str(os.getpid())]
    try:
        done = subprocess.run(
            command, capture_output=True, cwd=ROOT, text=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ChildError(f"not done within {timeout_s:.0f} s") from error
    if done.returncode < 0:
        name = _name_of(-done.returncode)
        raise ChildError(
            f"a process of this export ({module}) was ended by {name} before it was done",
            remedy=_MEMORY if name == "SIGKILL" else "export it again",
        )
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        raise ChildError(lines[-1] if lines else f"exit status {done.returncode}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def _name_of(number: int) -> str:
    """Return the name of a signal; most real-time signals have none."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def serve(work: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Be a child: do the work asked for in the first word, and print what was found.

    The second word, if there is one, is the process whose child this is: where that is killed, the
    folder that this one writes into is soon another one's.

    Args:
        work: From the request to the answer; what is wrong is told in one line.
    """
    for parent_pid in sys.argv[2:]:
        end_with_parent(int(parent_pid))
    try:
        record = work(json.loads(sys.argv[1]))
    except LossZeroError as error:
        sys.exit(str(error))
    answer(record)


def answer(record: dict[str, Any]) -> None:
    """Print what a child found as its last line."""
    sys.stdout.write(json.dumps(record, allow_nan=False) + "\n")
