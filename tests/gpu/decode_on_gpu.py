"""A process that decodes on the GPU into torch: ``python -m tests.gpu.decode_on_gpu``.

Says what the frames were, and how far they are from those of the processor. Shows on a GPU what a
decoder that never leaves it could build on; that of the runtime (``--decode nvdec``) hands frames
to the host, where the overlay is laid on them.
"""

import json
import sys
from typing import Any

import av
import numpy as np
import torch
from av.codec.hwaccel import HWAccel

from export.child import answer


def decode(path: str, *, torch_first: bool, context: dict[str, Any]) -> dict[str, Any]:
    """Decode a clip twice and compare.

    Args:
        path: The clip, 4:2:0 with 8 bits.
        torch_first: Let torch make its context of the device before the decoder makes its own.
        context: How the decoder makes its own; empty shares the primary one.
    """
    if torch_first:
        torch.zeros(1, device="cuda")
    hwaccel = HWAccel("cuda", allow_software_fallback=False, options=context, is_hw_owned=True)
    worst, num_frames = 0, 0
    formats: set[str] = set()
    with av.open(path, hwaccel=hwaccel) as on_gpu, av.open(path) as on_cpu:
        is_hardware = bool(on_gpu.streams.video[0].codec_context.is_hwaccel)
        side: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        pairs = zip(on_gpu.decode(video=0), on_cpu.decode(video=0), strict=True)
        for frame, reference in pairs:
            formats.add(frame.format.name)
            found = planes_of(frame, side=side)
            truth = reference.reformat(format="nv12").to_ndarray()
            worst = max(worst, int(np.abs(found.astype(int) - truth).max()))
            num_frames += 1
    return {
        "frames": num_frames,
        "worst": worst,
        "formats": sorted(formats),
        "is_hardware": is_hardware,
    }


def planes_of(frame: av.VideoFrame, *, side: Any) -> np.ndarray:
    """Read both planes through DLPack on a stream of our own; nv12 as (H * 3 / 2, W)."""
    decoded: Any = torch.cuda.Event()  # type: ignore[no-untyped-call]
    # The decoder works on the default stream, which others do not wait for by themselves.
    decoded.record(torch.cuda.default_stream())
    with torch.cuda.stream(side):
        side.wait_event(decoded)
        # A capsule: torch.from_dlpack(plane) names a stream, which PyAV refuses.
        y_HW, uv_hw2 = (
            torch.utils.dlpack.from_dlpack(plane.__dlpack__()) for plane in frame.planes
        )
        assert y_HW.is_cuda
        assert uv_hw2.is_cuda
        rows = torch.cat([y_HW, uv_hw2.flatten(1)])
        return rows.cpu().numpy()


if __name__ == "__main__":
    answer(decode(**json.loads(sys.argv[1])))
