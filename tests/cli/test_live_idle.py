"""What a live run costs while nothing comes, and what a step of the system's clock does to it."""

import signal
import subprocess
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import psutil
import pytest

from losszero_rt.video import probe
from losszero_rt.video.output_path import part_of
from tests.cli.program import finish, read_json, start, wait_until
from tests.cli.served import served
from tests.needing import need
from tests.video.live_servers import HttpServer, http_server, rtsp_server
from tests.waiting import until

FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")


@pytest.fixture
def camera() -> Iterator[HttpServer]:
    with http_server() as server:
        yield server


def cores_used(process: "subprocess.Popen[str]", *, over_s: float) -> float:
    def spent_s() -> float:
        times = psutil.Process(process.pid).cpu_times()
        return times.user + times.system

    before_s = spent_s()
    time.sleep(over_s)
    return (spent_s() - before_s) / over_s


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["stalled", "cut", "slow"])
def test_run_with_hardly_a_frame_leaves_the_processors_alone(
    bundle: Path, tmp_path: Path, camera: HttpServer, fault: str
) -> None:
    lines = tmp_path / "l.jsonl"
    options = ("--json", lines, "--read-timeout", "60", "--serve", "0")
    process = start("live", camera.url("/mjpeg"), *options, bundle=bundle)
    try:
        wait_until(lambda: num_bytes(part_of(lines)) > 1000, process=process)
        if fault == "slow":
            camera.fps = 1
        else:
            setattr(camera, fault, True)
        time.sleep(1)
        assert cores_used(process, over_s=3) < 0.1
        process.send_signal(signal.SIGINT)
        assert finish(process).code == 130
    finally:
        process.kill()
        process.wait()


def num_bytes(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


@pytest.mark.slow
@pytest.mark.parametrize("step_s", [3600, -3600])
def test_step_of_the_wall_clock_moves_no_frame_and_ends_nothing(
    bundle: Path, tmp_path: Path, step_s: int
) -> None:
    need("" if FAKETIME.exists() else "no libfaketime", demanded_by="LOSSZERO_REQUIRE_LIVE")
    clock, film, report_path = tmp_path / "clock", tmp_path / "o.mp4", tmp_path / "r.json"
    clock.write_text("+0")
    environment = {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_CACHE_DURATION": "1",
    }
    words = ("--record", film, "--report", report_path, "--read-timeout", "5")
    with (
        rtsp_server() as camera,
        served(*words, bundle=bundle, source=camera.url, **environment) as run,
    ):
        with run.watching() as viewer:
            viewer.picture()
            clock.write_text(f"{step_s:+}")
            until(lambda: abs(viewer.picture().unix_s - time.time() - step_s) < 60)
            after = [viewer.picture() for _ in range(30)]
        outcome = run.interrupt()
    assert outcome.code == 130
    assert "no signal" not in outcome.err
    assert all(one.index < two.index for one, two in pairwise(after))
    assert all(0 < picture.age_ms < 5000 for picture in after)
    report, written = read_json(report_path), probe(film)
    assert report["live"]["signal"]["num_gaps"] == 0
    assert 0 < report["latency_ms"]["max"] < 5000
    assert written.frames == report["frames"]["shown"]
    times_s = np.array([float(pts * written.time_base) for pts in written.pts])
    assert np.diff(times_s).min() > 0
    assert times_s[-1] < 120
