"""What is wrong with a call is said in one line with the right exit code, before heavy work."""

import os
import time
from pathlib import Path
from typing import Any, NoReturn

import pytest

from losszero_rt.pipeline import assemble
from tests.cli.program import Program


@pytest.fixture
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail when the model is loaded."""

    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError("the model was loaded first")

    monkeypatch.setattr(assemble, "open_running", refuse)


@pytest.mark.usefixtures("no_model")
@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ((), 2, "--out"),
        (("--report", "r.json"), 2, "no output asked for"),
        (("--out", "o.xyz"), 2, ".mp4, .mkv, .mov, .webm"),
        (("--out", "o"), 2, ".mp4, .mkv, .mov, .webm"),
        (("--out", "-"), 2, "standard output"),
        (("--out", "none/o.mp4"), 5, "does not exist"),
        (("--out", "o.mp4", "--json", "none/l"), 5, "--json"),
        (("--out", "o.mp4", "--report", "none/r"), 5, "--report"),
        (("--out", "o.mp4", "--masks", "none/m"), 5, "--masks"),
        (("--out", "o.mp4", "--labels", "none"), 2, "--labels none is no folder"),
        (("--out", "o.mp4", "--classes", "rode"), 2, "undrivable, road, lane mark"),
        (("--masks", "m", "--classes", "rode"), 2, "unknown class 'rode'"),
        (("--out", "o.mp4", "--codec", "x265"), 2, "libx264"),
        (("--out", "o.mp4", "--codec", "libvpx-vp9"), 2, "does not go into mp4"),
        (("--out", "o.mp4", "--preset", "warp"), 2, "ultrafast"),
        (("--out", "o.mp4", "--alpha", "1.5"), 2, "--alpha: 0 to 1"),
        (("--out", "o.mp4", "--alpha", "nan"), 2, "--alpha"),
        (("--out", "o.mp4", "--stride", "0"), 2, "--stride"),
        (("--out", "o.mp4", "--batch", "many"), 2, "or auto"),
        (("--out", "o.mp4", "--batch", "1000"), 2, "--batch: auto, or 1 to 64"),
        (("--out", "o.mp4", "--start", "-1"), 2, "--start"),
        (("--out", "o.mp4", "--duration", "0"), 2, "--duration"),
        (("--out", "o.mp4", "--duration", "inf"), 2, "--duration"),
        (("--out", "o.mp4", "--start", "99"), 3, "--start 99"),
        (("--out", "o.mp4", "--stream", "7"), 3, "--stream 0"),
        (("--out", "o.mp4", "--max-pixels", "100"), 3, "--max-pixels 15360"),
        (("--out", "o.mp4", "--view", "upside"), 2, "'overlay', 'mask', 'side'"),
        (("--out", "same.mp4", "--json", "same.mp4"), 2, "written 2 times"),
        (("--masks", "m", "--json", "same", "--report", "same"), 2, "written 2 times"),
        (("--out", "o.mp4", "--alhpa", "1"), 2, "--alpha"),
        (("--out", "o.mp4", "--model", "none"), 4, "no model 'none'"),
        (("--out", "o.mp4", "--model", "../../x"), 4, "no model"),
        (("--out", "o.mp4", "--model", "file.txt"), 4, "file.txt"),
    ],
)
def test_refusal(
    program: Program,
    night: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    code: int,
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.txt").write_text("no model")
    outcome = program(night, *options)
    assert (outcome.code, outcome.out) == (code, "")
    assert words in outcome.error_line
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [tmp_path / "file.txt"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--engine", "tensorrt"), "no TensorRT engine"),
        (("--device", "cuda:99"), "torch"),
        (("--engine", "openvino", "--device", "cuda:0"), "cannot run on 'cuda:0'"),
        (("--precision", "fp16"), "fp16"),
    ],
)
def test_engine_that_cannot_run_is_refused_and_nothing_takes_its_place(
    program: Program, night: Path, tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    outcome = program(night, "--out", tmp_path / "o.mp4", *options)
    assert outcome.code == 4
    assert words in outcome.error_line
    assert list(tmp_path.iterdir()) == []


def test_unverified_model_needs_leave(program: Program, night: Path, tmp_path: Path) -> None:
    from tests.cli.glowing import write_bundle

    model = write_bundle(tmp_path / "raw", verified=False)
    refused = program(night, "--masks", tmp_path / "m", "--model", model)
    assert refused.code == 4
    assert "--allow-unverified" in refused.error_line
    allowed = ("--allow-unverified", "--duration", 0.2)
    outcome = program.done(night, "--out", tmp_path / "o.mp4", "--model", model, *allowed)
    assert "not measured" in outcome.out


def test_missing_source_is_named_and_leaves_nothing(program: Program, tmp_path: Path) -> None:
    outcome = program(tmp_path / "gone.mp4", "--out", tmp_path / "o.mp4")
    assert outcome.code == 3
    assert "gone.mp4: no such file" in outcome.error_line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("no_model")
@pytest.mark.parametrize("content", [b"", b"just some text\n" * 50, os.urandom(20_000)])
def test_what_is_no_video_is_refused_before_the_model_loads(
    program: Program, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "x.mp4").write_bytes(content)
    start = time.perf_counter()
    outcome = program(tmp_path / "x.mp4", "--out", tmp_path / "o.mp4", "--json", tmp_path / "l")
    assert time.perf_counter() - start < 1
    assert outcome.code == 3
    assert "not a video" in outcome.error_line
    assert [p.name for p in tmp_path.iterdir()] == ["x.mp4"]


def test_folder_without_media_lists_what_is_accepted(program: Program, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    outcome = program(tmp_path / "empty", "--out", tmp_path / "out")
    assert outcome.code == 3
    assert ".mp4" in outcome.error_line
    assert ".jpg" in outcome.error_line


def test_address_is_refused_without_its_secret(program: Program, tmp_path: Path) -> None:
    outcome = program("rtsp://admin:secret@host/1", "--out", tmp_path / "o.mp4")
    assert outcome.code == 2
    assert "secret" not in outcome.error_line


@pytest.mark.parametrize("how", ["same", "hard", "soft"])
def test_source_is_never_overwritten(
    program: Program, night: Path, tmp_path: Path, how: str
) -> None:
    clip, other = tmp_path / "c.mp4", tmp_path / "other.mp4"
    clip.write_bytes(night.read_bytes())
    if how == "hard":
        other.hardlink_to(clip)
    elif how == "soft":
        other.symlink_to(clip)
    out = clip if how == "same" else other
    for option in ("--out", "--json", "--report"):
        outcome = program(clip, "--masks", tmp_path / "m", option, out, "--force")
        assert outcome.code == 5
        assert "is the source itself" in outcome.error_line
    assert clip.read_bytes() == night.read_bytes()


def test_existing_outputs_need_force(program: Program, night: Path, tmp_path: Path) -> None:
    out, lines = tmp_path / "o.mp4", tmp_path / "l.jsonl"
    masks = tmp_path / "m"
    masks.mkdir()
    for path in (out, lines, masks / "old.png"):
        path.write_bytes(b"precious")
    short = (night, "--duration", 0.1)
    for words in (("--out", out), ("--json", lines), ("--masks", masks)):
        outcome = program(*short, *words)
        assert outcome.code == 5
        assert "--force" in outcome.error_line
    for path in (out, lines, masks / "old.png"):
        assert path.read_bytes() == b"precious"
    program.done(*short, "--out", out, "--json", lines, "--masks", masks, "--force")
    assert out.read_bytes() != b"precious"


def test_pipes_are_refused_instead_of_waited_for(
    program: Program, night: Path, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    assert program(night, "--out", tmp_path / "pipe.mp4", "--force").code == 5
    assert program(tmp_path / "pipe.mp4", "--out", tmp_path / "o.mp4").code == 3


def test_read_only_folder_is_refused_before_the_model_loads(
    program: Program, night: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Root may write anywhere, so the answer of the system is given here.
    real = os.access

    def deny(path: Any, mode: int, **options: Any) -> bool:
        return Path(path) != tmp_path and real(path, mode, **options)

    monkeypatch.setattr(os, "access", deny)
    outcome = program(night, "--out", tmp_path / "o.mp4")
    assert outcome.code == 5
    assert "cannot be written" in outcome.error_line


def test_more_memory_than_there_is_is_refused_up_front(
    program: Program,
    night: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    from losszero_rt.pipeline import memory
    from tests.media import write_clip

    request.getfixturevalue("no_model")
    large = write_clip(tmp_path / "large.mp4", size=(2160, 3840), num_frames=1)
    monkeypatch.setattr(memory, "available_bytes", lambda: 2 * 2**30)
    outcome = program(large, "--out", tmp_path / "o.mp4", "--batch", 64)
    assert outcome.code == 2
    assert "3840x2160" in outcome.error_line
    assert "--batch 1" in outcome.error_line
    assert not (tmp_path / "o.mp4.part").exists()


def test_no_words_shows_the_help_and_fails(program: Program) -> None:
    outcome = program()
    assert outcome.code == 2
    assert len(outcome.err.splitlines()) > 5
    assert "doctor" in outcome.err
