import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from export.child import ROOT, ChildError, run_child
from tests.waiting import until

ECHO = "tests.export.echo_child"
_REAL_TIME = getattr(signal, "SIGRTMIN", 0) and int(signal.SIGRTMIN) + 6


def test_the_last_line_is_the_answer() -> None:
    assert run_child(ECHO, {"size": [1, 2]}, timeout_s=60) == {"size": [1, 2]}


def test_a_failure_is_told_by_its_last_line() -> None:
    with pytest.raises(ChildError, match=r"^no kernel fits$"):
        run_child(ECHO, {"fails": "no kernel fits"}, timeout_s=60)


def test_a_silent_death_is_told_by_its_status() -> None:
    with pytest.raises(ChildError, match="exit status 9"):
        run_child(ECHO, {"dies": True}, timeout_s=60)


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (signal.SIGKILL, "SIGKILL before it was done. as a rule .* want of memory"),
        (signal.SIGSEGV, "SIGSEGV before it was done. export it again"),
        # Most real-time signals have no name.
        pytest.param(
            _REAL_TIME,
            f"signal {_REAL_TIME} before it was done. export it again",
            marks=pytest.mark.skipif(not _REAL_TIME, reason="no such signals here"),
        ),
    ],
)
def test_a_child_that_somebody_ends_is_told_by_the_signal(number: int, told: str) -> None:
    with pytest.raises(ChildError, match=rf"echo_child\) was ended by {told}"):
        run_child(ECHO, {"killed": int(number)}, timeout_s=60)


def test_a_child_that_takes_too_long_is_ended() -> None:
    with pytest.raises(ChildError, match="not done within 0 s"):
        run_child(ECHO, {}, timeout_s=0.01)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_a_child_ends_with_an_export_that_is_killed(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    code = f"from export.child import run_child; run_child({ECHO!r}, {{'hangs': {str(told)!r}}}"
    parent = subprocess.Popen([sys.executable, "-c", f"{code}, timeout_s=300)"], cwd=ROOT)
    try:
        until(lambda: told.exists() and told.read_text() != "")
        child = psutil.Process(int(told.read_text()))
    finally:
        parent.kill()
        parent.wait()
    until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
