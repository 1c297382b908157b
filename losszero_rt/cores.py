"""How many cores this process may use; every thread count starts from here."""

import os
from pathlib import Path


def num_cores(*, cgroup_limit: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """Return the cores that this process may use: its affinity, within its container's quota.

    Args:
        cgroup_limit: File of Linux control groups (version 2): ``QUOTA PERIOD`` in microseconds,
            the quota ``max`` without a limit.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        quota, period = cgroup_limit.read_text().split()
        return max(1, min(allowed or 1, round(int(quota) / int(period))))
    except (OSError, ValueError):
        return allowed or 1


def num_physical_cores(*, cpus: Path = Path("/sys/devices/system/cpu")) -> int:
    """Return the cores that this process may use, those that share one physical core counted once.

    Args:
        cpus: Folder of Linux that says which do; where it does not, every core counts.
    """
    if not hasattr(os, "sched_getaffinity"):
        return num_cores()
    places = [cpus / f"cpu{n}/topology/thread_siblings_list" for n in os.sched_getaffinity(0)]
    try:
        return min(num_cores(), len({place.read_text() for place in places}))
    except OSError:
        return num_cores()
