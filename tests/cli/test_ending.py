"""How the process ends: at once where a thread still waits inside a library, else as any does."""

import subprocess
import sys

import pytest

_PROGRAM = """
import atexit, sys, time
from losszero_rt import __main__, cli
from losszero_rt.pipeline.lane import Background
cli.main = lambda: sys.exit(6)
if sys.argv[1] == "hangs":
    Background(lambda: time.sleep(60), name="hangs")
atexit.register(print, "torn down")
print("said")
__main__.main()
"""


@pytest.mark.parametrize(("state", "told"), [("hangs", "said\n"), ("ends", "said\ntorn down\n")])
def test_nothing_is_torn_down_around_a_thread_that_hangs(state: str, told: str) -> None:
    command = [sys.executable, "-c", _PROGRAM, state]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (6, told, "")
