"""What a live run records: one file or segments, real files written by the real encoder."""

import gc
import json
import time
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from losszero_rt.errors import OutputError, UsageError
from losszero_rt.frame import Frame
from losszero_rt.pipeline import recording as recording_file
from losszero_rt.pipeline.segments import check_recording, segment_path
from losszero_rt.video import VideoSink, probe
from tests.media import read_clip, read_index
from tests.pipeline.live_doubles import RATE, TICKS, numbered_frame
from tests.pipeline.recordings import OPTIONS, feed, recording

# What the next frame may not come behind by in mp4, and an hour, in units of the source.
LIMIT_PTS = 2**31
HOURS_PTS = 3600 * 90_000


def shown(path: Path) -> list[int]:
    return [read_index(frame.planes) for frame in read_clip(path)[1]]


def times_s(path: Path) -> list[float]:
    report = probe(path)
    return [float(pts * report.time_base) for pts in report.pts]


def test_one_file_starts_at_zero_and_keeps_irregular_times(tmp_path: Path) -> None:
    out = tmp_path / "ride.mp4"
    sink = recording(out)
    pts = [7_000, 10_000, 19_000, 19_900, 40_000]
    feed(sink, [numbered_frame(i, pts=at) for i, at in enumerate(pts)])
    sink.close()
    assert list(probe(out).pts) == [at - pts[0] for at in pts]
    (segment,) = sink.finished
    assert segment.as_dict()["start_s"] == pytest.approx(7_000 / 90_000, abs=1e-6)
    assert shown(out) == [0, 1, 2, 3, 4]


