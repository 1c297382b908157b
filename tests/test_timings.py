import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from losszero_rt.timings import Percentiles, Series, StageTimings

durations = st.lists(st.floats(0, 1e4, width=32), min_size=1, max_size=3000)


@given(durations)
def test_percentiles_are_ordered_and_within_range(values: list[float]) -> None:
    found = Percentiles.of(values)
    assert min(values) <= found.p50 <= found.p95 <= found.p99 <= found.max == max(values)
    assert found.n == len(values)


def test_no_value_gives_zeros() -> None:
    assert Percentiles.of([]).as_dict() == {"p50": 0, "p95": 0, "p99": 0, "max": 0}


@given(durations)
def test_series_keeps_every_value_in_order(values: list[float]) -> None:
    series = Series()
    for value in values:
        series.add(value)
    np.testing.assert_array_equal(series.values(), np.array(values, np.float32))


def test_skipped_values_do_not_count() -> None:
    stages = StageTimings()
    for value in (1000.0, 10.0, 10.0):
        stages.add("infer", value)
    assert stages.as_dict(skip=1)["infer"]["max"] == 10
    assert stages.as_dict()["infer"]["max"] == 1000


def test_measure_records_one_duration() -> None:
    stages = StageTimings()
    with stages.measure("encode"):
        pass
    assert len(stages.series["encode"]) == 1
    assert stages.series["encode"].percentiles().max == pytest.approx(0, abs=100)
