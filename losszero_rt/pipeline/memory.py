"""What a run will need of the memory, said before it starts instead of by the system's killer."""

from pathlib import Path

from losszero_rt.errors import UsageError
from losszero_rt.frame import VideoInfo
from losszero_rt.pipeline.config import RunConfig
from losszero_rt.pipeline.options import batch_of
from losszero_rt.pipeline.pipeline import COMPUTED_BYTES, DECODED_BYTES

# Measured: interpreter, libraries and a network of a few million weights, before the first frame.
_STANDING_BYTES = 400 * 2**20
# Pictures that a decoder holds as references, and an encoder likewise.
_CODEC_FRAMES = 12
_CGROUP_LIMIT, _CGROUP_USE = "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"


def estimate_bytes(info: VideoInfo, *, config: RunConfig) -> int:
    """Return roughly what a source needs at most, bytes.

    One batch of frames is being gathered, one waits and one is painted; each of the two queues
    lets one item in however large it is.
    """
    height, width = info.size
    frame_bytes = height * width * 3 // 2
    batch_bytes = batch_of(config) * frame_bytes
    queued = max(DECODED_BYTES, frame_bytes) + max(COMPUTED_BYTES, batch_bytes)
    encoding = 0
    if config.out is not None:
        encoding = _CODEC_FRAMES * frame_bytes * (2 if config.view == "side" else 1)
    return _STANDING_BYTES + queued + 2 * batch_bytes + _CODEC_FRAMES * frame_bytes + encoding


def available_bytes() -> int | None:
    """Return what this process may still take, bytes; None where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        free_kib = next(int(ln.split()[1]) for ln in lines if ln.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError, IndexError):
        return None
    return min(free_kib * 2**10, _group_room() or free_kib * 2**10)


def check_memory(info: VideoInfo, *, config: RunConfig) -> None:
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


def _group_room() -> int | None:
    """Return what a container's limit leaves; None without a limit."""
    try:
        limit = int(Path(_CGROUP_LIMIT).read_text())
        return max(0, limit - int(Path(_CGROUP_USE).read_text()))
    except (OSError, ValueError):
        return None
