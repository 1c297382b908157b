"""Writing a bundle: complete, or not at all."""

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
        OutputError: If ``out`` exists and may not be replaced, or cannot be written.
    """
    if out.exists() and not (force and (out / MANIFEST_NAME).is_file()):
        raise OutputError(
            f"{out} exists",
            accepted="a new folder, or a bundle with --force",
            remedy="choose another --out",
        )
    partial = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        partial.mkdir(parents=True)
        yield partial
        if out.exists():
            shutil.rmtree(out)
        partial.replace(out)
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


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
