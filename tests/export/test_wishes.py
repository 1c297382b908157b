"""What an export cannot heed is refused before any work, and its own ends are told."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from export.config import ExportConfig
from export.exporting import tell_memory
from export.origin import open_origin
from export.tensorrt_engines import settle_engines
from losszero_rt.errors import ModelError, UsageError
from tests.cli.program import ROOT
from tests.waiting import until

NOWHERE: dict[str, Any] = {"model": Path("c"), "out": Path("o")}
QUICK = ("--precision", "fp32", "--no-portable")


@pytest.fixture
def checkpoint(config: ExportConfig) -> Path:
    return config.model


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        ({"imgsz": (32000, 32000)}, "at most 8388608 pixels"),
        ({"out": Path()}, "--out '.', which has no name. a new folder"),
        ({"name": "a\nb"}, "control characters"),
        ({"out": Path("a\x07b")}, "control characters"),
        ({"licence": "a\x1b[31mb"}, "--licence 'ab' with control characters. printable"),
        ({"engine": "onnx", "precision": "int8"}, "int8 is for --engine openvino, or tensorrt on"),
        ({"precision": "fp16"}, "fp16 is for --engine tensorrt, on an NVIDIA GPU. leave"),
        ({"split": "val"}, "--split val without pictures"),
        ({"calibration_split": "train"}, "--calibration-split train without pictures"),
        ({"engine": "onnx", "calibration": Path("d")}, "--calibration for an ONNX file"),
        ({"engine": "onnx", "portable": False}, "--no-portable with --engine onnx"),
    ],
)
def test_wishes_that_mean_nothing_are_refused(wish: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        ExportConfig(**{**NOWHERE, **wish})


def test_the_folder_of_a_training_is_told_with_what_is_in_it(
    checkpoint: Path, tmp_path: Path
) -> None:
    shutil.copytree(checkpoint, tmp_path / "best")
    wanted = r"is the folder of a training, .*/best\. python -m export --out .*/o .*/best"
    with pytest.raises(ModelError, match=wanted):
        open_origin(ExportConfig(model=tmp_path, out=tmp_path / "o"))


def test_memory_that_is_not_there_is_told_before(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    for free in (None, 64 << 30, 8 << 30):
        monkeypatch.setattr("export.exporting.available_bytes", lambda free=free: free)
        tell_memory((2048, 4096), say=said.append)
    assert said == [
        "an input of 2048x4096 needs about 28.2 GiB of memory, and 8.0 GiB are free: the system "
        "may end this"
    ]


@pytest.mark.parametrize(
    "wish", [{"precision": "fp16"}, {"batches": (1, 8)}, {"attention": "plain"}]
)
def test_what_tensorrt_alone_can_do_is_not_left_out_silently(
    wish: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(_: str) -> None:
        raise ModelError("no GPU")

    monkeypatch.setattr("export.tensorrt_engines.find_gpu", absent)
    with pytest.raises(ModelError, match="no TensorRT engine can be built here: no GPU"):
        settle_engines(ExportConfig(**NOWHERE, engine="all", **wish), say=print)
    said: list[str] = []
    assert settle_engines(ExportConfig(**NOWHERE, engine="all"), say=said.append) == ("openvino",)
    assert said == ["tensorrt is left out: no GPU"]


def start(*words: object, **pipes: Any) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "export", *map(str, words)]
    return subprocess.Popen(command, cwd=ROOT, text=True, stderr=subprocess.PIPE, **pipes)


@pytest.mark.slow
def test_interrupted_while_it_loads_it_says_so_without_a_traceback(
    checkpoint: Path, tmp_path: Path
) -> None:
    process = start(checkpoint, "--out", tmp_path / "b")
    maps = Path(f"/proc/{process.pid}/maps")
    until(lambda: "libtorch" in maps.read_text())
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    assert process.returncode == 130
    assert not (tmp_path / "b").exists()


@pytest.mark.slow
def test_full_standard_output_is_told_and_the_bundle_stays(
    checkpoint: Path, tmp_path: Path
) -> None:
    with Path("/dev/full").open("w") as full:
        process = start(checkpoint, "--out", tmp_path / "b", *QUICK, stdout=full)
        _, err = process.communicate(timeout=120)
    assert process.returncode == 5
    assert "b was written, but not this on standard output" in err
    assert "Traceback" not in err
    assert (tmp_path / "b" / "manifest.json").exists()


@pytest.mark.slow
def test_without_a_reader_of_what_it_says_it_is_written_all_the_same(
    checkpoint: Path, tmp_path: Path
) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    words = [sys.executable, "-m", "export", checkpoint, "--out", tmp_path / "b", *QUICK]
    done = subprocess.run([*map(str, words)], cwd=ROOT, stderr=write_end)
    os.close(write_end)
    assert done.returncode == 0
    assert (tmp_path / "b" / "manifest.json").exists()
