"""What a person may name as a source, and what opens it."""

import glob
import re
from pathlib import Path

from losszero_rt.errors import InputError, UsageError
from losszero_rt.video.image_source import IMAGE_SUFFIXES, StillSource, is_image
from losszero_rt.video.source import VideoSource
from losszero_rt.video.source_options import SourceOptions

VIDEO_SUFFIXES = (
    *(".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg"),
    *(".3gp", ".flv", ".wmv", ".ogv", ".mxf", ".gif", ".h264", ".264", ".hevc", ".h265", ".insv"),
)
MEDIA_SUFFIXES = (*VIDEO_SUFFIXES, *IMAGE_SUFFIXES)

_SCHEME = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+):")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_PSEUDO_SCHEMES = ("concat", "data", "pipe", "subfile", "crypto", "tee", "lavfi", "fd", "file")


def open_source(path: Path, *, options: SourceOptions | None = None) -> VideoSource | StillSource:
    """Open one file as what it is.

    Raises:
        InputError: It cannot be read.
    """
    return (
        StillSource(path, options=options) if is_image(path) else VideoSource(path, options=options)
    )


def expand_sources(spec: str) -> list[Path]:
    """Return the files that a source names.

    Args:
        spec: A file, a directory (its media, not those of directories inside), a glob pattern,
            or ``@list.txt`` with one file a line (relative to the list; ``#`` starts a comment).
            An existing file is taken literally, whatever characters its name has.

    Returns:
        At least one path; directories and patterns sorted as people count (2 before 10).

    Raises:
        InputError: Nothing is there.
        UsageError: It is an address, not a file.
    """
    path = Path(spec)
    if _exists(path):
        return _media_in(path) if path.is_dir() else [path]
    _refuse_address(spec)
    if spec.startswith("@"):
        return _listed(Path(spec[1:]))
    if glob.has_magic(spec):
        return _matching(spec)
    raise InputError(
        f"{spec}: no such file", accepted="a file, a directory, a pattern or @list.txt"
    )


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _refuse_address(spec: str) -> None:
    found = _SCHEME.match(spec)
    if _URL.match(spec) or (found and found["scheme"].lower() in _PSEUDO_SCHEMES):
        raise UsageError(
            f"{spec} is an address",
            accepted="a file, a directory, a pattern or @list.txt",
            remedy="download it first",
        )


def _media_in(directory: Path) -> list[Path]:
    try:
        entries = list(directory.iterdir())
    except OSError as error:
        raise InputError(f"{directory}: {error.strerror}") from error
    media = [p for p in entries if p.suffix.lower() in MEDIA_SUFFIXES and p.is_file()]
    if not media:
        raise InputError(
            f"no video or image in {directory}",
            accepted="files that end in " + ", ".join(MEDIA_SUFFIXES),
        )
    return sorted(media, key=_natural)


def _matching(pattern: str) -> list[Path]:
    media = [Path(p) for p in glob.iglob(pattern, recursive=True)]  # noqa: PTH207
    media = [p for p in media if p.suffix.lower() in MEDIA_SUFFIXES and p.is_file()]
    if not media:
        raise InputError(
            f"no video or image matches {pattern}",
            accepted="files that end in " + ", ".join(MEDIA_SUFFIXES),
        )
    return sorted(media, key=_natural)


def _listed(path: Path) -> list[Path]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text in UTF-8"
        raise InputError(f"the list {path}: {reason}") from error
    named = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    for line in named:
        _refuse_address(line)
    if not named:
        raise InputError(f"the list {path} names no file", accepted="one file a line")
    return [path.parent / line for line in named]


def _natural(path: Path) -> list[tuple[int, int, str]]:
    """Sort key by which ``2.jpg`` comes before ``10.jpg``."""
    pieces = re.split(r"(\d+)", str(path))
    return [(1, int(p), "") if p.isdecimal() else (0, 0, p.casefold()) for p in pieces]
