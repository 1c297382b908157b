"""How much memory this process may still take."""

from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def available_bytes() -> int | None:
    """Return what this process may still take, bytes; None where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        free_kib = next(int(ln.split()[1]) for ln in lines if ln.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError, IndexError):
        return None
    room = _group_room()
    return free_kib * 2**10 if room is None else min(free_kib * 2**10, room)


def _group_room() -> int | None:
    """Return what a container's limit leaves, file cache counted as free; None without a limit."""
    try:
        limit = int((_CGROUP / "memory.max").read_text())
        used = int((_CGROUP / "memory.current").read_text())
        lines = (_CGROUP / "memory.stat").read_text().splitlines()
        cached = next(int(ln.split()[1]) for ln in lines if ln.startswith("inactive_file "))
    except (OSError, StopIteration, ValueError):
        return None
    return max(0, limit - used + cached)
