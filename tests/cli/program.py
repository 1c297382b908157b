"""The command line, called in this process or as a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from losszero_rt.cli.main import main
from losszero_rt.engine.openvino_choice import UNSETTLED
from tests.waiting import until

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a call ended."""

    code: int
    out: str
    err: str

    @property
    def error_line(self) -> str:
        """The one line that a failure may print, on standard error, without a traceback."""
        # On a busy machine there is no time to find the fastest precision, which is said.
        lines = [line for line in self.err.splitlines() if not line.startswith(UNSETTLED)]
        assert len(lines) == 1, self.err
        assert lines[0].startswith("losszero-rt: "), self.err
        return lines[0]


class Program:
    """Calls ``losszero-rt`` in this process."""

    def __init__(self, capture: "pytest.CaptureFixture[str]") -> None:
        self._capture = capture

    def __call__(self, *words: object) -> Outcome:
        self._capture.readouterr()
        with pytest.raises(SystemExit) as stop:
            main([str(word) for word in words])
        out, err = self._capture.readouterr()
        code = stop.value.code
        assert isinstance(code, int)
        return Outcome(code=code, out=out, err=err)

    def done(self, *words: object) -> Outcome:
        """Call, and demand success."""
        outcome = self(*words)
        assert outcome.code == 0, outcome.err
        return outcome


def start(*words: object, bundle: Path, **environment: str) -> "subprocess.Popen[str]":
    """Start ``losszero-rt`` as a process."""
    return subprocess.Popen(
        [sys.executable, "-m", "losszero_rt", *map(str, words)],
        cwd=ROOT,
        env={**os.environ, "LOSSZERO_MODEL": str(bundle), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: "subprocess.Popen[str]", *, timeout_s: float = 60) -> Outcome:
    """Wait for a process; one that takes longer is killed, and the test fails."""
    try:
        out, err = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return Outcome(code=process.returncode, out=out, err=err)


def wait_until(done: Callable[[], bool], *, process: "subprocess.Popen[str]") -> None:
    """Wait until something holds that a run at work will bring about."""

    def holds() -> bool:
        if done():
            return True
        assert process.poll() is None, process.communicate()
        return False

    until(holds)


def read_picture(path: Path) -> np.ndarray:
    """Read a picture as it is stored."""
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert pixels is not None, path
    assert pixels.dtype == np.uint8
    return pixels


def read_json(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(path.read_text())


def read_lines(path: Path) -> list[Any]:
    """Read a file of one JSON value a line."""
    return [json.loads(line) for line in path.read_text().splitlines()]
