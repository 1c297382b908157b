"""Writing bundles whole or not at all."""

import errno
import os
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


def write_old(out: Path) -> None:
    out.mkdir(parents=True)
    (out / MANIFEST_NAME).write_text("old")


def test_a_bundle_stays_where_the_new_one_cannot_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, rename = tmp_path / "small", Path.rename
    write_old(out)

    def fail(self: Path, target: Path) -> Path:
        if target == out and self.name.endswith("part"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    with (
        pytest.raises(OutputError, match="No space left"),
        new_bundle_folder(out, force=True) as folder,
    ):
        (folder / MANIFEST_NAME).write_text("new")
    assert (out / MANIFEST_NAME).read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["small"]


def test_behind_a_link_the_bundle_is_replaced_and_the_link_stays(tmp_path: Path) -> None:
    write_old(tmp_path / "real" / "small")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "real" / "small")
    for content in ("new", "newer"):
        with new_bundle_folder(link, force=True) as folder:
            (folder / MANIFEST_NAME).write_text(content)
        assert link.is_symlink()
        assert (tmp_path / "real" / "small" / MANIFEST_NAME).read_text() == content
    assert {path.name for path in tmp_path.iterdir()} == {"link", "real"}
    assert [path.name for path in (tmp_path / "real").iterdir()] == ["small"]


def test_a_link_to_nothing_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with (
        pytest.raises(OutputError, match="link to nothing"),
        new_bundle_folder(tmp_path / "link", force=True),
    ):
        raise AssertionError


@pytest.mark.parametrize("there", [True, False])
def test_what_is_not_ours_is_left_alone(tmp_path: Path, there: bool) -> None:
    out, foreign = tmp_path / "small", tmp_path / ".small.bundle-old"
    foreign.mkdir()
    (foreign / "precious").write_text("kept")
    if there:
        write_old(out)
    with (
        pytest.raises(OutputError, match=r"\.small\.bundle-old is in the way"),
        new_bundle_folder(out, force=True),
    ):
        raise AssertionError
    assert (foreign / "precious").read_text() == "kept"
    assert out.exists() == there


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no place that never gives a folder")
def test_a_place_that_never_gives_a_folder_is_an_error_and_no_wait() -> None:
    place = Path("/proc/nothing/b")
    with pytest.raises(OutputError, match=f"{place} cannot be written"), new_bundle_folder(place):
        pytest.fail("lent")


def test_a_name_that_is_too_long_is_an_error_of_the_output(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match="File name too long"),
        new_bundle_folder(tmp_path / ("n" * 300)),
    ):
        raise AssertionError


def test_folders_above_go_again_with_a_failure(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(RuntimeError), new_bundle_folder(tmp_path / "there" / "a" / "b" / "small"):
        raise RuntimeError
    assert list((tmp_path / "there").iterdir()) == []
