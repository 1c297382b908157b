"""All clocks: stopwatches, stage timings and percentiles.

Durations come from the monotonic clock only, so a step of the wall clock changes nothing.
"""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

Stage = Literal["decode", "preprocess", "infer", "overlay", "encode"]
STAGES: tuple[Stage, ...] = get_args(Stage)


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
    """Durations in milliseconds, appended one by one into a growing array of float32."""

    def __init__(self) -> None:
        self._values = np.empty(1024, np.float32)
        self._n = 0

    def __len__(self) -> int:
        return self._n

    def __iter__(self) -> Iterator[float]:
        return iter(self.values().tolist())

    def add(self, value_ms: float) -> None:
        """Append one duration."""
        if self._n == self._values.size:
            self._values = np.concatenate([self._values, np.empty_like(self._values)])
        self._values[self._n] = value_ms
        self._n += 1

    def values(self) -> np.ndarray:
        """Return a view of the values, float32 (n,)."""
        return self._values[: self._n]

    def percentiles(self, *, skip: int = 0) -> Percentiles:
        """Percentiles of all values but the first ``skip``."""
        return Percentiles.of(self.values()[skip:].tolist())


class StageTimings:
    """Durations by stage of work."""

    def __init__(self) -> None:
        self.series: dict[Stage, Series] = {stage: Series() for stage in STAGES}

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
