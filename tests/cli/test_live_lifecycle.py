"""How live runs end, and what they leave: real processes, real sources on loopback."""

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from losszero_rt.video import probe
from losszero_rt.video.output_path import part_of
from tests.cli.program import ROOT, Outcome, finish, read_json, read_lines, start, wait_until
from tests.media import read_clip, read_index
from tests.video.live_servers import HttpServer, http_server

RIDE = "lavfi:testsrc2=size=192x96:rate=60"
AS_IT_IS = ("--alpha", "0", "--no-legend", "--no-hud", "--policy", "all")
SECRETS = ("hunter2", "t0psecret")


@pytest.fixture
def camera() -> Iterator[HttpServer]:
    """A camera that speaks MJPEG and wants a password."""
    with http_server() as server:
        server.login = "me:hunter2"
        yield server


def url_of(camera: HttpServer) -> str:
    secret_url = camera.url("/mjpeg?token=t0psecret&size=1")
    return secret_url.replace("http://", "http://me:hunter2@")


def num_lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def running(
    folder: Path, *words: object, bundle: Path, source: str = RIDE, after: int = 30
) -> "subprocess.Popen[str]":
    """Start a live run that writes all there is to write; return once some frames are shown."""
    outputs = ("--record", folder / "o.mp4", "--report", folder / "r.json")
    lines = folder / "l.jsonl"
    process = start("live", source, *outputs, "--json", lines, *AS_IT_IS, *words, bundle=bundle)
    wait_until(lambda: num_lines(part_of(lines)) >= after, process=process)
    return process


def ended(process: "subprocess.Popen[str]", *, within_s: float) -> Outcome:
    begun = time.monotonic()
    outcome = finish(process)
    assert time.monotonic() - begun < within_s
    assert "Traceback" not in outcome.err
    return outcome


def numbers(path: Path) -> list[int]:
    return [read_index(frame.planes) for frame in read_clip(path)[1]]


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGINT, 130),
        (signal.SIGTERM, 143),
        pytest.param(signal.SIGHUP, 129, marks=pytest.mark.slow),
    ],
)
def test_signal_finishes_recording_lines_and_report(
    bundle: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    process = running(tmp_path, bundle=bundle)
    process.send_signal(number)
    outcome = ended(process, within_s=6)  # 3 s are promised on a machine that does nothing else
    assert outcome.code == code
    report = read_json(tmp_path / "r.json")
    shown = report["frames"]["shown"]
    assert report["exit_code"] == code
    assert report["live"]["ended_by"] == "signal"
    assert probe(tmp_path / "o.mp4").frames == report["output"]["frames"] == shown >= 25
    assert len(read_lines(tmp_path / "l.jsonl")) == report["frames"]["read"] + 1
    assert not list(tmp_path.glob("*.part*"))


@pytest.mark.slow
def test_second_signal_ends_at_once_and_leaves_a_playable_part(
    bundle: Path, tmp_path: Path
) -> None:
    process = running(tmp_path, bundle=bundle, after=90)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    outcome = finish(process)
    assert outcome.code in (130, 143)
    if outcome.code == 143:  # else the first was so quick that there was nothing left to end
        assert probe(part_of(tmp_path / "o.mp4")).frames >= 30


@pytest.mark.slow
def test_killed_run_leaves_segments_and_a_playable_part(bundle: Path, tmp_path: Path) -> None:
    # Segments of 120 frames: the second has more than a group of pictures by then.
    process = running(
        tmp_path, "--segment-minutes", str(2 / 60), bundle=bundle, source=RIDE, after=180
    )
    wait_until((tmp_path / "o-000.mp4").exists, process=process)
    process.kill()
    process.communicate()
    finished = sorted(tmp_path.glob("o-*.mp4"))
    assert finished[0].name == "o-000.mp4"
    assert all(probe(path).frames == 120 for path in finished)
    assert len(list(tmp_path.glob("o-*.mp4.part"))) >= 1
    whole = [path for path in tmp_path.glob("o-001.mp4*") if path.suffix != ".lock"]
    assert probe(whole[0]).frames >= 30


@pytest.mark.slow
def test_silence_is_said_and_a_signal_still_ends_the_run(
    bundle: Path, tmp_path: Path, camera: HttpServer
) -> None:
    process = running(tmp_path, "--read-timeout", "0.5", bundle=bundle, source=url_of(camera))
    camera.stalled = True
    assert process.stderr is not None
    line = process.stderr.readline()
    assert "no signal since" in line
    process.send_signal(signal.SIGINT)
    outcome = ended(process, within_s=6)
    assert outcome.code == 130
    report = read_json(tmp_path / "r.json")
    assert report["live"]["signal"]["num_gaps"] == 1
    assert report["live"]["signal"]["lost_s"] > 0
    shown = numbers(tmp_path / "o.mp4")
    assert shown == list(range(shown[0], shown[0] + len(shown)))


@pytest.mark.slow
def test_reconnect_keeps_the_gap_and_invents_nothing(
    bundle: Path, tmp_path: Path, camera: HttpServer
) -> None:
    process = running(tmp_path, "--duration", "600", bundle=bundle, source=url_of(camera))
    camera.cut = True
    time.sleep(1.0)
    before = num_lines(tmp_path / "l.jsonl.part")
    camera.cut = False
    wait_until(lambda: num_lines(tmp_path / "l.jsonl.part") > before + 30, process=process)
    process.send_signal(signal.SIGTERM)
    outcome = ended(process, within_s=6)
    assert "signal is back after" in outcome.err
    report = read_json(tmp_path / "r.json")
    (gap,) = report["live"]["signal"]["gaps"]
    assert report["live"]["signal"]["reconnects"] >= 1
    written = probe(tmp_path / "o.mp4")
    times_s = np.array([float(pts * written.time_base) for pts in written.pts])
    steps = np.diff(times_s)
    assert steps.max() >= 0.9, "as long as nothing came"
    assert steps.max() == pytest.approx(gap["seconds"], abs=0.5)
    shown = [line for line in read_lines(tmp_path / "l.jsonl")[:-1] if line["fate"] == "shown"]
    asked_s = np.array([line["time"] for line in shown])
    assert times_s == pytest.approx(asked_s - asked_s[0], abs=1e-4)
    numbers_shown = numbers(tmp_path / "o.mp4")
    again = int(np.argmax(steps)) + 1
    assert numbers_shown[again] == 0, "the first picture of the new connection follows the gap"


def test_source_lost_for_good_finishes_everything_and_ends_with_3(
    bundle: Path, tmp_path: Path, camera: HttpServer
) -> None:
    process = running(tmp_path, "--max-reconnects", "0", bundle=bundle, source=url_of(camera))
    camera.cut = True
    outcome = ended(process, within_s=30)
    assert outcome.code == 3
    report = read_json(tmp_path / "r.json")
    assert (report["exit_code"], report["live"]["ended_by"]) == (3, "lost")
    assert report["sources"][0]["error"] in outcome.err.replace("losszero-rt: ", "")
    assert probe(tmp_path / "o.mp4").frames == report["frames"]["shown"]
    assert not list(tmp_path.glob("*.part*"))


def test_no_secret_of_the_source_is_written_anywhere(
    bundle: Path, tmp_path: Path, camera: HttpServer
) -> None:
    words = ("--duration", "1", "-vv")
    process = running(tmp_path, *words, bundle=bundle, source=url_of(camera), after=5)
    outcome = finish(process)
    assert outcome.code == 0, outcome.err
    texts = [outcome.out, outcome.err]
    texts += [(tmp_path / name).read_text() for name in ("r.json", "l.jsonl")]
    assert read_json(tmp_path / "r.json")["live"]["source"].startswith("http://***@127.0.0.1")
    assert not [secret for secret in SECRETS for text in texts if secret in text]
    assert not [s for s in SECRETS if s.encode() in (tmp_path / "o.mp4").read_bytes()]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["refused", "wrong password", "not found"])
