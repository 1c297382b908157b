"""How much memory is free, as Linux and a container tell it."""

from pathlib import Path

import pytest

from losszero_rt import free_memory
from losszero_rt.free_memory import available_bytes


@pytest.mark.skipif(not Path("/proc/meminfo").exists(), reason="reads what Linux shows")
def test_available_memory_is_below_what_is_built_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Path("/proc/meminfo").read_text().splitlines()[0]
    total = int(first.split()[1]) * 2**10
    assert 0 < (available_bytes() or 0) < total
    for name, text in (
        ("memory.max", "1000000"),
        ("memory.current", "900000"),
        ("memory.stat", "anon 5\ninactive_file 50000\n"),
    ):
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(free_memory, "_CGROUP", tmp_path)
    assert available_bytes() == 150_000, "the limit of a container counts, its file cache is free"
    (tmp_path / "memory.max").write_text("max")
    assert (available_bytes() or 0) > 150_000
