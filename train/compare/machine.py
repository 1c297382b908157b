"""The machine that the speeds were measured on: without it they mean nothing."""

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

from losszero_rt.cores import num_cores

_PACKAGES = ("av", "numpy", "opencv-python", "openvino", "torch")


def machine_facts() -> dict[str, Any]:
    """Return processor, cores, load and versions, JSON ready; None where unknown."""
    return {
        "cpu": _cpu_name(),
        "cores": num_cores(),
        "threads_per_core": _threads_per_core(),
        "load_1min": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {"python": platform.python_version(), **_versions()},
    }


def machine_line(facts: dict[str, Any]) -> str:
    """Return the facts in one line."""
    threads = facts["threads_per_core"]
    of_threads = f" ({threads} threads a core)" if threads else ""
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    return (
        f"{facts['cpu']}, {facts['cores']} cores{of_threads}, {facts['system']}; load before "
        f"the first run {facts['load_1min']}; {versions}"
    )


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _threads_per_core() -> int | None:
    siblings = Path("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list")
    if not siblings.exists():
        return None
    spans = siblings.read_text().strip().split(",")
    ends = [span.split("-") for span in spans]
    return sum(int(end[-1]) - int(end[0]) + 1 for end in ends)
