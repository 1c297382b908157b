from pathlib import Path

import pytest

from losszero_rt.video import VideoSource
from tests.media import read_clip, read_index, write_clip

OPTIONS = {"preset": "ultrafast", "g": "10"}


@pytest.fixture
def fast_start(tmp_path: Path) -> Path:
    return write_clip(
        tmp_path / "fast.mp4",
        num_frames=90,
        options=OPTIONS,
        container_options={"movflags": "+faststart"},
    )


def test_cut_mp4_says_how_far_it_got(fast_start: Path) -> None:
    fast_start.write_bytes(fast_start.read_bytes()[: fast_start.stat().st_size * 6 // 10])
    source, frames, lost = read_clip(fast_start)
    assert 30 < len(frames) < 80
    assert source.incomplete == f"ended at {len(frames) + len(lost)} of 90 frames"
    assert source.incomplete in source.warnings


def test_cut_mkv_says_how_far_it_got(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mkv", num_frames=90, options=OPTIONS, audio="aac")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    source, frames, _ = read_clip(path)
    assert 20 < len(frames) < 70
    assert source.incomplete is not None
    assert " of 3." in source.incomplete


def test_cut_ts_gives_what_is_there(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.ts", num_frames=90, options=OPTIONS)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    _, frames, _ = read_clip(path)
    assert 20 < len(frames) < 70


def test_audio_longer_than_the_video_is_no_loss(tmp_path: Path) -> None:
    for suffix in ("mp4", "mkv"):
        path = write_clip(tmp_path / f"a.{suffix}", num_frames=20, audio="aac", audio_s=4.0)
        assert read_clip(path)[0].incomplete is None
        assert read_clip(path, audio=False)[0].incomplete is None


def test_growing_file_is_called_incomplete(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mkv", num_frames=30)
    source = VideoSource(path)
    with path.open("ab") as file:
        file.write(b"more")
    assert len(list(source)) == 30
    assert source.incomplete == "the file was still being written; read 30 frames"
    source.close()


def test_part_of_a_cut_file_is_not_called_incomplete(fast_start: Path) -> None:
    fast_start.write_bytes(fast_start.read_bytes()[: fast_start.stat().st_size * 6 // 10])
    source, frames, _ = read_clip(fast_start, duration_s=0.5)
    assert len(frames) == 15
    assert source.incomplete is None


@pytest.mark.parametrize("suffix", ["mp4", "mov", "avi", "mkv", "ts"])
@pytest.mark.parametrize("duration_s", [None, 2.0, 9.0])
def test_part_from_midway_to_the_end_is_whole(
    tmp_path: Path, suffix: str, duration_s: float | None
) -> None:
    path = write_clip(tmp_path / f"a.{suffix}", num_frames=90, options=OPTIONS)
    source, frames, lost = read_clip(path, start_s=1, duration_s=duration_s)
    assert [read_index(frame.planes) for frame in frames] == list(range(30, 90))
    assert not lost
    assert source.incomplete is None
    assert source.warnings == []


def test_cut_file_that_is_entered_midway_says_how_far_it_got(fast_start: Path) -> None:
    fast_start.write_bytes(fast_start.read_bytes()[: fast_start.stat().st_size * 6 // 10])
    source, frames, _ = read_clip(fast_start, start_s=1)
    assert frames
    assert source.incomplete is not None
    assert " of 3.0 s " in source.incomplete


def test_a_file_that_is_moved_away_while_it_is_read_is_read_whole(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", num_frames=30, options=OPTIONS)
    source = VideoSource(path)
    frames = iter(source)
    next(frames)
    path.unlink()
    assert sum(1 for _ in frames) == 29
    assert source.incomplete is None
