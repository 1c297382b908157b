"""Writing a bundle: complete, or not at all, and by one process at a time.

A bundle is made in a folder beside its place, under a lock that the system gives back when the
process ends, however it ends. What a killed process left there belongs to nobody, and the next one
sweeps it away.
"""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from losszero_rt.bundle.file_record import FileRecord
from losszero_rt.bundle.manifest import MANIFEST_NAME, Bundle
from losszero_rt.errors import OutputError


@contextmanager
def new_bundle_folder(out: Path, *, force: bool = False) -> Iterator[Path]:
    """Lend a folder beside ``out`` that takes its place when the block ends well.

    Args:
        out: Where the bundle shall lie in the end.
        force: Replace a bundle that is there; nothing else is ever replaced.

    Raises:
        OutputError: If ``out`` exists and may not be replaced, cannot be written, or another
            process is writing it.
    """
    out = out.absolute()
    _refuse_existing(out, force=force)
    try:
        with _locked_folder(out) as partial:
            _bring_back(out)
            # Another process may have finished between the first look and the lock.
            _refuse_existing(out, force=force)
            yield partial
            _put_in_place(partial, out)
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error.strerror or error}") from error


def _refuse_existing(out: Path, *, force: bool) -> None:
    if out.exists() and not (force and (out / MANIFEST_NAME).is_file()):
        raise OutputError(
            f"{out} exists",
            accepted="a new folder, or a bundle with --force",
            remedy="choose another --out",
        )


@contextmanager
def _locked_folder(out: Path) -> Iterator[Path]:
    """Lend an empty folder beside ``out`` that no other process has; it is gone afterwards."""
    partial = out.with_name(f".{out.name}.part")
    handle = _lock(partial, out)
    try:
        _sweep(partial)
        yield partial
    finally:
        if _is_same(partial, handle):
            shutil.rmtree(partial, ignore_errors=True)
        os.close(handle)


def _lock(partial: Path, out: Path) -> int:
    """Make a folder if it is absent and lock it; return its open handle."""
    while True:
        partial.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(partial, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise OutputError(
                f"another process is writing {out}",
                accepted="one export to a place at a time",
                remedy="wait until it is done, or choose another --out",
            ) from None
        if _is_same(partial, handle):
            return handle
        # Its owner finished in between: what we hold has moved to its place, or is gone.
        os.close(handle)


def _is_same(path: Path, handle: int) -> bool:
    """Say whether a path still names the folder that is open."""
    try:
        return os.path.samestat(path.stat(follow_symlinks=False), os.fstat(handle))
    except FileNotFoundError:
        return False


def _sweep(folder: Path) -> None:
    """Empty a folder of what a killed process left in it."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _put_in_place(partial: Path, out: Path) -> None:
    """Rename a folder to its place; a bundle that is there steps aside first."""
    aside = _aside(out)
    if out.exists():
        out.rename(aside)
    partial.rename(out)
    shutil.rmtree(aside, ignore_errors=True)


def _bring_back(out: Path) -> None:
    """Undo what a process that was killed between two renames left half done."""
    aside = _aside(out)
    if aside.exists() and not out.exists():
        aside.rename(out)
    shutil.rmtree(aside, ignore_errors=True)


def _aside(out: Path) -> Path:
    return out.with_name(f".{out.name}.old")


def seal(bundle: Bundle) -> Bundle:
    """Write the manifest over all files that lie in the bundle's folder, and open the bundle.

    Args:
        bundle: Everything but ``files``, which is filled in.

    Returns:
        The bundle as a reader sees it, verified.
    """
    paths = [path for path in sorted(bundle.path.iterdir()) if path.name != MANIFEST_NAME]
    files = {path.name: _record_of(path) for path in paths}
    manifest = replace(bundle, files=files).as_dict()
    text = json.dumps(manifest, indent=2, allow_nan=False) + "\n"
    (bundle.path / MANIFEST_NAME).write_text(text, encoding="utf-8")
    return Bundle.open(bundle.path)


def _record_of(path: Path) -> FileRecord:
    content = path.read_bytes()
    return FileRecord(num_bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
