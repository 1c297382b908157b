"""Which compiled engines may be loaded: those that this user built, by their digest.

A saved TensorRT engine is deserialised through pickle, so loading one runs whatever its maker put
in. The export that builds an engine leaves a record in a folder of the user's own, mode 0700; an
engine without one is somebody else's code, and needs the user's word.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from losszero_rt.caches import cache_folder
from losszero_rt.errors import ModelError

TRUST_OPTION = "--trust-engine"
_FOLDER = "trusted-engines"
_SHA256 = re.compile(r"[0-9a-f]{64}")


def record_trust(sha256: str, *, facts: Mapping[str, Any]) -> None:
    """Remember an engine as built by this user.

    Args:
        sha256: Hex digest of the engine's file.
        facts: What to keep beside it for people, JSON ready.

    Raises:
        OutputError: If the user's cache cannot be written, or others may write into it.
    """
    path = _record_of(sha256)
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(dict(facts), indent=2) + "\n", encoding="utf-8")
    part.replace(path)


def is_recorded(sha256: str) -> bool:
    """Say whether this user built the engine of that digest.

    Raises:
        OutputError: If others may write into the folder of the records.
    """
    path = _record_of(sha256)
    return path.is_file() and not path.is_symlink()


def settle_trust(sha256: str, *, name: str, trust_engine: bool) -> str:
    """Say why an engine may be loaded.

    Args:
        sha256: Hex digest of the engine's file.
        name: What to call it in messages.
        trust_engine: The user vouches for it.

    Returns:
        ``record`` or ``--trust-engine``.

    Raises:
        ModelError: If nobody vouches for it.
        OutputError: If others may write into the folder of the records.
    """
    if is_recorded(sha256):
        return "record"
    if trust_engine:
        return TRUST_OPTION
    raise ModelError(
        f"{name} is code, and no record says that this user built it (sha256 {sha256[:16]}...)",
        accepted="engines that python -m export built under this account",
        remedy=f"build it here: --build, or pass {TRUST_OPTION} if you trust whoever made it",
    )


def _record_of(sha256: str) -> Path:
    assert _SHA256.fullmatch(sha256), "digests were checked when the manifest was read"
    return cache_folder(_FOLDER) / f"{sha256}.json"
