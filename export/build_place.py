"""Where a TensorRT engine is built: on which GPU, and with which timings of kernels."""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path

from losszero_rt.caches import cache_folder
from losszero_rt.checkpoint import write_whole


def current(device: str) -> AbstractContextManager[object]:
    """Make a CUDA device the one that libraries take without being told."""
    import torch

    is_gpu = torch.device(device).type == "cuda"
    return torch.cuda.device(device) if is_gpu else nullcontext()


@contextmanager
def lent_timings(folder: Path, *, place: str) -> Iterator[Path]:
    """Lend a copy of the user's timing cache, and keep it if all goes well.

    The compiler writes over it where it lies and reads whatever is there: two builds at once, or
    one that is killed, would leave half a file to all that follow. One of another GPU or version it
    refuses, and then fails at the end of the build.

    Args:
        folder: Where the copy is to lie.
        place: GPU and version that the timings are of.
    """
    digest = hashlib.sha256(place.encode()).hexdigest()[:16]
    kept, lent = cache_folder("tensorrt") / f"timing-{digest}.bin", folder / "timing.bin"
    with suppress(FileNotFoundError):
        shutil.copyfile(kept, lent)
    yield lent
    if lent.is_file():
        write_whole(kept, lent.read_bytes())
