"""Fixtures for all tests."""

import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.media import write_clip

_SETTLE_S = 2.0

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in the background of a script: the programs under test would inherit the deaf ear.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep what tests cache apart from what the user has cached; it is empty at first."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("LOSSZERO_CACHE", str(folder))
        yield folder


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Thirty numbered frames of H.264 in mp4, without audio."""
    return write_clip(tmp_path / "clip.mp4")


@pytest.fixture
def clip_with_audio(tmp_path: Path) -> Path:
    """Thirty numbered frames of H.264 with B-frames, and AAC, in mp4."""
    options = {"preset": "veryfast", "g": "12"}
    return write_clip(tmp_path / "talking.mp4", audio="aac", options=options)


@pytest.fixture
def no_leaks() -> Iterator[None]:
    """Fail when a test leaves threads running or files open."""
    threads, files = threading.active_count(), _num_open_files()
    yield
    deadline = time.monotonic() + _SETTLE_S
    while time.monotonic() < deadline:
        if threading.active_count() <= threads and _num_open_files() <= files:
            return
        time.sleep(0.02)
    assert threading.active_count() <= threads, "threads were left running"
    assert _num_open_files() <= files, "files were left open"


def _num_open_files() -> int:
    descriptors = Path("/proc/self/fd")
    return sum(1 for _ in descriptors.iterdir()) if descriptors.is_dir() else 0
