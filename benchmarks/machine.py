"""What a figure needs beside it to mean something: machine, versions, and the code that ran."""

import hashlib
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.options import ROOT
from losszero_rt.cores import num_cores

PACKAGES = ("av", "numpy", "opencv-python", "openvino", "torch")
_FEATURES = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
# What a result depends on; the model's digest stands in every report.
_SOURCES = ("losszero_rt", "export", "benchmarks")
_NOT_CODE = (":!benchmarks/results", ":!benchmarks/*.md")


def machine_facts() -> dict[str, Any]:
    """Return processor, memory, and how busy the machine was before anything started."""
    fields = _cpu_fields()
    flags = fields.get("flags", "").split()
    load = round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
    return {
        "cpu": fields.get("model name") or platform.processor() or platform.machine(),
        "cpu_features": [name for name in _FEATURES if name in flags],
        "cores": num_cores(),
        "threads_per_core": _threads_per_core(),
        "memory_gib": _memory_gib(),
        "load_1min_at_start": load,
        "system": f"{platform.system()} {platform.machine()}",
    }


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that matter; absent ones are left out."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def code_facts() -> dict[str, Any]:
    """Return commit, whether the code differs from it, and a digest of the code that ran."""
    status = _git("status", "--porcelain", "--", ".", *_NOT_CODE)
    return {
        "commit": _git("rev-parse", "HEAD") or None,
        "dirty": bool(status) if status is not None else None,
        "code_sha256": digest_of(*(ROOT / name for name in _SOURCES)),
    }


def digest_of(*folders: Path) -> str:
    """Return one digest over names and contents of all Python files in some folders."""
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            digest.update(f"{path.relative_to(folder.parent)}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _git(*words: str) -> str | None:
    command = ["git", "-C", str(ROOT), *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def _cpu_fields() -> dict[str, str]:
    """Return the fields of the first processor in /proc/cpuinfo; empty elsewhere."""
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return {}
    pairs = (line.partition(":") for line in info.read_text().partition("\n\n")[0].splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _threads_per_core() -> int | None:
    siblings = Path("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list")
    if not siblings.exists():
        return None
    return len(siblings.read_text().replace("-", ",").strip().split(","))


def _memory_gib() -> float | None:
    info = Path("/proc/meminfo")
    if not info.exists():
        return None
    kib = int(info.read_text().partition("MemTotal:")[2].split()[0])
    return round(kib / 2**20, 1)
