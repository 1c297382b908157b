"""Decoding and encoding on the GPU."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from av.video.frame import CudaContext
from av.video.stream import VideoStream

from export.child import ChildError, run_child
from losszero_rt.errors import InputError
from losszero_rt.frame import Frame
from losszero_rt.pipeline.assemble import run_job
from losszero_rt.pipeline.config import RunConfig
from losszero_rt.video import EncodeOptions, SourceOptions, VideoSink, VideoSource
from losszero_rt.video.codec_survey import codec_facts
from losszero_rt.video.nvdec import Decoding
from tests.gpu.progress import Quiet
from tests.needing import need

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(900)]

SIZE = (360, 640)
NUM_FRAMES = 300
PSNR_MIN_DB = 35.0


@pytest.fixture(scope="module")
def nvenc() -> None:
    """Data centre GPUs (A100, H100, H200) decode and cannot encode."""
    found = codec_facts()["encoders"]["h264_nvenc"]
    need("" if found == "opens" else f"h264_nvenc {found}", demanded_by="LOSSZERO_REQUIRE_NVENC")


def draw_frame(index: int) -> np.ndarray:
    """Draw uint8 nv12 (H * 3 / 2, W): a slope that moves, and the index as bars of 8 columns."""
    height, width = SIZE
    rows, columns = np.mgrid[0:height, 0:width]
    y_HW = ((rows // 2 + columns // 4 + index) % 180 + 30).astype(np.uint8)
    for bit in range(16):
        y_HW[:48, 16 * bit : 16 * bit + 16] = 220 if index >> bit & 1 else 30
    uv_hW = np.full((height // 2, width), 128, np.uint8)
    uv_hW[:, ::2] += np.uint8(index % 50)
    return np.concatenate([y_HW, uv_hW])


def index_in(y_HW: np.ndarray) -> int:
    """Read back the number that was drawn."""
    return sum(
        int(y_HW[8:40, 16 * bit + 4 : 16 * bit + 12].mean() > 125) << bit for bit in range(16)
    )


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Numbered frames, encoded on the processor."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    with av.open(str(path), "w") as container:
        stream = _add(container, "libx264", pix_fmt="yuv420p")
        for index in range(2 * NUM_FRAMES):
            frame = av.VideoFrame.from_ndarray(draw_frame(index), format="nv12")
            frame.pts, frame.time_base = index, Fraction(1, 30)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def _add(container: Any, codec: str, *, pix_fmt: str) -> VideoStream:
    stream: VideoStream = container.add_stream(
        codec, rate=30, width=SIZE[1], height=SIZE[0], pix_fmt=pix_fmt
    )
    return stream


@pytest.mark.parametrize(
    ("torch_first", "context"),
    [(False, {}), (True, {"primary_ctx": "0", "current_ctx": "1"})],
    ids=["decoder first", "torch first"],
)
def test_frames_decoded_on_the_gpu_are_those_of_the_processor(
    clip: Path, torch_first: bool, context: dict[str, str]
) -> None:
    request = {"path": str(clip), "torch_first": torch_first, "context": context}
    found = run_child("tests.gpu.decode_on_gpu", request, timeout_s=300)
    assert found["is_hardware"]
    assert found["formats"] == ["cuda"]
    assert found["frames"] == 2 * NUM_FRAMES, "no frame is held back by those that were read"
    assert found["worst"] <= 2


def test_decoding_what_no_gpu_decodes_is_told(tmp_path: Path) -> None:
    path = tmp_path / "lossless.mkv"
    with av.open(str(path), "w") as container:
        stream = _add(container, "ffv1", pix_fmt="yuv420p")
        container.mux(stream.encode(av.VideoFrame.from_ndarray(draw_frame(0), format="nv12")))
        container.mux(stream.encode())
    request = {"path": str(path), "torch_first": False, "context": {}}
    with pytest.raises(ChildError):
        run_child("tests.gpu.decode_on_gpu", request, timeout_s=300)


@pytest.mark.usefixtures("nvenc")
def test_tensors_are_encoded_without_leaving_the_gpu(tmp_path: Path) -> None:
    path = tmp_path / "nvenc.mp4"
    torch.zeros(1, device="cuda")
    stream_of_ours: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    context = CudaContext(
        device_id=0, primary_ctx=False, current_ctx=True, cuda_stream=stream_of_ours.cuda_stream
    )
    height = SIZE[0]
    with av.open(str(path), "w") as container, torch.cuda.stream(stream_of_ours):
        stream = _add(container, "h264_nvenc", pix_fmt="cuda")
        stream.codec_context.options = {"rc": "vbr", "cq": "18", "bf": "0"}
        for index in range(NUM_FRAMES):
            # A new buffer a frame: the encoder may still read the last one.
            rows = torch.from_numpy(draw_frame(index)).cuda()
            uv_hw2 = rows[height:].reshape(height // 2, SIZE[1] // 2, 2)
            stream_of_ours.synchronize()
            frame = av.VideoFrame.from_dlpack(
                (rows[:height], uv_hw2), format="nv12", cuda_context=context
            )
            frame.pts, frame.time_base = index, Fraction(1, 30)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    check_numbered(path, num=NUM_FRAMES)


def check_numbered(path: Path, *, num: int) -> None:
    """Check that a clip holds each numbered frame once, in order, as it was drawn."""
    errors = []
    with av.open(str(path)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            rows = frame.reformat(format="nv12").to_ndarray()
            assert index_in(rows[: SIZE[0]]) == index
            errors.append(np.square(rows.astype(float) - draw_frame(index)).mean())
    assert len(errors) == num
    assert 10 * np.log10(255**2 / np.mean(errors)) >= PSNR_MIN_DB


@pytest.mark.usefixtures("nvenc")
@pytest.mark.parametrize("decode", ["cpu", "nvdec"])
def test_the_runtime_encodes_on_the_gpu(clip: Path, tmp_path: Path, decode: Decoding) -> None:
    out = tmp_path / "out.mp4"
    config = RunConfig(
        out=out,
        decode=decode,
        codec="h264_nvenc",
        crf=18,
        alpha=0.0,
        legend=False,
        hud=False,
    )
    report = run_job([str(clip)], config=config, progress=Quiet())
    assert report is not None
    assert report["exit_code"] == 0
    assert report["output"]["codec"] == "h264_nvenc"
    check_numbered(out, num=2 * NUM_FRAMES)


def frames_of(source: VideoSource) -> Iterator[Frame]:
    return (item for item in source if isinstance(item, Frame))


@pytest.mark.usefixtures("nvenc")
def test_nothing_is_lost_at_a_quality_of_zero(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    source = VideoSource(clip)
    options = EncodeOptions(codec="h264_nvenc", crf=0)
    sink = VideoSink(out, info=source.info, options=options, audio_from=source)
    kept = []
    for frame in frames_of(source):
        canvas = sink.canvas()
        for name in ("y", "u", "v"):
            getattr(canvas, name)[...] = getattr(frame.planes, name)
        kept.append(frame.planes.y.copy())
        sink.write(canvas, frame=frame)
    sink.close()
    source.close()
    read = [frame.planes.y.copy() for frame in frames_of(VideoSource(out))]
    np.testing.assert_array_equal(np.stack(read), np.stack(kept))


def test_frames_of_nvdec_are_those_of_the_processor_whoever_comes_first(clip: Path) -> None:
    # By now torch has made its own context of the device, and the decoder makes another.
    torch.zeros(1, device="cuda")
    on_gpu = VideoSource(clip, options=SourceOptions(decode="nvdec"))
    assert any("NVDEC" in note for note in on_gpu.info.notes)
    on_cpu = VideoSource(clip)
    num_frames = 0
    for one, other in zip(frames_of(on_gpu), frames_of(on_cpu), strict=True):
        assert one.pts == other.pts
        for name in ("y", "u", "v"):
            first, second = (getattr(frame.planes, name).astype(int) for frame in (one, other))
            assert np.abs(first - second).max() <= 2
        num_frames += 1
    assert num_frames == 2 * NUM_FRAMES
    on_gpu.close()
    on_cpu.close()


def test_what_nvdec_does_not_know_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "lossless.mkv"
    with av.open(str(path), "w") as container:
        stream = _add(container, "ffv1", pix_fmt="yuv420p")
        container.mux(stream.encode(av.VideoFrame.from_ndarray(draw_frame(0), format="nv12")))
        container.mux(stream.encode())
    with pytest.raises(InputError, match="no GPU decodes ffv1"):
        VideoSource(path, options=SourceOptions(decode="nvdec"))
