"""What becomes of errors of CUDA: the first is told, and nothing more is asked of the device."""

import gc
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from losszero_rt.engine.engine_files import EngineFile, rebuild_command
from losszero_rt.errors import ModelError

EAGER_REMEDY = "--engine eager --device cuda runs without TensorRT"


class GpuMemoryError(ModelError):
    """The GPU has no room for a batch.

    Args:
        came: What did not fit.
        smaller: The next smaller batch that there is an engine for; None if there is none.
    """

    def __init__(self, came: str, *, smaller: int | None) -> None:
        super().__init__(
            came,
            accepted="a smaller batch, or a GPU that others leave more of",
            remedy=EAGER_REMEDY if smaller is None else f"--batch {smaller}",
        )
        self.came = came
        self.smaller = smaller


@dataclass(kw_only=True)
class Health:
    """Whether the device still works.

    Attributes:
        fault: The first error of CUDA. It sticks: nothing the process does with the device
            afterwards can be trusted.
    """

    fault: str = ""

    @contextmanager
    def watching(self, doing: str) -> Iterator[None]:
        """Turn errors of CUDA inside a ``with`` block into errors for people, and remember them."""
        if self.fault:
            raise ModelError(
                f"the GPU failed before ({self.fault}), so nothing more is asked of it",
                remedy="start again; losszero-rt doctor shows whether the GPU is well",
            )
        try:
            yield
        except RuntimeError as error:
            self.fault = first_line(error)
            raise ModelError(
                f"the tensorrt engine failed {doing}: {self.fault}",
                accepted="a GPU with room for the batch, used by nobody who takes it away",
                remedy=f"start again with half of --batch, or {EAGER_REMEDY}",
            ) from error


@contextmanager
def opening(file: EngineFile, *, smaller: int | None) -> Iterator[None]:
    """Turn errors of torch and TensorRT while an engine is opened into errors for people.

    Args:
        file: The engine.
        smaller: The next smaller batch that there is an engine for; None if there is none.

    Raises:
        GpuMemoryError: If there is no room for it.
        ModelError: If it is refused.
    """
    try:
        yield
    except RuntimeError as error:
        line = first_line(error)
        if is_out_of_memory(error):
            raise GpuMemoryError(
                f"the GPU has no room for {file.name}, a batch of {file.batch}: {line}",
                smaller=smaller,
            ) from error
        raise ModelError(
            f"TensorRT refuses {file.name}: {line}",
            accepted="an engine that was built on this machine with these versions",
            remedy=rebuild_command(file.batch),
        ) from error


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether an error means that the GPU's memory is full."""
    import torch

    words = str(error).lower().replace(" ", "")
    return isinstance(error, torch.OutOfMemoryError) or "outofmemory" in words


@contextmanager
def first_error() -> Iterator[list[BaseException]]:
    """Collect the errors that torch.export only logs before it raises a later, lesser one."""
    errors: list[BaseException] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.exc_info and record.exc_info[1] is not None:
                errors.append(record.exc_info[1])

    logger, collector = logging.getLogger("torch.export"), Collector()
    logger.addHandler(collector)
    propagates, logger.propagate = logger.propagate, False
    try:
        yield errors
    finally:
        logger.removeHandler(collector)
        logger.propagate = propagates


def first_line(error: BaseException) -> str:
    """Return the line of an error of torch or CUDA that says what is wrong: its first one."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def release_memory() -> None:
    """Give memory that nothing uses any more back to the device, for TensorRT allocates there."""
    import torch

    gc.collect()
    torch.cuda.empty_cache()
