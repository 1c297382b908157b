"""Strict reading of JSON files."""

import hashlib
from pathlib import Path

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


def test_link_and_absence_are_refused(tmp_path: Path) -> None:
    (tmp_path / "real.json").write_text("{}")
    (tmp_path / "link.json").symlink_to(tmp_path / "real.json")
    for name in ("link.json", "absent.json"):
        with pytest.raises(ModelError, match="no plain file"):
            read_sidecar(tmp_path / name)


def test_object_and_digest_come_back(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    path.write_text('{"a": 1}')
    record, digest = read_sidecar(path)
    assert record == {"a": 1}
    assert digest == hashlib.sha256(b'{"a": 1}').hexdigest()


def test_what_it_is_names_folders_and_absence(tmp_path: Path) -> None:
    assert what_it_is(tmp_path) == "is a folder"
    assert what_it_is(tmp_path / "absent") == "is missing"
