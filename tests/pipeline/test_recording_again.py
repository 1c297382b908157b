"""Segments that a run before left: which of them make way for a new recording."""

from pathlib import Path

import pytest

from losszero_rt.errors import OutputError
from losszero_rt.pipeline.segments import segment_path
from tests.pipeline.live_doubles import numbered_frame
from tests.pipeline.recordings import feed, recording


def test_segments_of_another_run_make_way_and_nothing_else_does(tmp_path: Path) -> None:
    out = tmp_path / "ride.mp4"
    old = recording(out, segment_s=0.1)
    feed(old, [numbered_frame(i) for i in range(12)])
    old.close()
    left = recording(segment_path(out, number=3))
    feed(left, [numbered_frame(i) for i in range(5)])
    left.abort()
    others = ["ride-2026.mp4", "ride-cut.mp4"]
    for name in others:
        (tmp_path / name).write_bytes(b"no segment of that run")
    sink = recording(out, segment_s=0.1, force=True)
    feed(sink, [numbered_frame(i) for i in range(5)])
    sink.close()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["ride-000.mp4", "ride-001.mp4", *others]
    assert "--force: 3 older segments of ride.mp4 are gone" in sink.notes
    assert sink.num_bytes == sum(one.report.num_bytes for one in sink.finished)


def test_old_segment_that_cannot_be_removed_leaves_nothing_open(tmp_path: Path) -> None:
    out = tmp_path / "ride.mp4"
    (tmp_path / "ride-001.mp4").mkdir()
    with pytest.raises(OutputError, match=r"ride-001\.mp4 cannot be replaced"):
        recording(out, segment_s=0.1, force=True)
    (tmp_path / "ride-001.mp4").rmdir()
    sink = recording(out, segment_s=0.1, force=True)
    sink.abort()
    assert not list(tmp_path.iterdir()), "no lock, no empty part"


def test_what_became_of_the_part_of_a_later_segment_is_told(tmp_path: Path) -> None:
    out = tmp_path / "ride.mp4"
    left = recording(segment_path(out, number=2))
    feed(left, [numbered_frame(i) for i in range(5)])
    left.abort()
    sink = recording(out, segment_s=0.1, force=True)
    feed(sink, [numbered_frame(i) for i in range(9)])
    sink.close()
    assert any("ride-002.mp4.part of an interrupted run is replaced" in note for note in sink.notes)
