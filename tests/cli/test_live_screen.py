"""``losszero-rt live screen``, on a screen in memory, in a process of its own as users have it."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from losszero_rt.video import probe
from tests.cli.program import Program, finish, read_json, start
from tests.media import read_clip
from tests.needing import need
from tests.pipeline.x_display import white_screen

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a screen in memory is one of X")


def test_screen_is_recorded_as_it_is_shown(bundle: Path, tmp_path: Path) -> None:
    need("" if shutil.which("Xvfb") else "no Xvfb", demanded_by="LOSSZERO_REQUIRE_LIVE")
    out, report = tmp_path / "o.mp4", tmp_path / "r.json"
    words = ("--record", out, "--report", report, "--duration", "1", "--alpha", "0", "--no-hud")
    with white_screen() as display:
        outcome = finish(
            start("live", "screen", *words, "--no-legend", bundle=bundle, DISPLAY=display)
        )
    assert outcome.code == 0, outcome.err
    assert read_json(report)["live"]["size"] == [800, 1280]
    frames = read_clip(out)[1]
    assert len(frames) == probe(out).frames > 5
    assert all(np.median(frame.planes.y) > 230 for frame in frames)


def test_window_on_the_screen_that_is_read_is_refused(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("losszero_rt.pipeline.live_job.check_window", lambda: None)
    outcome = program("live", "screen", "--show")
    assert outcome.code == 2
    assert "--serve 8080" in outcome.error_line
