from fractions import Fraction
from pathlib import Path

import pytest

from losszero_rt.errors import InputError
from losszero_rt.video import probe
from tests.media import write_clip


def test_report_says_what_the_file_holds(tmp_path: Path) -> None:
    options = {"preset": "veryfast", "bf": "3"}
    path = write_clip(tmp_path / "a.mp4", audio="aac", num_audio=2, options=options)
    report = probe(path)
    assert report.frames == 30
    assert list(report.pts) == [index * 512 for index in range(30)]
    assert report.time_base == Fraction(1, 15360)
    assert report.first_pts == 0
    assert report.duration_s == pytest.approx(1.0)
    assert report.size == (96, 192)
    assert report.codec == "h264"
    assert len(report.audio_packets) == 2
    assert min(report.audio_packets) > 20


def test_no_video_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("text")
    with pytest.raises(InputError):
        probe(tmp_path / "a.mp4")
