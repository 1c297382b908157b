"""``--start`` on files that are whole, and on files that are not."""

from pathlib import Path

import pytest

from tests.cli.conftest import SIZE
from tests.cli.program import Program, read_json
from tests.media import read_clip, read_index, write_clip

AS_IT_IS = ("--alpha", "0", "--no-legend", "--no-hud", "--crf", "10")


@pytest.mark.parametrize("suffix", ["mp4", "mov", "avi"])
@pytest.mark.parametrize("duration", [(), ("--duration", "2")])
def test_part_up_to_the_end_of_a_whole_file_is_a_success(
    program: Program, tmp_path: Path, suffix: str, duration: tuple[str, ...]
) -> None:
    clip = write_clip(tmp_path / f"c.{suffix}", size=SIZE, num_frames=90, options={"g": "10"})
    out, report = tmp_path / "o.mp4", tmp_path / "r.json"
    outcome = program(clip, "--start", 1, *duration, "--out", out, "--report", report, *AS_IT_IS)
    assert outcome.code == 0, outcome.err
    assert [read_index(frame.planes) for frame in read_clip(out)[1]] == list(range(30, 90))
    facts = read_json(report)["sources"][0]
    assert (facts["incomplete"], facts["missing_share"]) == (None, 0.0)


def test_missing_share_is_that_of_the_wanted_part(program: Program, tmp_path: Path) -> None:
    clip = write_clip(
        tmp_path / "c.mp4",
        size=SIZE,
        num_frames=90,
        options={"g": "10", "bf": "0"},
        container_options={"movflags": "faststart"},
    )
    clip.write_bytes(clip.read_bytes()[: int(clip.stat().st_size * 0.7)])
    report = tmp_path / "r.json"
    words = (clip, "--start", 1, "--json", tmp_path / "l.jsonl", "--report", report)
    assert program(*words).code == 6
    facts = read_json(report)["sources"][0]
    num_read = facts["frames"]["read"]
    assert 0 < num_read < 60
    assert facts["missing_share"] == pytest.approx(1 - num_read / 60, abs=1e-3)


def test_cut_file_without_a_number_of_frames_misses_what_it_misses(
    program: Program, tmp_path: Path
) -> None:
    clip = write_clip(tmp_path / "c.mkv", size=SIZE, num_frames=90, options={"g": "10", "bf": "0"})
    clip.write_bytes(clip.read_bytes()[: int(clip.stat().st_size * 0.65)])
    report = tmp_path / "r.json"
    words = (clip, "--json", tmp_path / "l.jsonl", "--report", report)
    outcome = program.done(*words, "--max-loss", 0.6)
    facts = read_json(report)["sources"][0]
    assert facts["incomplete"] in outcome.err
    assert facts["missing_share"] == pytest.approx(1 - facts["frames"]["read"] / 90, abs=0.02)
    assert 0.2 < facts["missing_share"] < 0.6
    assert program(*words, "--max-loss", 0.1, "--force").code == 6
