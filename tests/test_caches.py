import os
from pathlib import Path

import pytest

from losszero_rt.caches import VARIABLE, cache_folder
from losszero_rt.errors import OutputError


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_cache_folder_is_the_users_alone(own_cache: Path) -> None:
    folder = cache_folder("engines")
    assert folder == own_cache / "engines"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert cache_folder("engines") == folder


def test_a_folder_that_others_may_write_into_is_refused(own_cache: Path) -> None:
    cache_folder("engines").chmod(0o770)
    with pytest.raises(OutputError, match=f"mode 770.*{VARIABLE}"):
        cache_folder("engines")


def test_a_folder_of_another_user_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    cache_folder("engines")
    stranger = os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: stranger)
    with pytest.raises(OutputError, match="belongs to user"):
        cache_folder("engines")


def test_a_link_in_place_of_the_folder_is_refused(own_cache: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    own_cache.mkdir()
    (own_cache / "engines").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="link"):
        cache_folder("engines")


def test_a_home_that_cannot_be_written_names_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "file" / "cache"))
    with pytest.raises(OutputError, match=VARIABLE):
        cache_folder("engines")


def test_without_the_variable_the_users_cache_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder("engines") == tmp_path / "xdg" / "losszero-rt" / "engines"
