"""The usual loop: OpenCV reads, torch computes in fp32, OpenCV paints and writes.

This is what most projects of this kind do, with the network that ships here, so that a difference
in speed is one of the loop and the engine, not of the network. It prints one JSON line.

Run: python -m benchmarks.opencv_loop CLIP OUT [--model NAME] [--frames N]
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch

from losszero_rt.bundle import find_bundle
from losszero_rt.engine.eager_engine import load_bundle_network
from losszero_rt.network import upsample_logits
from losszero_rt.timings import now_s

WARMUP_FRAMES = 5
ALPHA = 0.45


@torch.inference_mode()
def overlay_clip(clip: Path, out: Path, *, model: str, num_frames: int) -> list[float]:
    """Write the overlay of a clip.

    Args:
        clip: Video to read.
        out: Video to write, ``.mp4``.
        model: Name or path of the bundle.
        num_frames: Stop after so many.

    Returns:
        When each frame had been written, seconds on the monotonic clock.
    """
    bundle = find_bundle(model, allow_unverified=True)
    network = load_bundle_network(bundle)
    height, width = bundle.input_spec.size
    mean, std = (np.array(v, np.float32) for v in (bundle.input_spec.mean, bundle.input_spec.std))
    palette = np.array(bundle.classmap.colours, np.uint8)[:, ::-1]
    capture = cv2.VideoCapture(str(clip))
    full_wh = tuple(
        int(capture.get(k)) for k in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
    )
    fourcc = cv2.VideoWriter.fourcc(*"mp4v")
    writer = cv2.VideoWriter(str(out), fourcc, capture.get(cv2.CAP_PROP_FPS), full_wh)
    times_s: list[float] = []
    while len(times_s) < num_frames:
        ok, pixels_BGR = capture.read()
        if not ok:
            break
        pixels_RGB = cv2.cvtColor(pixels_BGR, cv2.COLOR_BGR2RGB)
        values = (cv2.resize(pixels_RGB, (width, height)).astype(np.float32) / 255 - mean) / std
        logits_NCHW = network(torch.from_numpy(values.transpose(2, 0, 1)[None]))
        labels_HW = upsample_logits(logits_NCHW, (height, width)).argmax(1)[0].numpy()
        labels_HW = cv2.resize(labels_HW.astype(np.uint8), full_wh, interpolation=cv2.INTER_NEAREST)
        writer.write(cv2.addWeighted(pixels_BGR, 1 - ALPHA, palette[labels_HW], ALPHA, 0))
        times_s.append(now_s())
    writer.release()
    capture.release()
    return times_s


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the loop and print its rate."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("clip", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--model", default="night-ride")
    parser.add_argument("--frames", type=int, default=10**9)
    parsed = parser.parse_args(arguments)
    times_s = overlay_clip(parsed.clip, parsed.out, model=parsed.model, num_frames=parsed.frames)
    skip = min(WARMUP_FRAMES, len(times_s) // 3)
    fps = (len(times_s) - skip - 1) / (times_s[-1] - times_s[skip])
    print(json.dumps({"frames": len(times_s), "fps": round(fps, 3)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
