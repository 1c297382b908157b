"""The folder of a training: never replaced unasked, and left as it was where none began."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from losszero_rt.checkpoint import RECORD_NAME
from losszero_rt.errors import UsageError
from train.sole import BusyError

_CHECKPOINTS = ("last", "best", "best-boundary")
# Written before the first step.
_EARLY = ("split.json", "lineage.json", "plots")
_STEPS = "metrics.jsonl"
_ALL = (*_CHECKPOINTS, *_EARLY, _STEPS, "state", "history.json", "confusion.json", "panels")


def check_out(out: Path, *, resume: bool, force: bool) -> None:
    """Refuse to replace a training.

    Raises:
        UsageError: If a training lies there and neither ``resume`` nor ``force`` is set; or to
            go on with one of several epochs whose state is gone, for its checkpoints would be
            replaced by those of a new one.
    """
    if resume and force:
        raise UsageError("--resume and --force exclude one another")
    if force:
        return
    if not resume and _holds_training(out):
        raise UsageError(
            f"{out} already holds a training",
            remedy="add --resume to go on, --force to replace it, or choose another --out",
        )
    if resume and not _has_state(out) and _epochs_in(out) > 1:
        raise UsageError(
            f"{out} holds a training whose state is gone",
            remedy="--force to replace it, or choose another --out, perhaps with --start-from",
        )


def clear(out: Path) -> None:
    """Remove the training in a folder, and nothing else that lies there."""
    for name in _ALL:
        _remove(out / name)


@contextmanager
def tidied(out: Path, *, leads: bool) -> Iterator[Callable[[], None]]:
    """Remove what a training wrote that ended before its first step, such as its split.

    Otherwise the next one in the same folder would go by it.

    Args:
        out: Folder of the training.
        leads: Whether this process is the one of its training that writes; the others remove
            nothing.

    Yields:
        What removes the training that lies there, for a new one to take its place.
    """
    was_there = out.exists()
    before = {name for name in _EARLY if (out / name).exists()}

    def make_way() -> None:
        clear(out)
        before.clear()

    try:
        yield make_way
    except BusyError:
        raise  # What lies there is another one's.
    except BaseException:  # Ctrl-C while it prepares is no Exception.
        if leads and not _holds_training(out) and not (out / _STEPS).exists():
            for name in {*_EARLY} - before:
                _remove(out / name)
            if not was_there:
                with suppress(OSError):  # Somebody else's file lies there by now.
                    out.rmdir()
        raise


def _holds_training(out: Path) -> bool:
    return _has_state(out) or any((out / name / RECORD_NAME).is_file() for name in _CHECKPOINTS)


def _has_state(out: Path) -> bool:
    from train.state import has_state

    return has_state(out / "state")


def _epochs_in(out: Path) -> int:
    try:
        rows = json.loads((out / "history.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return 0
    return len(rows) if isinstance(rows, list) else 0


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
