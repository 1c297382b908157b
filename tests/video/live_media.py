"""Media for the tests of live video: segments of HLS, and a sender of MPEG-TS."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av

from tests.media import write_clip
from tests.video.live_reading import LIMIT_S


def write_hls(folder: Path, *, seconds: int = 6, rate: int = 30) -> list[Path]:
    """Write a clip as segments of one second each; return them."""
    clip = write_clip(
        folder / "clip.ts",
        num_frames=seconds * rate,
        options={"g": str(rate), "bf": "0"},
    )
    segments: list[Path] = []
    with av.open(clip) as source:
        video = source.streams.video[0]
        target, begun = None, None
        for packet in source.demux(video):
            if packet.pts is None:
                continue
            begun = packet.pts if begun is None else begun
            number = int((packet.pts - begun) * packet.time_base + 0.01)
            if number == len(segments):
                if target is not None:
                    target.close()
                segments.append(folder / f"{number}.ts")
                target = av.open(segments[-1], "w", options={"mpegts_copyts": "1"})
                copy = target.add_stream_from_template(video)
            assert target is not None
            packet.stream = copy
            target.mux(packet)
        assert target is not None
        target.close()
    return segments


SENDER = textwrap.dedent(
    """
    import sys, time
    from fractions import Fraction
    import av
    from tests.media import draw_index, to_picture
    port, num_frames, group = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    out = av.open(f"udp://127.0.0.1:{port}?pkt_size=1316", "w", format="mpegts",
                  options={"flush_packets": "1"})
    video = out.add_stream("libx264", rate=30, options={
        "tune": "zerolatency", "preset": "ultrafast", "g": group, "threads": "1"})
    video.width, video.height, video.pix_fmt = 192, 96, "yuv420p"
    begun = time.monotonic()
    for index in range(num_frames):
        picture = to_picture(draw_index(index, size=(96, 192)))
        picture.pts, picture.time_base = index, Fraction(1, 30)
        for packet in video.encode(picture):
            out.mux(packet)
        if index == 30:
            print("sending", flush=True)
        time.sleep(max(0.0, begun + index / 30 - time.monotonic()))
    """
)


@contextmanager
def udp_sender(
    port: int, *, num_frames: int = 10_000, group: int = 15
) -> Iterator[subprocess.Popen[bytes]]:
    """A child process that sends an MPEG transport stream at 30 frames a second.

    It has sent a second of it, and more than one of its first groups of 15, by the time it is lent.
    """
    root = Path(__file__).parents[2]
    child = subprocess.Popen(
        [sys.executable, "-c", SENDER, str(port), str(num_frames), str(group)],
        env=os.environ | {"PYTHONPATH": str(root)},
        cwd=root,
        stdout=subprocess.PIPE,
    )
    try:
        assert child.stdout is not None, "it is a pipe"
        assert child.stdout.readline() == b"sending\n"
        yield child
    finally:
        child.kill()
        child.communicate(timeout=LIMIT_S)
