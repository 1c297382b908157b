"""Decoded frames with their labels and a painter: what single stages are measured on."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from losszero_rt.bundle import Bundle
from losszero_rt.engine import Engine
from losszero_rt.frame import Frame, VideoInfo
from losszero_rt.overlay import class_shares
from losszero_rt.pipeline.config import RunConfig
from losszero_rt.pipeline.painter import Painter
from losszero_rt.timings import now_s
from losszero_rt.video import SourceOptions, VideoSource

# As wide as a line of figures usually is.
HUD_LINE = "36.0 FPS  p95 210 ms  lost 0  mIoU 0.75  openvino bf16"


@dataclass(kw_only=True)
class Spent:
    """Time spent in a ``with`` block, known after it.

    Attributes:
        wall_s: Seconds on the wall.
        cpu_s: Seconds of processor time, all threads of this process.
    """

    wall_s: float = 0.0
    cpu_s: float = 0.0


@contextmanager
def spent(total: Spent | None = None) -> Iterator[Spent]:
    """Measure a block; with ``total`` its time is added to that."""
    total = total or Spent()
    cpu_s, wall_s = time.process_time(), now_s()
    yield total
    total.wall_s += now_s() - wall_s
    total.cpu_s += time.process_time() - cpu_s


def frames_of(source: VideoSource) -> Iterator[Frame]:
    """Yield the frames of a source and nothing else."""
    return (item for item in source if isinstance(item, Frame))


def read_frames(clip: Path, *, num_frames: int) -> tuple[VideoInfo, list[Frame]]:
    """Decode the first frames of a clip; they stay valid after it is closed."""
    source = VideoSource(clip, options=SourceOptions(audio=False))
    try:
        frames = [frame for frame, _ in zip(frames_of(source), range(num_frames), strict=False)]
        return source.info, frames
    finally:
        source.close()


def make_inputs(bundle: Bundle, frames: list[Frame]) -> np.ndarray:
    """Return the network inputs of frames, uint8 (n, H, W, 3)."""
    inputs_NHWC = np.zeros((len(frames), *bundle.input_spec.size, 3), np.uint8)
    for frame, input_HWC in zip(frames, inputs_NHWC, strict=True):
        bundle.input_spec.fill(frame.planes, input_HWC)
    return inputs_NHWC


def find_labels(engine: Engine, inputs_NHWC: np.ndarray) -> list[np.ndarray]:
    """Return the labels of network inputs, one submission after the other."""
    return [engine.submit(inputs_NHWC[k : k + 1]).result()[0] for k in range(len(inputs_NHWC))]


def find_shares(labels: list[np.ndarray], *, num_classes: int) -> list[np.ndarray]:
    """Return the share of every class in each of the labels."""
    return [class_shares(labels_HW, num_classes=num_classes) for labels_HW in labels]


def default_painter(bundle: Bundle, info: VideoInfo) -> Painter:
    """Return the painter of a run with default options."""
    config = RunConfig(out=Path("overlay.mp4"))
    classmap = bundle.classmap.with_palette(config.palette)
    return Painter(config, classmap=classmap, info=info, chroma_444=False)
