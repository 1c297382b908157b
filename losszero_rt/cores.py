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
