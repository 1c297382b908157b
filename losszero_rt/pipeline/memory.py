"""What a run will need of the memory, said before it starts instead of by the system's killer."""

from losszero_rt.errors import UsageError
from losszero_rt.frame import VideoInfo
from losszero_rt.free_memory import available_bytes
from losszero_rt.pipeline.options import NUM_REQUESTS, batch_of
from losszero_rt.pipeline.pipeline import COMPUTED_BYTES, DECODED_BYTES, DECODED_FRAMES
from losszero_rt.pipeline.stream_config import StreamConfig

# Measured: interpreter, libraries and a network of a few million weights, before the first frame.
_STANDING_BYTES = 300 * 2**20
# Pictures that a decoder holds as references, and an encoder likewise.
_CODEC_FRAMES = 12


def frame_bytes(info: VideoInfo) -> int:
    """Return the bytes of one decoded frame, 4:2:0."""
    height, width = info.size
    return height * width * 3 // 2


def estimate_bytes(info: VideoInfo, *, config: StreamConfig) -> int:
    """Return roughly what a source needs at most, bytes.

    Beside the queues, one batch of frames is being gathered and one is painted; each queue lets
    one item in however large it is.
    """
    one_bytes = frame_bytes(info)
    batch_bytes = batch_of(config) * one_bytes
    decoded = max(one_bytes, min(DECODED_BYTES, (DECODED_FRAMES + 1) * one_bytes))
    computed = max(batch_bytes, min(COMPUTED_BYTES, NUM_REQUESTS * batch_bytes))
    encoding = 0
    if config.writes_video:
        encoding = _CODEC_FRAMES * one_bytes * (2 if config.view == "side" else 1)
    coding = _CODEC_FRAMES * one_bytes + encoding
    return _STANDING_BYTES + decoded + computed + 2 * batch_bytes + coding


def check_memory(info: VideoInfo, *, config: StreamConfig) -> None:
    """Refuse a run that this machine cannot hold.

    Raises:
        UsageError: The estimate is above what is free.
    """
    needed, free = estimate_bytes(info, config=config), available_bytes()
    if free is None or needed <= free:
        return
    height, width = info.size
    smaller = batch_of(config) > 1
    raise UsageError(
        f"{info.name} at {width}x{height}, batch {batch_of(config)}, needs about "
        f"{needed / 2**30:.1f} GiB of memory, {free / 2**30:.1f} GiB are free",
        accepted="a smaller batch" if smaller else "smaller pictures, or a larger machine",
        remedy="--batch 1" if smaller else "",
    )