def test_refused_source_says_why_without_its_secrets(
    bundle: Path, tmp_path: Path, camera: HttpServer, kind: str
) -> None:
    url = url_of(camera)
    if kind == "wrong password":
        camera.login = "somebody:else"
    elif kind == "not found":
        url = url.replace("/mjpeg", "/none")
    else:
        camera.server_close()
    report = tmp_path / "r.json"
    words = ("live", url, "--record", tmp_path / "o.mp4", "--report", report, "-vv")
    outcome = finish(start(*words, bundle=bundle))
    assert outcome.code == 3
    assert outcome.err.splitlines()[-1].startswith("losszero-rt: ")
    assert not [secret for secret in SECRETS if secret in outcome.out + outcome.err]
    assert not list(tmp_path.glob("o.mp4*"))


@pytest.mark.slow
def test_full_disk_keeps_what_plays_and_says_so_in_the_report(bundle: Path, tmp_path: Path) -> None:
    source = "lavfi:testsrc2=size=320x180:rate=30,noise=alls=40:allf=t"
    words = ["live", source, "--record", tmp_path / "o.mp4", "--report", tmp_path / "r.json"]
    limit = 1_000_000

    def small_disk() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    process = subprocess.Popen(
        [sys.executable, "-m", "losszero_rt", *map(str, words), *AS_IT_IS, "--crf", "1"],
        cwd=ROOT,
        env={**os.environ, "LOSSZERO_MODEL": str(bundle)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=small_disk,
    )
    outcome = finish(process)
    assert outcome.code == 5
    assert outcome.err.count("o.mp4.part cannot be written") == 1
    report = read_json(tmp_path / "r.json")
    assert (report["exit_code"], report["live"]["ended_by"]) == (5, "failure")
    assert report["output"] is None
    assert not (tmp_path / "o.mp4").exists()
    assert 10 <= probe(part_of(tmp_path / "o.mp4")).frames <= report["frames"]["shown"]


def test_a_run_whose_lines_nobody_reads_any_more_ends(bundle: Path) -> None:
    process = start("live", RIDE, "--json", "-", bundle=bundle)
    try:
        assert process.stdout is not None
        for _ in range(3):
            assert process.stdout.readline()
        process.stdout.close()
        assert process.wait(10) == 5
        assert process.stderr is not None
        assert "Broken pipe" in process.stderr.read()
    finally:
        process.kill()
        process.wait()
