"""Writing bundles whole or not at all."""

from pathlib import Path

import pytest

from losszero_rt.bundle import MANIFEST_NAME, new_bundle_folder
from losszero_rt.errors import OutputError


def test_the_folder_appears_when_the_block_ends(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "small"
    with new_bundle_folder(out) as folder:
        (folder / MANIFEST_NAME).write_text("{}")
        assert not out.exists()
    assert (out / MANIFEST_NAME).read_text() == "{}"
    assert [path.name for path in out.parent.iterdir()] == ["small"]


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), new_bundle_folder(tmp_path / "small"):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_failure_keeps_the_older_bundle(tmp_path: Path) -> None:
    out = tmp_path / "small"
    out.mkdir()
    (out / MANIFEST_NAME).write_text("old")
    with pytest.raises(RuntimeError), new_bundle_folder(out, force=True):
        raise RuntimeError
    assert (out / MANIFEST_NAME).read_text() == "old"


def test_only_a_bundle_is_replaced_and_only_by_force(tmp_path: Path) -> None:
    out = tmp_path / "small"
    out.mkdir()
    with pytest.raises(OutputError, match="exists"), new_bundle_folder(out, force=True):
        pass
    (out / MANIFEST_NAME).write_text("old")
    with pytest.raises(OutputError, match="exists"), new_bundle_folder(out):
        pass
    with new_bundle_folder(out, force=True) as folder:
        (folder / MANIFEST_NAME).write_text("new")
    assert (out / MANIFEST_NAME).read_text() == "new"
