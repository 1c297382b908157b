"""Writing a bundle: complete, or not at all, and by one process at a time.

A bundle is made in a folder beside its place, under a lock that the system gives back when the
process ends, however it ends; another one that wants the same place waits for it. What a killed
process left there belongs to nobody, and the next one that writes beside it sweeps it away.
"""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from losszero_rt.bundle.file_record import FileRecord
from losszero_rt.bundle.manifest import MANIFEST_NAME, Bundle
from losszero_rt.errors import OutputError

# Of no other program's folders: what bears it, and is locked by nobody, may be removed.
PART_SUFFIX = ".bundle-part"
# A bundle that steps aside while another one takes its place.
ASIDE_SUFFIX = ".bundle-old"
# How often a folder may be gone between being made and being opened.
NUM_VANISHED_MAX = 100

Say = Callable[[str], None]


@contextmanager
def new_bundle_folder(
    out: Path, *, force: bool = False, say: Say = lambda _: None
) -> Iterator[Path]:
    """Lend a folder beside ``out`` that takes its place when the block ends well.

    Args:
        out: Where the bundle shall lie in the end.
        force: Replace a bundle that is there; nothing else is ever replaced.
        say: Hears that another process is writing there, before this one waits for its end, and
            what killed ones left.

    Raises:
        OutputError: If ``out`` exists and may not be replaced, or cannot be written.
    """
    try:
        # Behind a link the folder is replaced, and the link stays.
        out = _target(out)
        _refuse_existing(out, force=force)
        with _made_parents(out), _locked_folder(out, say=say) as partial:
            _sweep_neighbours(partial, say=say)
            _bring_back(out)
            # Another process may have finished between the first look and the lock.
            _refuse_existing(out, force=force)
            yield partial
            _put_in_place(partial, out)
    except OSError as error:
        raise OutputError(
            f"{out} cannot be written: {error.strerror or error}",
            accepted="a new folder where this user may write, with room for a bundle",
            remedy="choose another --out, or make room",
        ) from error


def _target(out: Path) -> Path:
    # Behind a link that leads nowhere a killed process may have left a bundle aside.
    if out.is_symlink() and not out.exists() and not _aside(out.resolve()).exists():
        raise OutputError(
            f"{out} is a link to nothing",
            accepted="a new folder, or a bundle with --force",
            remedy="remove the link, or choose another --out",
        )
    return out.resolve() if out.is_symlink() else out.absolute()


@contextmanager
def _made_parents(out: Path) -> Iterator[None]:
    """Take the folders above away again that are made for it, and empty in the end."""
    made = [folder for folder in out.parents if not folder.exists()]
    try:
        yield
    finally:
        for folder in made:
            with suppress(OSError):
                folder.rmdir()


def _refuse_existing(out: Path, *, force: bool) -> None:
    if out.exists() and not (force and (out / MANIFEST_NAME).is_file()):
        raise OutputError(
            f"{out} exists",
            accepted="a new folder, or a bundle with --force",
            remedy="choose another --out",
        )


@contextmanager
def _locked_folder(out: Path, *, say: Say) -> Iterator[Path]:
    """Lend an empty folder beside ``out`` that no other process has; it is gone afterwards."""
    partial = out.with_name(f".{out.name}{PART_SUFFIX}")
    handle = _lock(partial, out, say=say)
    try:
        _sweep(partial)
        yield partial
    finally:
        if _is_same(partial, handle):
            shutil.rmtree(partial, ignore_errors=True)
        os.close(handle)


def _lock(partial: Path, out: Path, *, say: Say) -> int:
    """Make a folder if it is absent and lock it, however long that takes; return its handle."""
    vanished = 0
    while True:
        try:
            partial.mkdir(parents=True, exist_ok=True)
            handle = _opened(partial)
        except FileNotFoundError:
            # Another process took its own away in between; some places never give any.
            vanished += 1
            if vanished == NUM_VANISHED_MAX:
                raise
            continue
        try:
            if not _is_ours(handle):
                say(f"another process is writing {out}: waiting until it is done (or Ctrl-C)")
                # A signal ends the wait: its handler runs in here.
                fcntl.flock(handle, fcntl.LOCK_EX)
            if _is_same(partial, handle):
                return handle
        except BaseException:
            os.close(handle)
            raise
        # Its owner finished in between: what we hold has moved to its place, or is gone.
        os.close(handle)


def _opened(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)


def _is_ours(handle: int) -> bool:
    """Lock an open folder unless another process has; say whether it is locked now."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sweep_neighbours(partial: Path, *, say: Say) -> None:
    """Remove what killed processes left of other bundles in the same folder."""
    for path in partial.parent.glob(f".*{PART_SUFFIX}"):
        if path == partial or path.is_symlink() or not path.is_dir():
            continue
        try:
            handle = _opened(path)
        except OSError:
            continue
        try:
            if _is_ours(handle) and _is_same(path, handle):
                say(f"removing {path}, which an export that was killed has left")
                shutil.rmtree(path, ignore_errors=True)
        finally:
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
    """Rename a folder to its place; a bundle that is there steps aside, and back if that fails."""
    aside = _aside(out)
    if not out.exists():
        partial.rename(out)
        return
    out.rename(aside)
    try:
        partial.rename(out)
    except BaseException:
        if not out.exists():
            aside.rename(out)
        raise
    _discard(aside)


def _bring_back(out: Path) -> None:
    """Undo what a process that was killed between two renames left half done.

    Raises:
        OutputError: If what lies there is no bundle, and so nothing of ours.
    """
    aside = _aside(out)
    if not aside.exists() and not aside.is_symlink():
        return
    if aside.is_symlink() or not (aside / MANIFEST_NAME).is_file():
        raise OutputError(
            f"{aside} is in the way", accepted="nothing or a bundle there", remedy="move it away"
        )
    if out.exists():
        _discard(aside)
    else:
        aside.rename(out)


def _discard(aside: Path) -> None:
    """Remove a bundle, under a name by which the next export sweeps what a kill leaves of it."""
    doomed = aside.with_name(f"{aside.name}.{os.getpid()}{PART_SUFFIX}")
    aside.rename(doomed)
    shutil.rmtree(doomed, ignore_errors=True)


def _aside(out: Path) -> Path:
    return out.with_name(f".{out.name}{ASIDE_SUFFIX}")


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
