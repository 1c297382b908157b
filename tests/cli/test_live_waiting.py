"""``losszero-rt live --wait``: a source that is down at the start, and what it comes to."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.program import Program, finish, read_json, start, wait_until
from tests.cli.served import served
from tests.pipeline.x_display import WAYS, end_window, x_display
from tests.video.live_servers import HttpServer, http_server, refused_port


@pytest.fixture
def absent() -> str:
    """The address of a camera that is down."""
    return f"http://127.0.0.1:{refused_port()}/mjpeg"


@pytest.fixture
def camera() -> Iterator[HttpServer]:
    """A camera whose stream ``/later`` does not exist yet."""
    with http_server() as server:
        yield server


def test_source_that_does_not_answer_ends_the_run_unless_it_is_waited_for(
    program: Program, tmp_path: Path, absent: str
) -> None:
    words = ("live", absent, "--json", tmp_path / "l", "--max-reconnects", 2)
    at_once = program(*words)
    assert at_once.code == 3
    assert "connection refused" in at_once.error_line
    waited = program(*words, "--wait")
    assert waited.code == 3
    said = [line for line in waited.err.splitlines() if "connection refused" in line]
    assert len(said) == 2, "the reason once, and why it was given up"
    assert said[0].startswith("waiting: ")
    assert "gave up after 2 failed attempts" in said[1]
    assert list(tmp_path.iterdir()) == []


def test_wrong_password_is_said_at_once_and_never_tried_again(
    program: Program, tmp_path: Path, camera: HttpServer
) -> None:
    """Cameras lock an account after a few wrong passwords."""
    camera.login = "rider:right"
    address = camera.url("/mjpeg").replace("://", "://rider:wrong@")
    outcome = program("live", address, "--json", tmp_path / "l", "--wait")
    assert outcome.code == 3
    assert "user name or password are wrong (401)" in outcome.error_line
    assert len(camera.asked) == 2, "once before it asks for a login, once with it"
    assert list(tmp_path.iterdir()) == []


def test_page_says_that_it_connects_and_a_signal_ends_the_wait(
    bundle: Path, tmp_path: Path, absent: str
) -> None:
    report = tmp_path / "r.json"
    with served("--wait", "--report", report, bundle=bundle, source=absent) as run:
        with run.watching() as viewer:
            status = viewer.text("status")
            while status["signal"]["attempt"] < 2:
                assert status["signal"]["state"] == "connecting"
                status = viewer.text("status")
        assert "connection refused" in status["signal"]["reason"]
        assert status["class_names"]
        outcome = run.interrupt()
    assert outcome.code == 130
    assert "Traceback" not in outcome.err
    assert read_json(report)["exit_code"] == 130
    assert read_json(report)["frames"]["read"] == 0


@pytest.mark.slow
def test_source_that_comes_late_is_shown_from_then_on(
    bundle: Path, tmp_path: Path, camera: HttpServer
) -> None:
    words = ("--wait", "--json", tmp_path / "l", "--report", tmp_path / "r", "--duration", "1")
    process = start("live", camera.url("/later"), *words, bundle=bundle)
    wait_until(lambda: len(camera.asked) >= 2, process=process)
    camera.redirects["/later"] = camera.url("/mjpeg")
    outcome = finish(process)
    assert outcome.code == 0, outcome.err
    report = read_json(tmp_path / "r")
    assert report["frames"]["shown"] > 0
    assert report["live"]["ended_by"] == "duration"
    assert report["live"]["signal"]["num_gaps"] == 0


def test_first_signal_ends_the_wait_with_its_code(
    bundle: Path, tmp_path: Path, absent: str
) -> None:
    process = start("live", absent, "--wait", "--json", tmp_path / "l", bundle=bundle)
    assert process.stderr is not None
    while "waiting: " not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert finish(process).code == 143


@pytest.mark.parametrize("way", WAYS)
def test_window_is_there_at_once_and_its_end_is_that_of_the_wait(
    bundle: Path, tmp_path: Path, absent: str, way: str
) -> None:
    with x_display() as display:
        process = start("live", absent, "--wait", "--show", bundle=bundle, DISPLAY=display)
        try:
            end_window(
                display, title="losszero-rt", way=way, ended=lambda: process.poll() is not None
            )
            outcome = finish(process)
        finally:
            process.kill()
            process.wait()
    assert outcome.code == 0, outcome.err


def test_window_of_the_wait_gives_way_to_that_of_the_source(
    bundle: Path, tmp_path: Path, camera: HttpServer
) -> None:
    with x_display() as display:
        words = ("--wait", "--show", "--report", tmp_path / "r", "--duration", "1")
        process = start("live", camera.url("/later"), *words, bundle=bundle, DISPLAY=display)
        wait_until(lambda: len(camera.asked) >= 2, process=process)
        camera.redirects["/later"] = camera.url("/mjpeg")
        outcome = finish(process)
    assert outcome.code == 0, outcome.err
    assert read_json(tmp_path / "r")["live"]["ended_by"] == "duration"
