"""Strict reading of JSON files."""

import errno
import hashlib
import os
from pathlib import Path
from unittest.mock import Mock

import pytest

from losszero_rt.bundle.sidecar import SIDECAR_BYTES_MAX, read_sidecar, what_it_is
from losszero_rt.errors import ModelError

CASES = {
    "huge": (" " * (SIDECAR_BYTES_MAX + 1) + "{}", "larger than"),
    "deep": ("[" * 100_000, "deeper than 16 levels"),
    "repeated key": ('{"a": 1, "a": 2}', "occurs twice"),
    "NaN": ('{"a": NaN}', "NaN is not a number"),
    "list": ("[]", "not a JSON object"),
    "LFS pointer": ("version https://git-lfs.github.com/spec/v1", "Git LFS pointer"),
    "HTML page": ("<html>", "HTML page"),
    "empty": ("", "0 bytes"),
}


@pytest.mark.parametrize("case", CASES)
def test_anything_but_one_plain_object_is_refused(tmp_path: Path, case: str) -> None:
    text, words = CASES[case]
    path = tmp_path / "manifest.json"
    path.write_text(text)
    with pytest.raises(ModelError, match=words) as caught:
        read_sidecar(path)
    assert str(path) in str(caught.value)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    path.write_bytes(b"\xff\xfe{}")
    with pytest.raises(ModelError, match="UnicodeDecodeError"):
        read_sidecar(path)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("link.json", "is a link, no plain file"),
        ("absent.json", "is missing"),
        ("pipe", "is no plain file"),
        ("folder", "is a folder"),
    ],
)
def test_what_is_no_file_is_refused(tmp_path: Path, name: str, why: str) -> None:
    (tmp_path / "real.json").write_text("{}")
    (tmp_path / "link.json").symlink_to(tmp_path / "real.json")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ModelError, match=why):
        read_sidecar(tmp_path / name)


def test_file_that_cannot_be_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the superuser, who may run these tests, can read everything, the system is a double."""
    path = tmp_path / "manifest.json"
    path.write_text("{}")
    denied = PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    monkeypatch.setattr(Path, "read_bytes", Mock(side_effect=denied))
    with pytest.raises(ModelError, match=r"manifest\.json cannot be read: Permission denied"):
        read_sidecar(path)


def test_object_and_digest_come_back(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    path.write_text('{"a": 1}')
    record, digest = read_sidecar(path)
    assert record == {"a": 1}
    assert digest == hashlib.sha256(b'{"a": 1}').hexdigest()


def test_what_it_is_names_folders_and_absence(tmp_path: Path) -> None:
    assert what_it_is(tmp_path) == "is a folder"
    assert what_it_is(tmp_path / "absent") == "is missing"
