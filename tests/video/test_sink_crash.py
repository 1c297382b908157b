"""What is left of an output when the process, or the disk, ends before the video does."""

import os
import resource
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import av
import pytest

from losszero_rt.errors import OutputError
from losszero_rt.frame import Frame
from losszero_rt.video import EncodeOptions, VideoSink, VideoSource, part_of, probe
from losszero_rt.video.settings_tag import settings_in
from tests.media import boxes_of, put, read_clip, read_index, write_clip

ROOT = Path(__file__).parents[2]
GOP = 30
NUM_FRAMES = 100

# Writes frames and says how many were handed over; then waits to be killed.
WRITER = """
    import sys, time
    from pathlib import Path
    from losszero_rt.frame import Frame
    from losszero_rt.video import EncodeOptions, VideoSink, VideoSource
    from tests.media import put

    source = VideoSource(Path(sys.argv[1]))
    options = EncodeOptions(settings={"alpha": 0.5})
    sink = VideoSink(Path(sys.argv[2]), info=source.info, options=options, audio_from=source)
    written = 0
    for item in source:
        if not isinstance(item, Frame):
            sink.copy(item)
            continue
        put(sink, item)
        written += 1
        if written == int(sys.argv[3]):
            print(written, flush=True)
            time.sleep(60)
"""


def kill_while_writing(clip: Path, out: Path, *, after: int) -> None:
    command = [sys.executable, "-c", textwrap.dedent(WRITER), str(clip), str(out), str(after)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"{after}\n"
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL


@pytest.mark.parametrize("audio", [None, "aac"], ids=["silent", "sound"])
@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
def test_killed_writer_leaves_a_playable_part(
    tmp_path: Path, suffix: str, audio: str | None
) -> None:
    clip = write_clip(tmp_path / "in.mp4", num_frames=NUM_FRAMES + 20, audio=audio)
    out = tmp_path / f"out.{suffix}"
    kill_while_writing(clip, out, after=NUM_FRAMES)
    assert not out.exists()
    source, frames, lost = read_clip(part_of(out))
    seen = [read_index(frame.planes) for frame in frames]
    assert seen == list(range(len(seen)))
    assert len(seen) >= NUM_FRAMES - GOP - 1
    start_s = frames[0].time_s
    assert [round((frame.time_s - start_s) * 30) for frame in frames] == seen
    assert not lost
    assert source.info.num_audio == (1 if audio else 0)
    with av.open(str(part_of(out))) as container:
        assert settings_in(container.metadata) == {"alpha": 0.5}, "for a run that goes on with it"


def test_killed_writer_loses_no_more_when_the_sound_ends_early(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "in.mp4", num_frames=220, audio="aac", audio_s=0.5)
    out = tmp_path / "out.mp4"
    kill_while_writing(clip, out, after=200)
    # The muxer may wait a second for sound that never comes.
    assert len(read_clip(part_of(out))[1]) >= 200 - 2 * GOP - 1


def noisy_clip(path: Path) -> Path:
    import numpy as np

    rng = np.random.default_rng(0)
    return write_clip(
        path,
        size=(192, 384),
        num_frames=120,
        draw=lambda _: rng.integers(0, 255, (192, 384)).astype(np.uint8),
    )


def put_all(sink: VideoSink, source: VideoSource) -> None:
    for item in source:
        if isinstance(item, Frame):
            put(sink, item)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_full_disk_keeps_the_playable_prefix(tmp_path: Path, suffix: str) -> None:
    clip = noisy_clip(tmp_path / "in.mp4")
    source, out = VideoSource(clip), tmp_path / f"out.{suffix}"
    sink = VideoSink(out, info=source.info, options=EncodeOptions(gop=10))
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, limit[1]))
    handed: list[int] = []
    sink.on_muxed = lambda pts, _: handed.append(pts)
    try:
        with pytest.raises(OutputError, match="cannot be written") as caught:
            put_all(sink, source)
        sink.abort()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        source.close()
    assert "\n" not in str(caught.value)
    assert part_of(out).name in str(caught.value)
    assert not out.exists()
    assert 0 < len(handed) < 120
    _, frames, _ = read_clip(part_of(out))
    assert len(frames) >= len(handed) - 12


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_disk_full_at_the_very_end_is_an_output_error(tmp_path: Path, suffix: str) -> None:
    clip = noisy_clip(tmp_path / "in.mp4")
    source, out = VideoSource(clip), tmp_path / f"out.{suffix}"
    sink = VideoSink(out, info=source.info, options=EncodeOptions(gop=10))
    put_all(sink, source)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (part_of(out).stat().st_size, limit[1]))
    try:
        with pytest.raises(OutputError):
            sink.close()
        sink.abort()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        source.close()
    assert not out.exists()
    assert len(read_clip(part_of(out))[1]) >= 100


@pytest.fixture
def small_disk(tmp_path: Path) -> Path:
    """Mount a disk of one megabyte, where that is allowed."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting is not allowed here")
    return folder


def test_really_full_disk_is_named(small_disk: Path, tmp_path: Path) -> None:
    source, out = VideoSource(noisy_clip(tmp_path / "in.mp4")), small_disk / "out.mp4"
    try:
        sink = VideoSink(out, info=source.info, options=EncodeOptions(gop=10))
        with pytest.raises(OutputError, match="No space left on device"):
            put_all(sink, source)
        sink.abort()
        assert probe(part_of(out)).frames > 10
    finally:
        source.close()
        subprocess.run(["umount", str(small_disk)], check=True)


def test_part_of_a_finished_file_is_plain_again(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "in.mp4", num_frames=100)
    source, out = VideoSource(clip), tmp_path / "out.mp4"
    sink = VideoSink(out, info=source.info)
    put_all(sink, source)
    assert "moof" in boxes_of(part_of(out)), "while writing it is in fragments"
    sink.close()
    source.close()
    assert "moof" not in boxes_of(out)


def test_interpreter_survives_an_open_sink_at_exit(clip: Path, tmp_path: Path) -> None:
    code = """
        import sys
        from pathlib import Path
        from losszero_rt.video import VideoSink, VideoSource
        from tests.media import put
        source = VideoSource(Path(sys.argv[1]))
        sink = VideoSink(Path(sys.argv[2]), info=source.info, audio_from=source)
        for number, item in enumerate(source):
            put(sink, item)
            if number == 5:
                break
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(clip), str(tmp_path / "o.mp4")]
    start_s = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, timeout=60, env=os.environ, check=False)
    assert done.returncode == 0
    assert time.monotonic() - start_s < 30
    assert not (tmp_path / "o.mp4").exists()
