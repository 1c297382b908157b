"""The clips that benchmarks run on: drawn by our command line, looped, or lossless."""

import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from benchmarks.machine import digest_of
from benchmarks.options import ROOT, Options
from benchmarks.program import run_program

FULL_HD = (1080, 1920)
QUICK_SIZE = (180, 320)
# The drawn part of the clip, and how often it is played in the clip that programs are timed on.
DRAWN_FRAMES, QUICK_FRAMES = 240, 12
NUM_LOOPS = 2
RATE = 30


def drawn_clip(options: Options) -> Path:
    """Return the clip that costs are taken from: ``--clip``, or a drawn 1080p30 H.264 ride."""
    if options.clip is not None:
        return options.clip
    size = QUICK_SIZE if options.quick else FULL_HD
    num_frames = QUICK_FRAMES if options.quick else DRAWN_FRAMES
    return ride_clip(options, size=size, num_frames=num_frames)


def timed_clip(options: Options) -> Path:
    """Return the clip that programs are timed on: the drawn one, played twice."""
    if options.clip is not None:
        return options.clip
    clip = drawn_clip(options)
    return looped(clip, num_frames=num_frames_of(clip) * NUM_LOOPS)


def ride_clip(options: Options, *, size: tuple[int, int], num_frames: int) -> Path:
    """Draw a ride with ``losszero-rt demo``, or return it if it was drawn before.

    Args:
        options: Says where clips are kept.
        size: (height, width).
        num_frames: Frames at 30 a second.
    """
    height, width = size
    version = digest_of(ROOT / "losszero_rt" / "ride")[:8]
    path = options.work / f"ride-{width}x{height}-{num_frames}-{version}.mp4"
    if not path.exists():
        words = [sys.executable, "-m", "losszero_rt", "demo", "--size", f"{width}x{height}"]
        words += ["--seconds", str(num_frames / RATE), "--rate", str(RATE), "--out", str(path)]
        run_program(words)
    return path


def num_frames_of(clip: Path) -> int:
    """Count the frames of a clip by its packets."""
    with av.open(f"file:{clip}") as container:
        return sum(1 for packet in container.demux(video=0) if packet.size)


def looped(clip: Path, *, num_frames: int) -> Path:
    """Return a clip of ``num_frames`` that plays another one over and over, packets untouched.

    Args:
        clip: File without sound whose every repeat starts with a key frame.
        num_frames: Frames wanted.
    """
    path = clip.with_name(f"{clip.stem}-looped-{num_frames}.mp4")
    if path.exists():
        return path
    part = path.with_name(path.name + ".part")
    with av.open(f"file:{clip}") as source, av.open(f"file:{part}", "w", format="mp4") as output:
        stream = output.add_stream_from_template(source.streams.video[0])
        packets = [(p.pts, p.dts, bytes(p), p.is_keyframe) for p in source.demux(video=0) if p.size]
        time_base = source.streams.video[0].time_base
        assert time_base, "a clip of ours has a time base"
        period = round(Fraction(len(packets), RATE) / time_base)
        for index in range(num_frames):
            loop, place = divmod(index, len(packets))
            pts, dts, content, is_key = packets[place]
            assert pts is not None, "a clip of ours has times"
            assert dts is not None, "a clip of ours has times"
            packet = av.Packet(content)
            packet.pts, packet.dts = pts + loop * period, dts + loop * period
            packet.time_base, packet.is_keyframe, packet.stream = time_base, is_key, stream
            output.mux_one(packet)
    part.replace(path)
    return path


def lossless_clip(path: Path, pictures: Sequence[np.ndarray]) -> Path:
    """Write RGB pictures of one size into a Matroska file in which every pixel survives.

    Args:
        path: File to write, ``.mkv``.
        pictures: uint8 (H, W, 3), one a frame, ten frames a second.
    """
    height, width = pictures[0].shape[:2]
    with av.open(f"file:{path}", "w", format="matroska") as output:
        stream = output.add_stream("ffv1", rate=10, width=width, height=height, pix_fmt="bgr0")
        assert isinstance(stream, VideoStream), "ffv1 is a video encoder"
        for index, pixels_HWC in enumerate(pictures):
            picture = VideoFrame.from_ndarray(np.ascontiguousarray(pixels_HWC), format="rgb24")
            picture = picture.reformat(format="bgr0")
            picture.pts, picture.time_base = index, Fraction(1, 10)
            output.mux(stream.encode(picture))
        output.mux(stream.encode(None))
    return path
