"""What a command says where it cannot write, before it works for it where that goes."""

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from losszero_rt.errors import InputError, OutputError
from train.__main__ import main
from train.commands.outputs import guard_outputs

ROOT = Path(__file__).parents[3]


def refused(*words: object) -> BaseException:
    error = CliRunner().invoke(main, [str(word) for word in words]).exception
    assert error is not None
    return error


@pytest.mark.parametrize(
    "words",
    [
        ("run", "--recipe", "unet"),
        ("explore", "DATA"),
        ("crossval", "unet"),
        ("compare", "unet"),
        ("reproduce", "night-ride"),
    ],
)
def test_an_out_that_is_a_file_is_refused(
    words: tuple[str, ...], data_folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    asked = [str(data_folder) if word == "DATA" else word for word in words]
    data = [] if words[0] == "explore" else ["--data", data_folder]
    for out in (file, file / "inner"):
        error = refused(*asked, *data, "--out", out)
        assert isinstance(error, OutputError)
        assert f"{file} is no folder. a folder" in str(error)
    assert file.read_text() == "mine"


def test_a_json_that_cannot_be_written_is_refused_before_the_checkpoint_is_read(
    data_folder: Path, tmp_path: Path
) -> None:
    for path, told in ((tmp_path, "is a folder"), (tmp_path / "a-file" / "x", "is no folder")):
        (tmp_path / "a-file").touch()
        error = refused("evaluate", "absent", "--data", data_folder, "--json", path)
        assert isinstance(error, OutputError)
        assert told in str(error)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder that takes no files")
def test_a_place_that_takes_no_files_is_an_output_error(data_folder: Path) -> None:
    for words in (
        ("split", data_folder, "--out", "/proc/self/x/s.json"),
        ("explore", data_folder, "--out", "/proc/self/x"),
        ("run", "--recipe", "unet", "--data", data_folder, "--out", "/proc/self/x"),
    ):
        error = refused(*words)
        assert isinstance(error, OutputError), error
        assert "/proc/self/x" in str(error)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write into every folder")
def test_a_read_only_folder_is_refused(data_folder: Path, tmp_path: Path) -> None:
    shut = tmp_path / "shut"
    shut.mkdir(mode=0o500)
    error = refused("split", data_folder, "--out", shut / "s.json")
    assert isinstance(error, OutputError)
    assert "read-only" in str(error)


def test_a_file_that_cannot_be_read_is_no_output_error(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()

    @click.command("look")
    @click.option("--out", type=click.Path(path_type=Path))
    def look(out: Path) -> None:
        (tmp_path / "data" / "absent").read_bytes()

    words = ["--out", str(tmp_path / "report")]
    error = CliRunner().invoke(guard_outputs(look), words).exception
    assert isinstance(error, InputError)
    assert f"{tmp_path / 'data' / 'absent'} cannot be read" in str(error)


@pytest.mark.parametrize(
    ("name", "is_output"),
    [
        ("new/out", True),
        ("new/out/inner/file", True),
        ("new/out.7.part", True),
        ("new", True),
        ("new/other", False),
        ("new/out2", False),
        ("", False),
    ],
)
def test_what_is_written_is_told_from_what_lies_beside_it(
    name: str, is_output: bool, tmp_path: Path
) -> None:
    @click.command("look")
    @click.option("--out", type=click.Path(path_type=Path))
    def look(out: Path) -> None:
        raise PermissionError(errno.EACCES, "no", str(tmp_path / name))

    words = ["--out", str(tmp_path / "new" / "out")]
    error = CliRunner().invoke(guard_outputs(look), words).exception
    assert isinstance(error, OutputError if is_output else InputError)


def test_no_room_is_one_line_and_leaves_no_part_behind(data_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "full"
    out.mkdir()
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "train",
            "split",
            data_folder,
            "--ratios",
            "3:1",
            "--out",
            out / "s.json",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
        # A file system without room for more than these bytes of a file.
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10)),
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.returncode == 5, done.stderr
    [line] = done.stderr.splitlines()
    assert line.startswith(f"error: {out}")
    assert "cannot be written" in line
    assert not list(out.iterdir())
