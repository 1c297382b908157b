"""A soak as a program: short, interrupted, and interrupted by someone who wants what it has."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.options import ROOT
from benchmarks.process_tree import tree_of
from benchmarks.rtsp_camera import why_no_rtsp
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

LIMIT_S = 90.0


def need_rtsp() -> None:
    why = why_no_rtsp()
    if why:
        pytest.skip(why)


def soak_command(folder: Path, *words: str) -> list[str]:
    places = ("--out", str(folder), "--work", str(folder / "work"))
    return [sys.executable, "-m", "benchmarks.bench_soak", *places, *words]


def test_short_soak_is_exact_and_leaves_nothing(tmp_path: Path) -> None:
    need_rtsp()
    command = soak_command(tmp_path, "--quick")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    result = json.loads((tmp_path / "soak.json").read_text())
    # Half a minute says nothing of growth.
    exact = [claim for claim in result["claims"] if "growth" not in claim["what"]]
    assert len(exact) == 4
    assert all(claim["holds"] for claim in exact), exact
    figures = result["figures"]
    assert figures["num_cuts"] >= 2
    assert len(figures["gaps_s"]) == figures["num_cuts"]
    assert min(figures["viewers"]["pictures"].values()) > 0
    assert len(figures["time_s_rss_mib_threads_descriptors_viewers"]) > 10
    assert not list((tmp_path / "work").glob("*.mp4*"))


@contextmanager
def running_soak(folder: Path, *words: str) -> Iterator[tuple["subprocess.Popen[str]", list[int]]]:
    """Run a soak until it records; yields it with all processes of it."""
    command = soak_command(folder, "--minutes", "30", *words)
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    pids: list[int] = []
    try:
        parts = folder / "work"
        until(
            lambda: any(p.stat().st_size > 0 for p in parts.glob("soak-000.mp4*")), limit_s=LIMIT_S
        )
        pids = tree_of(process.pid)
        yield process, pids
    finally:
        process.kill()
        for pid in pids[1:]:
            subprocess.run(["kill", "-9", str(pid)], check=False, capture_output=True)
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_soak_leaves_no_process_and_no_result(
    tmp_path: Path, number: signal.Signals
) -> None:
    need_rtsp()
    with running_soak(tmp_path) as (process, pids):
        assert len(pids) >= 3, "itself, the camera and the run"
        process.send_signal(number)
        _, said = process.communicate(timeout=LIMIT_S)
        assert process.returncode == 130
        assert "no result" in said
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), limit_s=LIMIT_S)
    assert not list(tmp_path.glob("*.json*"))
    assert not list((tmp_path / "work").glob("*.mp4*"))


def test_interrupted_soak_that_was_told_to_writes_what_it_has(tmp_path: Path) -> None:
    need_rtsp()
    with running_soak(tmp_path, "--keep-partial") as (process, pids):
        time.sleep(10)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=LIMIT_S)
        assert process.returncode == 0
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), limit_s=LIMIT_S)
    result = json.loads((tmp_path / "soak.json").read_text())
    assert result["figures"]["interrupted"]
    assert "interrupted after" in result["notes"][-1]
    assert [claim["value"] for claim in result["claims"] if "ledger" in claim["what"]] == [0]
