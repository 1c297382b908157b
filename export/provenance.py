"""Where a bundle comes from: the code that exported it, and the pictures it was measured on."""

import hashlib
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from export.labelled import LabelledPicture

ROOT = Path(__file__).parents[1]
GIT_TIMEOUT_S = 30.0
# Of a training's record of its data: the digest of names, files and parts.
DATA_VERSION = "version"


def provenance_of(
    data: Mapping[str, Any], pictures: Sequence[LabelledPicture], *, root: Path = ROOT
) -> dict[str, Any]:
    """Return what a manifest says under ``provenance``; what is not known is left out.

    Args:
        data: What the checkpoint says that it was trained on.
        pictures: What scores and parity are measured on; may be none.
        root: The checkout that the export runs from.
    """
    version = data.get(DATA_VERSION)
    return {
        **checkout_facts(root),
        **({"data_version": version} if isinstance(version, str) and version else {}),
        **({"labelled_sha256": digest_of(pictures)} if pictures else {}),
    }


def checkout_facts(root: Path) -> dict[str, Any]:
    """Return ``commit`` and ``dirty`` of a folder; nothing if it is no checkout of git."""
    top, commit = _git(root, "rev-parse", "--show-toplevel"), _git(root, "rev-parse", "HEAD")
    # A copy of the code inside somebody else's checkout has not that one's commit.
    if not top or not commit or Path(top).resolve() != root.resolve():
        return {}
    status = _git(root, "status", "--porcelain", "--", "*.py")
    return {"commit": commit, "dirty": bool(status)}


def digest_of(pictures: Sequence[LabelledPicture]) -> str:
    """Return a hex sha256 over the pixels and labels of pictures, in order."""
    digest = hashlib.sha256()
    for picture in pictures:
        for array in (picture.pixels_HWC, picture.labels_HW):
            digest.update(f"{array.shape} ".encode())
            digest.update(array.tobytes())
    return digest.hexdigest()


def _git(root: Path, *words: str) -> str:
    command = ["git", "-C", str(root), *words]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=GIT_TIMEOUT_S
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
