"""Recordings that tests feed with numbered frames."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from losszero_rt.frame import Frame
from losszero_rt.pipeline.recording import Recording
from losszero_rt.video import EncodeOptions
from tests.pipeline.live_doubles import SIZE, live_info

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