def test_segments_follow_each_other_without_loss(tmp_path: Path) -> None:
    sink = recording(tmp_path / "ride.mp4", segment_s=1.0)
    feed(sink, [numbered_frame(i) for i in range(75)])
    sink.close()
    names = [segment.report.path.name for segment in sink.finished]
    assert names == ["ride-000.mp4", "ride-001.mp4", "ride-002.mp4"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    numbers = [shown(tmp_path / name) for name in names]
    assert [n for part in numbers for n in part] == list(range(75))
    assert [len(part) for part in numbers] == [RATE, RATE, 15]
    assert all(times_s(tmp_path / name)[0] == 0 for name in names)
    assert [s.as_dict()["start_s"] for s in sink.finished] == [0.0, 1.0, 2.0]
    json.dumps([s.as_dict() for s in sink.finished])


def test_encoders_of_finished_segments_are_let_go_of_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each holds some megabytes, which the collector would not know of: it counts objects.
    made: list[weakref.ref[VideoSink]] = []

    class NotedSink(VideoSink):
        def __init__(self, *args: Any, **settings: Any) -> None:
            made.append(weakref.ref(self))
            super().__init__(*args, **settings)

    monkeypatch.setattr(recording_file, "VideoSink", NotedSink)
    gc.collect()
    gc.disable()
    try:
        sink = recording(tmp_path / "ride.mp4", segment_s=0.5)
        feed(sink, [numbered_frame(i) for i in range(75)])
        sink.close()
    finally:
        gc.enable()
    assert len(made) == len(sink.finished) == 5
    assert [ref() for ref in made] == [None] * 5


def test_gap_of_the_signal_stays_in_the_file(tmp_path: Path) -> None:
    out = tmp_path / "ride.mkv"
    sink = recording(out)
    feed(sink, [numbered_frame(i, pts=i * TICKS + (450_000 if i >= 10 else 0)) for i in range(20)])
    sink.close()
    steps = np.diff(times_s(out))
    assert steps.max() == pytest.approx(5.0 + 1 / RATE, abs=0.002)
    assert np.sort(steps)[:-1] == pytest.approx(1 / RATE, abs=0.002)


def with_gaps(*gaps: tuple[int, int], count: int = 30) -> list[Frame]:
    """Frames before some of which (index, ticks) nothing came for a while."""
    late = [sum(ticks for at, ticks in gaps if index >= at) for index in range(count)]
    return [numbered_frame(index, pts=index * TICKS + late[index]) for index in range(count)]


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
@pytest.mark.parametrize("ticks", [LIMIT_PTS - TICKS, LIMIT_PTS, 7 * HOURS_PTS, 600 * HOURS_PTS])
def test_gap_too_long_for_the_container_goes_on_in_another_file(
    tmp_path: Path, suffix: str, ticks: int
) -> None:
    out = tmp_path / f"ride{suffix}"
    sink = recording(out)
    feed(sink, with_gaps((10, ticks)))
    sink.close()
    first, second = sink.finished
    assert [s.report.path.name for s in sink.finished] == [out.name, f"ride-001{suffix}"]
    assert shown(out) + shown(second.report.path) == list(range(30)), "none invented, none lost"
    assert second.start_s - first.start_s == pytest.approx(ticks / 90_000 + 10 / RATE)
    assert times_s(second.report.path) == pytest.approx([n / RATE for n in range(20)])
    assert sink.failures == []
    assert any("ride-001" in note for note in sink.notes)


def test_gaps_that_fit_stay_in_the_file_however_many(tmp_path: Path) -> None:
    out = tmp_path / "ride.mp4"
    sink = recording(out)
    feed(sink, with_gaps((10, 6 * HOURS_PTS), (20, 6 * HOURS_PTS), (25, LIMIT_PTS - 2**25)))
    sink.close()
    assert shown(out) == list(range(30))
    assert times_s(out)[-1] > 12 * 3600
    assert list(tmp_path.iterdir()) == [out]


def test_matroska_holds_a_gap_of_days(tmp_path: Path) -> None:
    sink = recording(tmp_path / "ride.mkv")
    feed(sink, with_gaps((10, 50 * HOURS_PTS)))
    sink.close()
    assert [segment.report.frames for segment in sink.finished] == [30]


def test_long_segments_are_divided_by_a_long_gap_too(tmp_path: Path) -> None:
    sink = recording(tmp_path / "ride.mp4", segment_s=20 * 3600.0)
    feed(sink, with_gaps((10, 7 * HOURS_PTS), (20, 7 * HOURS_PTS)))
    sink.close()
    assert [segment.report.frames for segment in sink.finished] == [10, 10, 10]
    assert [segment.report.path.name[-7:] for segment in sink.finished] == [
        f"{number:03d}.mp4" for number in range(3)
    ]


def test_file_behind_a_gap_replaces_none_that_nobody_named(tmp_path: Path) -> None:
    other = tmp_path / "ride-001.mp4"
    other.write_bytes(b"of another run")
    sink = recording(tmp_path / "ride.mp4", force=True)
    feed(sink, with_gaps((10, 7 * HOURS_PTS)))
    sink.close()
    assert other.read_bytes() == b"of another run"
    assert shown(tmp_path / "ride-002.mp4") == list(range(10, 30))


def test_segment_that_was_over_in_a_gap_begins_with_the_first_frame_behind_it(
    tmp_path: Path,
) -> None:
    sink = recording(tmp_path / "ride.mp4", segment_s=1.0)
    feed(sink, [numbered_frame(i, pts=i * TICKS + (450_000 if i >= 10 else 0)) for i in range(20)])
    sink.close()
    assert [segment.report.frames for segment in sink.finished] == [10, 10]
    assert sink.finished[1].start_s == pytest.approx(5 + 10 / RATE)


def test_segment_is_finished_while_the_next_is_being_written(tmp_path: Path) -> None:
    sink = recording(tmp_path / "ride.mp4", segment_s=1.0)
    feed(sink, [numbered_frame(i) for i in range(31)])
    deadline = time.monotonic() + 60
    while not (tmp_path / "ride-000.mp4").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert probe(tmp_path / "ride-000.mp4").frames == RATE
    assert (tmp_path / "ride-001.mp4.part").exists()
    sink.abort()


def test_abort_keeps_the_playable_part_and_finished_segments(tmp_path: Path) -> None:
    sink = recording(tmp_path / "ride.mp4", segment_s=1.0)
    feed(sink, [numbered_frame(i) for i in range(45)])
    sink.abort()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["ride-000.mp4", "ride-001.mp4.part"]
    assert len(sink.finished) == 1
    assert shown(tmp_path / "ride-001.mp4.part") == list(range(30, 45))


def test_recording_without_a_frame_leaves_nothing(tmp_path: Path) -> None:
    sink = recording(tmp_path / "ride.mp4")
    sink.close()
    assert sink.finished == []
    assert list(tmp_path.iterdir()) == []


def test_segment_that_was_tampered_with_is_a_failure_and_the_next_goes_on(tmp_path: Path) -> None:
    sink = recording(tmp_path / "ride.mp4", segment_s=1.0)
    feed(sink, [numbered_frame(i) for i in range(29)])
    (tmp_path / "ride-000.mp4.part").unlink()  # what a cleaner of disks might do
    feed(sink, [numbered_frame(i) for i in range(29, 40)])
    sink.close()
    assert [type(error) for error in sink.failures] == [OutputError]
    assert [s.report.path.name for s in sink.finished] == ["ride-001.mp4"]


def test_recording_in_segments_is_one_run_s_between_its_segments_too(tmp_path: Path) -> None:
    path = tmp_path / "ride.mp4"
    sink = recording(path, segment_s=1.0)
    feed(sink, [numbered_frame(i) for i in range(45)])
    for begin in (
        lambda: recording(path, segment_s=1.0),
        lambda: check_recording(path, segments=True, options=OPTIONS, force=True),
    ):
        with pytest.raises(OutputError, match=r"ride\.mp4 is being written by another run"):
            begin()
    sink.close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["ride-000.mp4", "ride-001.mp4"]


def test_existing_segments_are_refused_without_force(tmp_path: Path) -> None:
    path = tmp_path / "ride.mp4"
    (tmp_path / "ride-017.mp4").write_bytes(b"of another run")
    with pytest.raises(OutputError, match=r"ride-017\.mp4 exists"):
        check_recording(path, segments=True, options=OPTIONS)
    check_recording(path, segments=True, options=OPTIONS, force=True)
    check_recording(path, segments=False, options=OPTIONS)
    (tmp_path / "ride-cut.mp4").write_bytes(b"no segment")
    (tmp_path / "ride-017.mp4").unlink()
    check_recording(path, segments=True, options=OPTIONS)


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("ride.xyz", UsageError, ".mp4, .mkv, .mov, .webm"),
        ("none/ride.mp4", OutputError, "does not exist"),
    ],
)
@pytest.mark.parametrize("segments", [False, True])
def test_unwritable_recording_is_refused_early(
    tmp_path: Path, name: str, error: type[Exception], words: str, segments: bool
) -> None:
    with pytest.raises(error, match=words):
        check_recording(tmp_path / name, segments=segments, options=OPTIONS)


def test_segments_count_beyond_three_digits() -> None:
    assert segment_path(Path("a/ride.x.mkv"), number=1234) == Path("a/ride.x-1234.mkv")
