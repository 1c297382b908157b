"""Decoding on a GPU that is not there, or does not know a codec; tests/gpu decodes on one."""

import os
import re
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.stream import VideoStream

from losszero_rt.errors import ExitCode, InputError
from losszero_rt.video import SourceOptions, VideoSource
from losszero_rt.video.nvdec import check_accelerated
from tests.media import write_clip

NO_GPU = pytest.mark.skipif(
    any(Path(device).exists() for device in ("/dev/nvidia0", "/dev/dxg")),
    reason="there is a GPU here: tests/gpu decodes on it",
)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    write_clip(path, num_frames=5)
    return path


@NO_GPU
def test_a_machine_without_a_gpu_says_so_and_does_not_fall_back(clip: Path) -> None:
    with pytest.raises(InputError, match=r"the GPU 0 cannot be opened.*leave --decode nvdec away"):
        VideoSource(clip, options=SourceOptions(decode="nvdec"))
    VideoSource(clip, options=SourceOptions(decode="cpu")).close()


@NO_GPU
def test_what_is_no_video_is_called_that_whatever_decodes(tmp_path: Path) -> None:
    path = tmp_path / "text.mp4"
    path.write_text("not a video, but long enough to be looked at by those who guess formats")
    with pytest.raises(InputError, match="is not a video"):
        VideoSource(path, options=SourceOptions(decode="nvdec"))


@NO_GPU
@pytest.mark.skipif(os.getuid() == 0, reason="root may read anything")
def test_a_file_that_may_not_be_read_is_not_blamed_on_the_gpu(clip: Path) -> None:
    clip.chmod(0)
    with pytest.raises(InputError, match="permission denied"):
        VideoSource(clip, options=SourceOptions(decode="nvdec"))


def test_a_codec_that_no_gpu_decodes_is_told(tmp_path: Path) -> None:
    path = tmp_path / "lossless.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=30, width=64, height=48, pix_fmt="yuv420p")
        assert isinstance(stream, VideoStream)
        frame = av.VideoFrame.from_ndarray(np.zeros((72, 64), np.uint8), format="yuv420p")
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    said = r"no GPU decodes ffv1.*leave --decode nvdec away"
    with pytest.raises(InputError, match=said):
        VideoSource(path, options=SourceOptions(decode="nvdec"))
    # Beside a stream that the GPU decodes, such a one is opened without it, by libav itself.
    with av.open(str(path)) as container, pytest.raises(InputError, match=said):
        check_accelerated(container.streams.video[0], path)


@NO_GPU
def test_the_program_ends_with_the_code_of_unreadable_inputs(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    command = [sys.executable, "-m", "losszero_rt", str(clip), "--out", str(out)]
    command += ["--decode", "nvdec"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == ExitCode.INPUT
    assert re.search(r"losszero-rt: .*GPU 0 cannot be opened for decoding", done.stderr)
    assert len(done.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.glob("out*"))
