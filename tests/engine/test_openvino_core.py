"""Signals reach a process that opened and closed engines: none of them took its stack along."""

import subprocess
import sys

import pytest

from losszero_rt.bundle import Bundle

PROGRAM = """
import gc, os, signal, sys
from pathlib import Path
from losszero_rt.bundle import Bundle
from losszero_rt.engine import EngineOptions, open_engine
from losszero_rt.stopping import StopSwitch

options = EngineOptions(threads=1, precision="fp32")
bundle = Bundle.open(Path(sys.argv[1]))
engines = [open_engine(bundle, name="openvino", options=options) for _ in "ab"]
for _ in "ab":
    engines.pop(0).close()
    gc.collect()
with StopSwitch(promise="finishing") as stop:
    os.kill(os.getpid(), signal.SIGTERM)
    print(stop.exit_code)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="has no such signals")
def test_a_signal_is_heard_after_engines_came_and_went(bundle: Bundle) -> None:
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(bundle.path)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (found.returncode, found.stdout) == (0, "143\n"), found.stderr
