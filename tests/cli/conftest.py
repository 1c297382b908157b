"""Fixtures of the command line tests: a tiny model, and the program that uses it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from losszero_rt.engine import torch_facts
from losszero_rt.engine.torch_facts import has_nvidia_driver
from tests.cli.glowing import write_bundle
from tests.cli.program import Program
from tests.media import write_clip

SIZE = (96, 160)


@pytest.fixture(autouse=True, scope="session")
def no_gpu() -> Iterator[None]:
    """Compute on the CPU where nothing is said: models of these tests have no weights for a GPU."""
    if not has_nvidia_driver():
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOSSZERO_DEVICE", "cpu")
        yield


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A verified bundle that labels pixels by their brightness."""
    return write_bundle(tmp_path_factory.mktemp("models") / "glowing")


@pytest.fixture
def program(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: "pytest.CaptureFixture[str]"
) -> Program:
    """The program, in this process, with the tiny model."""
    monkeypatch.setenv("LOSSZERO_MODEL", str(bundle))
    return Program(capsys)


@pytest.fixture(scope="session")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty numbered frames with sound; only to be read."""
    folder = tmp_path_factory.mktemp("clips")
    return write_clip(folder / "night.mp4", size=SIZE, num_frames=40, audio="aac")


@pytest.fixture
def base_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """No torch, which the glowing graphs, of no network, could not be compared with either."""
    monkeypatch.setattr(torch_facts, "why_not", lambda: "torch is not installed")
