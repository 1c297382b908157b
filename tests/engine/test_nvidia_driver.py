"""What NVIDIA's driver says of itself, in the forms that it takes."""

from pathlib import Path

import pytest

from losszero_rt.engine.nvidia_driver import driver_version, is_older

CLOSED = """NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023
GCC version:  gcc version 12.2.0
"""
OPEN = """NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.90.07  Release Build  (x@y)
GCC version:
"""


@pytest.mark.parametrize(("text", "version"), [(CLOSED, "535.104.05"), (OPEN, "550.90.07")])
def test_version_stands_in_proc(text: str, version: str, tmp_path: Path) -> None:
    stated = tmp_path / "version"
    stated.write_text(text)
    assert driver_version(proc=stated) == version


@pytest.mark.parametrize(
    ("script", "version"),
    [
        ("echo 566.36; echo 566.36", "566.36"),
        ("echo 'NVIDIA-SMI has failed'; exit 9", ""),
        ("echo No devices were found", ""),
    ],
)
def test_elsewhere_the_tool_is_asked(
    script: str, version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert driver_version(proc=tmp_path / "absent") == version


def test_without_a_driver_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert driver_version(proc=tmp_path / "absent") == ""


def test_versions_compare_by_their_numbers() -> None:
    assert is_older("535.104.05", "550.90.07")
    assert is_older("550.54", "550.90.07")
    assert not is_older("550.90.07", "550.90.07")
    assert not is_older("1000.1", "999.9")
    assert not is_older("", "550.90")
    assert not is_older("550.90", "")
