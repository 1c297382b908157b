import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from losszero_rt.timings import HEAD_SIZE, Percentiles, Series, StageTimings

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


@given(durations, st.integers(HEAD_SIZE + 1, 200))
def test_bounded_series_stays_small_and_counts_on(values: list[float], bound: int) -> None:
    series, whole = Series(bound=bound), Series()
    for value in values:
        series.add(value)
        whole.add(value)
    kept = series.values()
    assert kept.size == len(series) == min(bound, len(values))
    assert kept.base is None or kept.base.size <= max(bound, 1)
    assert set(kept.tolist()) <= set(whole.values().tolist())
    np.testing.assert_array_equal(kept[:HEAD_SIZE], whole.values()[:HEAD_SIZE])
    assert series.num_added == len(values)
    assert series.last == pytest.approx(values[-1], rel=1e-6)
    found, true = series.percentiles(), whole.percentiles()
    assert found.n == true.n
    assert found.max == pytest.approx(true.max, rel=1e-6)
    if len(values) <= bound:
        assert found == true


def test_percentiles_of_a_bounded_series_are_those_of_all_values() -> None:
    series = Series(bound=2000)
    for value in np.random.default_rng(1).exponential(10, 50_000):
        series.add(float(value))
    found = series.percentiles(skip=30)
    # A drift would show, too: a sample of the first or of the last values alone is far off.
    assert found.p50 == pytest.approx(10 * np.log(2), rel=0.1)
    assert found.p95 == pytest.approx(10 * np.log(20), rel=0.1)


def test_sample_is_drawn_from_the_whole_run_alike() -> None:
    series = Series(bound=1064)
    for number in range(100_000):
        series.add(number)
    counts, _ = np.histogram(series.values()[HEAD_SIZE:], bins=10, range=(0, 100_000))
    assert counts.min() > 60, "of 100 expected"
    assert counts.max() < 140, "of 100 expected"
