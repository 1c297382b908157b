"""Reading a JSON file that a stranger may have written, and saying what a wrong file is."""

import hashlib
import json
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from losszero_rt.errors import ModelError

SIDECAR_BYTES_MAX = 1 << 20
# Objects and lists inside one another; a manifest has five levels.
DEPTH_MAX = 16
DIGITS_MAX = 20
_SNIFFED_BYTES = 512
# Nothing in it is tried twice: a text that never ends must not cost the square of its length.
_TEXT = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")
_MAGICS = (
    (b"version https://git-lfs", "is a Git LFS pointer, not the file itself (git lfs pull)"),
    (b"<!doctype html", "is an HTML page, not a model"),
    (b"<html", "is an HTML page, not a model"),
    (b"pk\x03\x04", "is a zip archive or a torch pickle, which is never loaded"),
    (b"\x80\x02", "is a Python pickle, which is never loaded"),
    (b"\x80\x04", "is a Python pickle, which is never loaded"),
)


def read_sidecar(path: Path) -> tuple[dict[str, Any], str]:
    """Read one JSON object strictly: size and depth capped, no repeated keys, no NaN.

    Args:
        path: The file.

    Returns:
        The object, and the hex sha256 of the file.

    Raises:
        ModelError: If it is anything else.
    """
    if fault := why_no_file(path):
        raise _refused(path, fault)
    if path.stat().st_size > SIDECAR_BYTES_MAX:
        raise _refused(path, f"is larger than {SIDECAR_BYTES_MAX} bytes")
    content = read_bytes(path)
    return parse_sidecar(content, path=path), hashlib.sha256(content).hexdigest()


def read_bytes(path: Path) -> bytes:
    """Return the content of a file.

    Raises:
        ModelError: If it cannot be read.
    """
    with _readable(path):
        return path.read_bytes()


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file as hex, read piece by piece.

    Raises:
        ModelError: If it cannot be read.
    """
    with _readable(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ModelError(
            f"{path} cannot be read: {error.strerror}",
            remedy="may this user read it, and is the disk whole?",
        ) from error


def parse_sidecar(content: bytes, *, path: Path) -> dict[str, Any]:
    """Parse one JSON object strictly; ``path`` names it in errors. See :func:`read_sidecar`."""
    if len(content) > SIDECAR_BYTES_MAX:
        raise _refused(path, f"is larger than {SIDECAR_BYTES_MAX} bytes")
    if _depth(content) > DEPTH_MAX:
        raise _refused(path, f"nests deeper than {DEPTH_MAX} levels")
    try:
        record = json.loads(
            content.decode("utf-8"),
            object_pairs_hook=_without_repeats,
            parse_constant=_refuse_constant,
            parse_int=_read_int,
            parse_float=_read_float,
        )
    except (ValueError, RecursionError) as error:
        raise _refused(path, f"{what_it_is(path)} ({type(error).__name__}: {error})") from error
    if not isinstance(record, dict):
        raise _refused(path, "is not a JSON object")
    return record


def why_no_file(path: Path) -> str:
    """Say what a path is that is no plain file; empty when it is one."""
    try:
        if path.is_symlink():
            return "is a link, no plain file"
        return "" if path.is_file() else what_it_is(path)
    except OSError as error:  # of the folder it lies in
        return f"cannot be read: {error.strerror}"


def what_it_is(path: Path) -> str:
    """Say in a few words what a path that is not what it should be really is."""
    if path.is_symlink() and not path.exists():
        return "is a link to nothing"
    if path.is_dir():
        return "is a folder"
    if not path.exists():
        return "is missing"
    if not path.is_file():
        return "is no plain file"
    try:
        with path.open("rb") as file:
            start = file.read(_SNIFFED_BYTES).lstrip().lower()
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    for magic, words in _MAGICS:
        if start.startswith(magic):
            return words
    return f"is a file of {path.stat().st_size} bytes that is not what it should be"


def _depth(content: bytes) -> int:
    """Return how deep brackets nest outside of texts; the parser would recurse as deep."""
    depth = deepest = 0
    for bracket in _BRACKET.finditer(_TEXT.sub(b"", content)):
        depth += 1 if bracket[0] in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _read_int(digits: str) -> int:
    """Read a whole number that fits a float, as everything that is computed with does."""
    if len(digits) > DIGITS_MAX:
        raise ValueError(f"a number of {len(digits)} digits")
    return int(digits)


def _read_float(text: str) -> float:
    """Read a number with a fraction or an exponent, as long as it is finite."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]} is beyond every number")
    return value


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) != len(pairs):
        raise ValueError("a key occurs twice")
    return record


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def _refused(path: Path, why: str) -> ModelError:
    return ModelError(
        f"{path} {why}",
        accepted=f"one JSON object of at most {SIDECAR_BYTES_MAX} bytes",
        remedy="copy the bundle again from where it came, or export it again: python -m export",
    )
