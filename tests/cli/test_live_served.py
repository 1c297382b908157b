"""``losszero-rt live --serve``: the real program, its real page, a viewer on a real socket."""

import signal
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from losszero_rt.video import probe
from tests.cli.program import finish, read_json
from tests.cli.served import GREY, served
from tests.media import read_clip

LIMIT_S = 60.0


def test_viewer_sees_frames_and_figures_and_leaves_the_recording_alone(
    bundle: Path, tmp_path: Path
) -> None:
    out, report_path = tmp_path / "o.mp4", tmp_path / "r.json"
    words = ("--record", out, "--report", report_path, "--alpha", "0", "--no-hud")
    with served(*words, bundle=bundle) as run:
        with run.watching() as viewer:
            plain = viewer.picture().bgr_HWC
            assert "ok" in run.get("/healthz")
            status = viewer.text("status")
            assert status["source"] == GREY
            assert (status["size"], status["can_cam"]) == ([180, 320], False)
            assert status["choice"]["alpha"] == 0.0, "what was configured is what is shown first"
            viewer.say(t="choice", view="mask", alpha=0.5, classes=None, cam=None, text=True)
            until = time.monotonic() + LIMIT_S
            while difference(viewer.picture().bgr_HWC, plain) < 20:
                assert time.monotonic() < until, "the picture never changed"
            assert viewer.text("status")["choice"]["view"] == "mask"
        assert "losszero_rt_frames_total" in run.get("/metrics")
        outcome = run.interrupt()
    assert outcome.code == 130
    report = read_json(report_path)
    assert report["live"]["most_viewers"] == 1
    assert probe(out).frames == report["frames"]["shown"]
    recorded = [frame.planes.y.astype(int) for frame in read_clip(out)[1]]
    assert max(np.abs(picture - recorded[0]).max() for picture in recorded) < 12


def difference(one_HWC: np.ndarray, other_HWC: np.ndarray) -> float:
    return float(np.abs(one_HWC.astype(int) - other_HWC.astype(int)).mean())


@pytest.mark.slow
def test_viewer_who_watches_when_it_ends_is_told(bundle: Path) -> None:
    with served(bundle=bundle) as run, run.watching() as viewer:
        viewer.picture()
        run.process.send_signal(signal.SIGTERM)
        viewer.text("end")
        with pytest.raises(ConnectionClosed):
            viewer.text("nothing more")
        assert finish(run.process).code == 143


def test_page_beyond_this_machine_demands_the_token_that_is_printed_once(
    bundle: Path, tmp_path: Path
) -> None:
    report, lines = tmp_path / "r.json", tmp_path / "l.jsonl"
    words = ("--report", report, "--json", lines, "-vv")
    with served(*words, bundle=bundle, place="0.0.0.0:0") as run:
        token = run.url.partition("#token=")[2]
        assert len(token) >= 16
        assert any("unencrypted" in line for line in run.said)
        with pytest.raises(InvalidStatus), run.watching():
            pass
        outcome = run.interrupt()
    told = [*run.said[:-1], outcome.err, outcome.out, report.read_text(), lines.read_text()]
    assert not [text for text in told if token in text]


@pytest.mark.slow
def test_page_ends_with_the_run(bundle: Path) -> None:
    with served("--duration", "1", bundle=bundle) as run:
        outcome = finish(run.process)
        assert outcome.code == 0
        with pytest.raises(urllib.error.URLError):
            run.get("/healthz")
