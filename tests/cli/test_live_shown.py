"""``losszero-rt live --show`` on a screen in memory."""

from pathlib import Path

import pytest

from losszero_rt.video import probe
from tests.cli.program import finish, read_json, start
from tests.pipeline.x_display import WAYS, end_window, x_display


@pytest.mark.parametrize("way", WAYS)
def test_window_that_is_ended_finishes_the_run(bundle: Path, tmp_path: Path, way: str) -> None:
    with x_display() as display:
        words = ("--record", tmp_path / "o.mp4", "--report", tmp_path / "r.json")
        source = "lavfi:testsrc2=size=320x180:rate=30"
        process = start("live", source, "--show", *words, bundle=bundle, DISPLAY=display)
        try:
            end_window(
                display, title="losszero-rt", way=way, ended=lambda: process.poll() is not None
            )
            outcome = finish(process)
        finally:
            process.kill()
            process.wait()
    assert outcome.code == 0, outcome.err
    report = read_json(tmp_path / "r.json")
    assert report["live"]["ended_by"] == "window"
    assert probe(tmp_path / "o.mp4").frames == report["frames"]["shown"]
