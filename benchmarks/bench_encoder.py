"""Which x264 preset is the best default: processor time, size and quality at 1080p.

Every preset encodes the same overlay at three qualities. At one crf presets differ in size *and*
quality, so sizes are also compared at the quality that the default preset has at its default crf.

Run: python -m benchmarks.bench_encoder
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from benchmarks.clips import drawn_clip
from benchmarks.options import Options
from benchmarks.record import Claim, Outcome, conduct
from benchmarks.scene import (
    HUD_LINE,
    Spent,
    default_painter,
    find_labels,
    find_shares,
    frames_of,
    make_inputs,
    read_frames,
    spent,
)
from losszero_rt.bundle import find_bundle
from losszero_rt.engine import EngineOptions
from losszero_rt.engine.openvino_engine import OpenVinoEngine
from losszero_rt.frame import Frame, Planes, VideoInfo
from losszero_rt.video import DEFAULT_PRESET, EncodeOptions, VideoSink, VideoSource
from losszero_rt.video.encoders import Preset

PRESETS: tuple[Preset, ...] = ("ultrafast", "superfast", "veryfast", "medium")
CRFS = (20, 23, 26)
DEFAULT_CRF = EncodeOptions().crf
NUM_FRAMES, QUICK_FRAMES = 45, 3
QUALITY_STRIDE = 5


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """One preset at one quality.

    Attributes:
        cpu_ms: Processor milliseconds a frame.
        kib: KiB a frame.
        psnr_y: Peak signal to noise ratio of the luma against the overlay as painted, dB.
        ssim_y: Structural similarity of the luma, 0..1.
    """

    cpu_ms: float
    kib: float
    psnr_y: float
    ssim_y: float

    def as_dict(self) -> dict[str, float]:
        """Return the rounded fields."""
        return {name: round(value, 4) for name, value in vars(self).items()}


def measure(options: Options) -> Outcome:
    """Encode one overlay with every preset and quality."""
    cv2.setNumThreads(1)
    num_frames = QUICK_FRAMES if options.quick else NUM_FRAMES
    info, frames, canvases = paint_overlay(options, num_frames=num_frames)
    found: dict[Preset, dict[int, Encoding]] = {preset: {} for preset in PRESETS}
    for crf in (DEFAULT_CRF,) if options.quick else CRFS:
        for preset in PRESETS:
            settings = EncodeOptions(codec="libx264", preset=preset, crf=crf)
            found[preset][crf] = encode(
                options.work / "encoder.mp4", info, frames, canvases, settings=settings
            )
    target = found[DEFAULT_PRESET][DEFAULT_CRF].psnr_y
    claims = []
    for preset, by_crf in found.items():
        one = by_crf[DEFAULT_CRF]
        size = f"{one.kib:.0f} KiB, {one.psnr_y:.2f} dB, SSIM {one.ssim_y:.4f}"
        what = f"x264 {preset}, crf {DEFAULT_CRF} ({size})"
        claims.append(Claim(what=what, value=round(one.cpu_ms, 2), unit="ms CPU a frame"))
    figures = {
        "size": list(info.size),
        "num_frames": len(frames),
        "default": {"preset": DEFAULT_PRESET, "crf": DEFAULT_CRF},
        "presets": {
            preset: {str(crf): one.as_dict() for crf, one in by_crf.items()}
            for preset, by_crf in found.items()
        },
        "kib_a_frame_at_equal_psnr": {
            preset: round(kib_at(by_crf, psnr_y=target), 2) for preset, by_crf in found.items()
        },
    }
    return Outcome(claims=tuple(claims), figures=figures)


def paint_overlay(
    options: Options, *, num_frames: int
) -> tuple[VideoInfo, list[Frame], list[Planes]]:
    """Return the frames of the clip, and the overlay of each as the encoder gets it."""
    bundle = find_bundle(options.model, allow_unverified=True)
    info, frames = read_frames(drawn_clip(options), num_frames=num_frames)
    engine = OpenVinoEngine(bundle, options=EngineOptions())
    labels = find_labels(engine, make_inputs(bundle, frames))
    engine.close()
    shares = find_shares(labels, num_classes=bundle.classmap.num_classes)
    painter = default_painter(bundle, info)
    canvases = []
    for frame, labels_HW, share in zip(frames, labels, shares, strict=True):
        canvas = copy_of(frame.planes)
        painter.paint(frame.planes, labels_HW=labels_HW, shares=share, canvas=canvas, line=HUD_LINE)
        canvases.append(canvas)
    return info, frames, canvases


def copy_of(planes: Planes) -> Planes:
    """Return planes with memory of their own."""
    y, u, v = (np.array(plane) for plane in (planes.y, planes.u, planes.v))
    return Planes(y=y, u=u, v=v, matrix=planes.matrix, full_range=planes.full_range)


def encode(
    path: Path,
    info: VideoInfo,
    frames: list[Frame],
    canvases: list[Planes],
    *,
    settings: EncodeOptions,
) -> Encoding:
    """Encode the overlay once and compare what is read back with what was painted."""
    sink = VideoSink(path, info=info, options=settings, force=True)
    total = Spent()
    for frame, painted in zip(frames, canvases, strict=True):
        canvas = sink.canvas()
        canvas.y[...], canvas.u[...], canvas.v[...] = painted.y, painted.u, painted.v
        with spent(total):
            sink.write(canvas, frame=frame)
    written = sink.close()
    psnr, ssim = quality(path, canvases)
    return Encoding(
        cpu_ms=total.cpu_s * 1e3 / len(frames),
        kib=written.num_bytes / 2**10 / len(frames),
        psnr_y=psnr,
        ssim_y=ssim,
    )


def quality(path: Path, canvases: list[Planes]) -> tuple[float, float]:
    """Return PSNR (of the mean squared error of all pixels) and mean SSIM of the luma."""
    source = VideoSource(path)
    errors, similarities = [], []
    for frame, painted in zip(frames_of(source), canvases, strict=True):
        if frame.index % QUALITY_STRIDE == 0:
            errors.append(np.square(frame.planes.y.astype(np.float32) - painted.y).mean())
            similarities.append(ssim_of(frame.planes.y, painted.y))
    source.close()
    error = max(float(np.mean(errors)), 1e-6)
    return 10 * float(np.log10(255**2 / error)), float(np.mean(similarities))


def ssim_of(first: np.ndarray, second: np.ndarray) -> float:
    """Return the mean structural similarity of two uint8 planes.

    Source: Wang, Bovik, Sheikh and Simoncelli, 2004, Gaussian window of 1.5 pixels.
    """
    a, b = first.astype(np.float32), second.astype(np.float32)

    def local_mean(plane: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(plane, (11, 11), 1.5)

    mean_a, mean_b = local_mean(a), local_mean(b)
    var_a = local_mean(a * a) - mean_a**2
    var_b = local_mean(b * b) - mean_b**2
    shared = local_mean(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    above = (2 * mean_a * mean_b + c1) * (2 * shared + c2)
    return float(np.mean(above / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))))


def kib_at(by_crf: dict[int, Encoding], *, psnr_y: float) -> float:
    """Return the KiB a frame at which a preset has a quality; log-linear between, held outside."""
    points = sorted((one.psnr_y, float(np.log(one.kib))) for one in by_crf.values())
    return float(np.exp(np.interp(psnr_y, [p for p, _ in points], [k for _, k in points])))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the script."""
    return conduct("encoder", measure, description=__doc__, arguments=arguments)


if __name__ == "__main__":
    sys.exit(main())
