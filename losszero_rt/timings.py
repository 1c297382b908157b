"""All clocks: stopwatches, stage timings and percentiles.

Durations come from the monotonic clock only, so a step of the wall clock changes nothing.
"""

import random
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

Stage = Literal["decode", "preprocess", "infer", "overlay", "encode"]
STAGES: tuple[Stage, ...] = get_args(Stage)
# What a bounded series keeps in all (256 KiB), and of its beginning.
SAMPLE_SIZE = 2**16
HEAD_SIZE = 64


def now_s() -> float:
    """Return the monotonic clock in seconds."""
    return time.perf_counter()


@dataclass(frozen=True, kw_only=True)
class Percentiles:
    """Percentiles of a set of durations, milliseconds.

    Attributes:
        p50: Median.
        p95: 95th percentile.
        p99: 99th percentile.
        max: Largest value.
        n: Number of values; all percentiles are 0 when it is 0.
    """

    p50: float
    p95: float
    p99: float
    max: float
    n: int

    @classmethod
    def of(cls, values_ms: Iterable[float]) -> "Percentiles":
        """Compute the percentiles of values in milliseconds (linear interpolation)."""
        values = np.fromiter(values_ms, np.float64)
        if not values.size:
            return cls(p50=0.0, p95=0.0, p99=0.0, max=0.0, n=0)
        p50, p95, p99 = (float(p) for p in np.percentile(values, (50, 95, 99)))
        return cls(p50=p50, p95=p95, p99=p99, max=float(values.max()), n=int(values.size))

    def as_dict(self) -> dict[str, float]:
        """Return p50, p95, p99 and max, rounded to the microsecond."""
        return {
            key: round(value, 3)
            for key, value in (
                ("p50", self.p50),
                ("p95", self.p95),
                ("p99", self.p99),
                ("max", self.max),
            )
        }


class Series:
    """Durations in milliseconds, appended one by one into a growing array of float32.

    With a bound its memory stays the same for days: every value is kept until there are so many,
    from then on the first :data:`HEAD_SIZE` and a uniform sample of all that came behind them.
    Number, last and largest value stay exact; percentiles are those of the sample, with a
    standard error of a rank of 0.2 percentage points at the median of :data:`SAMPLE_SIZE` values
    and of 0.04 at the 99th percentile. The sample depends on the number of values alone.

    Args:
        bound: Values to keep at most, more than :data:`HEAD_SIZE`; None keeps all.

    Source: Vitter, Random Sampling with a Reservoir, ACM TOMS 11(1), 1985, algorithm R.
    """

    def __init__(self, *, bound: int | None = None) -> None:
        assert bound is None or bound > HEAD_SIZE, "a sample needs room behind the head"
        self._values = np.empty(1024 if bound is None else min(1024, bound), np.float32)
        self._n = 0
        self._bound = bound
        self._lot = random.Random(0)
        # Beyond the bound: how many came, which came last, and the largest that is not kept.
        self._num_behind = 0
        self._largest_behind = 0.0
        self._last_behind = 0.0

    def __len__(self) -> int:
        return self._n

    def __iter__(self) -> Iterator[float]:
        return iter(self.values().tolist())

    @property
    def num_added(self) -> int:
        """Values ever added, those included that are not kept."""
        return self._n + self._num_behind

    @property
    def last(self) -> float:
        """The value added last; the series must not be empty."""
        return self._last_behind if self._num_behind else float(self._values[self._n - 1])

    def add(self, value_ms: float) -> None:
        """Append one duration."""
        if self._n == self._bound:
            self._sample(value_ms)
        else:
            self._append(value_ms)

    def values(self) -> np.ndarray:
        """Return a view of the values that are kept, float32 (n,); the head comes first."""
        return self._values[: self._n]

    def percentiles(self, *, skip: int = 0) -> Percentiles:
        """Percentiles of all values but the first ``skip``."""
        found = Percentiles.of(self.values()[skip:].tolist())
        if not self._num_behind:
            return found
        largest = max(found.max, self._largest_behind)
        return replace(found, max=largest, n=self.num_added - skip)

    def _append(self, value_ms: float) -> None:
        if self._n == self._values.size:
            size = 2 * self._n if self._bound is None else min(2 * self._n, self._bound)
            grown = np.empty(size, np.float32)
            grown[: self._n] = self._values
            self._values = grown
        self._values[self._n] = value_ms
        self._n += 1

    def _sample(self, value_ms: float) -> None:
        self._num_behind += 1
        self._last_behind = value_ms
        leaving_ms = value_ms
        place = HEAD_SIZE + self._lot.randrange(self.num_added - HEAD_SIZE)
        if place < self._n:
            leaving_ms = float(self._values[place])
            self._values[place] = value_ms
        self._largest_behind = max(self._largest_behind, leaving_ms)


class StageTimings:
    """Durations by stage of work.

    Args:
        bound: Values of each stage to keep at most, see :class:`Series`; None keeps all.
    """

    def __init__(self, *, bound: int | None = None) -> None:
        self.series: dict[Stage, Series] = {stage: Series(bound=bound) for stage in STAGES}

    def add(self, stage: Stage, value_ms: float) -> None:
        """Record one duration of one stage, milliseconds."""
        self.series[stage].add(value_ms)

    @contextmanager
    def measure(self, stage: Stage) -> Iterator[None]:
        """Time the body of a ``with`` as one duration of ``stage``."""
        start_s = now_s()
        yield
        self.add(stage, (now_s() - start_s) * 1e3)

    def as_dict(self, *, skip: int = 0) -> dict[str, dict[str, float]]:
        """Return percentiles by stage, the first ``skip`` of each excluded."""
        return {s: self.series[s].percentiles(skip=skip).as_dict() for s in STAGES}
