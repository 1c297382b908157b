"""Finding bundles by name and by path."""

import os
import zlib
from pathlib import Path

import pytest

from losszero_rt.bundle import Bundle, find_bundle, list_bundles
from losszero_rt.errors import ModelError
from tests.bundle.conftest import write_parity

# As it lies there, and as git and wheels keep it, compressed.
MEGABYTES_MAX, COMPRESSED_MAX = 26, 20


def test_what_ships_is_found_by_name_and_verified() -> None:
    names = [path.name for path in list_bundles()]
    assert "night-ride" in names
    bundle = find_bundle("night-ride")
    assert bundle.name == "night-ride"
    assert bundle.is_verified


def test_what_ships_is_small_enough_and_scored() -> None:
    for path in list_bundles():
        bundle = Bundle.open(path)
        contents = [bundle.read(name) for name in bundle.files]
        assert sum(map(len, contents)) < MEGABYTES_MAX * 1e6
        assert sum(len(zlib.compress(content)) for content in contents) < COMPRESSED_MAX * 1e6
        assert {"miou", "miou_ci95", "n", "dataset", "class_iou"} <= set(bundle.scores)
        assert bundle.licence
        assert bundle.attribution


def test_a_path_is_opened(bundle: Bundle) -> None:
    verified = write_parity(bundle, miou_points=0, class_points=0)
    assert find_bundle(verified.path) == find_bundle(str(verified.path)) == verified


def test_an_unverified_bundle_needs_leave(bundle: Bundle) -> None:
    with pytest.raises(ModelError, match=r"unverified.*--allow-unverified"):
        find_bundle(bundle.path)
    assert find_bundle(bundle.path, allow_unverified=True) == bundle


@pytest.mark.parametrize("name", ["nothing", "../night-ride/..", "night-ride/nothing"])
def test_an_unknown_name_lists_what_ships(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=r"one that ships: .*night-ride"):
        find_bundle(name)


def test_a_folder_that_is_no_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"manifest.json is missing"):
        find_bundle(tmp_path)
    with pytest.raises(ModelError, match="no model"):
        find_bundle(os.fspath(tmp_path / "absent"))
