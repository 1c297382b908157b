"""What a program and all that it started hold at one moment, from /proc, and whether it grows."""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_TICKS_A_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, kw_only=True)
class Holding:
    """What a tree of processes holds.

    Attributes:
        rss_mib: Resident memory, MiB; pages that processes share count for each.
        threads: Threads.
        descriptors: Open file descriptors.
    """

    rss_mib: float
    threads: int
    descriptors: int


def tree_of(pid: int) -> list[int]:
    """Return a process and all its living descendants."""
    pids = [pid]
    for known in pids:  # grows while it is walked
        with suppress(OSError):  # it has just ended
            for task in Path(f"/proc/{known}/task").iterdir():
                pids += [int(word) for word in (task / "children").read_text().split()]
    return pids


def holding_of(pid: int) -> Holding:
    """Return what a process and its descendants hold; one that ends meanwhile is left out."""
    rss_bytes = threads = descriptors = 0
    for member in tree_of(pid):
        folder = Path(f"/proc/{member}")
        with suppress(OSError):
            pages = int((folder / "statm").read_text().split()[1])
            num_threads, num_files = (len(list((folder / n).iterdir())) for n in ("task", "fd"))
            rss_bytes += pages * _PAGE_BYTES
            threads, descriptors = threads + num_threads, descriptors + num_files
    return Holding(rss_mib=rss_bytes / 2**20, threads=threads, descriptors=descriptors)


def cpu_s_of(pid: int) -> float:
    """Return the processor time of a process so far, user and system, seconds."""
    # The name of the program may hold spaces, and ends with the last bracket.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_A_S


@dataclass(frozen=True, kw_only=True)
class Growth:
    """A quantity early and late in a run.

    Attributes:
        first: Median over the first fifth after warm-up.
        last: Median over the last fifth.
    """

    first: float
    last: float

    @property
    def more(self) -> float:
        """What came to it."""
        return self.last - self.first

    @property
    def percent(self) -> float:
        """The same of what there was, percent."""
        return 100 * self.more / self.first

    def as_dict(self) -> dict[str, float]:
        """Return the fields for a JSON file."""
        return {"first_fifth": round(self.first, 3), "last_fifth": round(self.last, 3)}


def growth_of(times_s: Sequence[float], values: Sequence[float], *, warmup_s: float) -> Growth:
    """Compare the first fifth of a run with its last.

    Medians, so that what comes and goes (a file that is being finished, a lost connection) does
    not count.

    Args:
        times_s: When the samples were taken, seconds since the start, growing.
        values: The samples.
        warmup_s: Samples before are left out.

    Raises:
        ValueError: Nothing is left after warm-up.
    """
    times, kept = np.asarray(times_s, float), np.asarray(values, float)
    kept, times = kept[times >= warmup_s], times[times >= warmup_s]
    if not times.size:
        raise ValueError(f"no sample after the warm-up of {warmup_s:.0f} s")
    fifth_s = (times[-1] - times[0]) / 5
    return Growth(
        first=float(np.median(kept[times <= times[0] + fifth_s])),
        last=float(np.median(kept[times >= times[-1] - fifth_s])),
    )
