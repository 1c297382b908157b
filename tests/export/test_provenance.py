import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from export.labelled import LabelledPicture
from export.provenance import checkout_facts, digest_of, provenance_of


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=n", "-c", "user.email=e@example.org")
    command = ["git", "-C", str(folder), *who, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout of one commit, nothing changed."""
    root = tmp_path / "checkout"
    root.mkdir()
    git(root, "init", "--quiet")
    (root / "code.py").write_text("1\n")
    git(root, "add", "code.py")
    git(root, "commit", "--quiet", "-m", "one")
    return root


def test_a_checkout_is_told_by_its_commit_and_whether_it_changed(checkout: Path) -> None:
    commit = git(checkout, "rev-parse", "HEAD")
    assert checkout_facts(checkout) == {"commit": commit, "dirty": False}
    (checkout / "notes.txt").write_text("no code")
    assert checkout_facts(checkout)["dirty"] is False
    (checkout / "code.py").write_text("2\n")
    assert checkout_facts(checkout) == {"commit": commit, "dirty": True}


def test_what_is_no_checkout_has_no_commit(checkout: Path, tmp_path: Path) -> None:
    assert checkout_facts(tmp_path) == {}
    (checkout / "copied").mkdir()
    assert checkout_facts(checkout / "copied") == {}, "the commit is of other code"
    assert checkout_facts(tmp_path / "absent") == {}


def test_without_git_nothing_is_said(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert checkout_facts(checkout) == {}


def picture(value: int) -> LabelledPicture:
    return LabelledPicture(
        pixels_HWC=np.full((4, 6, 3), value, np.uint8), labels_HW=np.zeros((4, 6), np.uint8)
    )


def test_the_digest_follows_pixels_labels_and_order() -> None:
    first, second = picture(1), picture(2)
    relabelled = replace(first, labels_HW=first.labels_HW + 1)
    orders = ([first, second], [second, first], [first], [relabelled, second])
    assert len({digest_of(some) for some in orders}) == len(orders)
    assert digest_of([picture(1), picture(2)]) == digest_of([first, second])


def test_only_what_is_known_is_said(tmp_path: Path) -> None:
    assert provenance_of({"train": {"night_ride": 36}}, [], root=tmp_path) == {}
    found = provenance_of({"version": "abc"}, [picture(1)], root=tmp_path)
    assert found == {"data_version": "abc", "labelled_sha256": digest_of([picture(1)])}
