"""Folders for what may be thrown away but is dear to make: the user's own, closed to others.

What lies in here is trusted later (a compiled engine is code), so a folder that somebody else
could write into is refused instead of used.
"""

import os
import stat
from pathlib import Path

from losszero_rt.errors import OutputError

VARIABLE = "LOSSZERO_CACHE"


def cache_folder(name: str) -> Path:
    """Return the user's folder for one kind of cache, made with mode 0700 if absent.

    Args:
        name: Kind of cache, a plain folder name.

    Returns:
        ``$LOSSZERO_CACHE/name``, else ``$XDG_CACHE_HOME/losszero-rt/name``, else
        ``~/.cache/losszero-rt/name``.

    Raises:
        OutputError: If it cannot be made, belongs to another user, or others may write into it.
    """
    folder = _root() / name
    remedy = f"set {VARIABLE} to a folder of your own, mode 0700"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        facts = folder.stat(follow_symlinks=False)
    except OSError as error:
        raise OutputError(
            f"the cache folder {folder} cannot be made: {error.strerror or error}", remedy=remedy
        ) from error
    if not stat.S_ISDIR(facts.st_mode):
        raise OutputError(f"the cache folder {folder} is a link or a file", remedy=remedy)
    if facts.st_uid != os.getuid() or facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise OutputError(
            f"the cache folder {folder} belongs to user {facts.st_uid} with mode "
            f"{stat.S_IMODE(facts.st_mode):o}",
            accepted=f"a folder of user {os.getuid()} that no other may write into",
            remedy=remedy,
        )
    return folder


def _root() -> Path:
    if own := os.environ.get(VARIABLE):
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "losszero-rt"
