"""What a live run records: one file or segments, real files written by the real encoder."""

import json
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from losszero_rt.errors import OutputError, UsageError
from losszero_rt.frame import Frame
from losszero_rt.pipeline.recording import Recording, check_recording, segment_path
from losszero_rt.video import EncodeOptions, probe
from tests.media import read_clip, read_index
from tests.pipeline.live_doubles import RATE, SIZE, TICKS, live_info, numbered_frame

OPTIONS = EncodeOptions(crf=18)


def recording(path: Path, *, segment_s: float | None = None, force: bool = False) -> Recording:
    return Recording(
        path, info=live_info(), size=SIZE, options=OPTIONS, segment_s=segment_s, force=force
    )


def feed(sink: Recording, frames: Iterable[Frame]) -> None:
    for frame in frames:
        canvas = sink.canvas()
        for target, plane in zip(
            (canvas.y, canvas.u, canvas.v),
            (frame.planes.y, frame.planes.u, frame.planes.v),
            strict=True,
        ):
            np.copyto(target, plane)
        sink.write(canvas, frame=frame)


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


def test_gap_of_the_signal_stays_in_the_file(tmp_path: Path) -> None:
    out = tmp_path / "ride.mkv"
    sink = recording(out)
    feed(sink, [numbered_frame(i, pts=i * TICKS + (450_000 if i >= 10 else 0)) for i in range(20)])
    sink.close()
    steps = np.diff(times_s(out))
    assert steps.max() == pytest.approx(5.0 + 1 / RATE, abs=0.002)
    assert np.sort(steps)[:-1] == pytest.approx(1 / RATE, abs=0.002)


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
