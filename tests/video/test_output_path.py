import os
import socket
from pathlib import Path

import pytest

from losszero_rt.errors import ExitCode, OutputError, UsageError
from losszero_rt.video import check_output, part_of


@pytest.mark.parametrize("name", ["a.avi", "a", "a.mp4.txt", ".mp4"])
def test_unknown_suffix_lists_the_known_ones(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"\.mp4, \.mkv, \.mov, \.webm") as caught:
        check_output(tmp_path / name)
    assert caught.value.exit_code == ExitCode.USAGE


@pytest.mark.parametrize("name", ["a.mp4", "a.MKV", "a.mov", "a b.webm"])
def test_known_suffixes_pass(tmp_path: Path, name: str) -> None:
    check_output(tmp_path / name)


def test_standard_output_is_refused_clearly() -> None:
    with pytest.raises(UsageError, match="standard output"):
        check_output(Path("-"))


def test_existing_file_needs_force(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"precious")
    with pytest.raises(OutputError, match="--force") as caught:
        check_output(path)
    assert caught.value.exit_code == ExitCode.OUTPUT
    check_output(path, force=True)
    assert path.read_bytes() == b"precious"


@pytest.mark.parametrize("link", ["same", "hard", "symbolic", "dots", "part"])
def test_source_is_never_an_output(tmp_path: Path, link: str) -> None:
    source = tmp_path / "ride.mp4"
    path = tmp_path / "other.mp4"
    if link == "part":
        source = part_of(path)
    source.write_bytes(b"precious")
    if link == "same":
        path = source
    elif link == "hard":
        path.hardlink_to(source)
    elif link == "symbolic":
        path.symlink_to(source)
    elif link == "dots":
        path = tmp_path / "x" / ".." / "ride.mp4"
        (tmp_path / "x").mkdir()
    with pytest.raises(OutputError, match="the source itself"):
        check_output(path, sources=[tmp_path / "unrelated.mp4", source], force=True)


def test_missing_directory_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="mkdir -p"):
        check_output(tmp_path / "absent" / "a.mp4")
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        check_output(tmp_path / "file" / "a.mp4")


def test_read_only_directory_is_an_output_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Root may write anywhere, so the question itself is answered here.
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)
    with pytest.raises(OutputError, match="cannot be written"):
        check_output(tmp_path / "a.mp4")


def test_pipes_sockets_and_directories_are_refused(tmp_path: Path) -> None:
    pipe, folder, door = tmp_path / "pipe.mkv", tmp_path / "folder.mkv", tmp_path / "door.mkv"
    os.mkfifo(pipe)
    folder.mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(door))
        for path in (pipe, folder, door):
            with pytest.raises(OutputError, match="not a regular file"):
                check_output(path, force=True)
