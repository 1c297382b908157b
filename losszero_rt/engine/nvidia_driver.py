"""The version of NVIDIA's driver, which no library that we use tells."""

import re
import subprocess
from pathlib import Path
from shutil import which

_PROC = Path("/proc/driver/nvidia/version")
# "... Kernel Module  535.104.05  Sat ..." or "... Open Kernel Module for x86_64  550.90.07  ...".
_STATED = re.compile(r"Kernel Module(?:\s+for\s+\S+)?\s+(\d+(?:\.\d+)+)")
_QUERY = ("--query-gpu=driver_version", "--format=csv,noheader")
_TIMEOUT_S = 10.0


def driver_version(*, proc: Path = _PROC) -> str:
    """Return the version, such as ``550.90.07``; empty where it cannot be found out.

    Args:
        proc: Where Linux states it; WSL and Windows do not, so ``nvidia-smi`` is asked next.
    """
    try:
        stated = _STATED.search(proc.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        stated = None
    return stated[1] if stated else _asked()


def is_older(version: str, than: str) -> bool:
    """Say whether a version comes before another; False where either is not known."""
    both = [[int(part) for part in re.findall(r"\d+", text)] for text in (version, than)]
    return all(both) and both[0] < both[1]


def _asked() -> str:
    tool = which("nvidia-smi")
    if tool is None:
        return ""
    try:
        done = subprocess.run(
            [tool, *_QUERY], capture_output=True, text=True, timeout=_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    found = re.search(r"^\d+(?:\.\d+)+$", done.stdout.strip(), re.MULTILINE)
    return found[0] if found else ""
