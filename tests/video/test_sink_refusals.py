"""Outputs that must not be written, or do not hold what they must."""

from pathlib import Path

import pytest

from losszero_rt.errors import ExitCode, OutputError, UsageError
from losszero_rt.frame import Frame
from losszero_rt.video import VideoSink, VideoSource, part_of, probe
from tests.media import put


def test_existing_output_is_replaced_only_at_the_end(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    out.write_bytes(b"precious")
    source = VideoSource(clip)
    with pytest.raises(OutputError, match="--force"):
        VideoSink(out, info=source.info)
    sink = VideoSink(out, info=source.info, force=True)
    for item in source:
        put(sink, item)  # type: ignore[arg-type]
    assert out.read_bytes() == b"precious"
    sink.close()
    assert probe(out).frames == 30
    source.close()


def test_source_is_refused_as_output_and_stays_whole(clip: Path) -> None:
    before = clip.read_bytes()
    source = VideoSource(clip)
    with pytest.raises(OutputError, match="the source itself"):
        VideoSink(clip, info=source.info, audio_from=source, force=True)
    source.close()
    assert clip.read_bytes() == before


def test_abort_keeps_a_playable_prefix_under_the_part_name(clip: Path, tmp_path: Path) -> None:
    source, out = VideoSource(clip), tmp_path / "out.mp4"
    sink = VideoSink(out, info=source.info)
    for item in source:
        if isinstance(item, Frame) and item.index < 20:
            put(sink, item)
    sink.abort()
    sink.abort()
    source.close()
    assert not out.exists()
    assert probe(part_of(out)).frames == 20


def test_output_without_frames_is_an_error_and_leaves_nothing(clip: Path, tmp_path: Path) -> None:
    source = VideoSource(clip)
    sink = VideoSink(tmp_path / "out.mp4", info=source.info)
    with pytest.raises(OutputError, match="no frame reached it") as caught:
        sink.close()
    source.close()
    assert caught.value.exit_code == ExitCode.OUTPUT
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_missing_frame_in_the_output_is_found(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = VideoSource(clip), tmp_path / "out.mp4"
    sink = VideoSink(out, info=source.info)
    # The wrapped type is not patchable: a frame is noted as written that never was.
    for item in source:
        put(sink, item)  # type: ignore[arg-type]
    sink._written.add(99999, duration=512)
    with pytest.raises(OutputError, match="30 frames, 31 were written"):
        sink.close()
    source.close()
    assert not out.exists()
    assert part_of(out).exists()


def test_wrong_time_in_the_output_is_found(clip: Path, tmp_path: Path) -> None:
    source, out = VideoSource(clip), tmp_path / "out.mp4"
    sink = VideoSink(out, info=source.info)
    for item in source:
        put(sink, item)  # type: ignore[arg-type]
    sink._written.pts[10] += 1
    with pytest.raises(OutputError, match="frame 10 lies at"):
        sink.close()
    source.close()
    assert not out.exists()


def test_unknown_suffix_is_a_usage_error(clip: Path, tmp_path: Path) -> None:
    source = VideoSource(clip)
    with pytest.raises(UsageError, match=r"\.webm"):
        VideoSink(tmp_path / "out.avi", info=source.info)
    source.close()


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "webm"])
@pytest.mark.parametrize("units", [-100, 100])
def test_wrong_duration_in_the_output_is_found(
    clip: Path, tmp_path: Path, suffix: str, units: int
) -> None:
    source, out = VideoSource(clip), tmp_path / f"out.{suffix}"
    sink = VideoSink(out, info=source.info)
    for item in source:
        put(sink, item)  # type: ignore[arg-type]
    sink._written.last_duration += units
    sink._written.latest_end += units
    with pytest.raises(OutputError, match=r"lasts 1\.0"):
        sink.close()
    source.close()
    assert not out.exists()
    assert part_of(out).exists()
