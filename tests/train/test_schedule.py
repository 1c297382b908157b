import pytest

from train.schedule import Schedule, rate_factor


def way(schedule: Schedule, *, warmup_share: float = 0.2) -> list[float]:
    return [
        rate_factor(step / 100, schedule=schedule, warmup_share=warmup_share) for step in range(100)
    ]


@pytest.mark.parametrize("schedule", ["cosine", "one-cycle", "constant"])
def test_rate_climbs_to_its_peak_and_never_rises_again(schedule: Schedule) -> None:
    rates = way(schedule)
    assert rates[20] == pytest.approx(1.0)
    assert rates[:21] == sorted(rates[:21])
    assert rates[20:] == sorted(rates[20:], reverse=True)
    assert rates[0] < 0.1


def test_schedules_end_where_they_say() -> None:
    assert way("cosine")[-1] == pytest.approx(0.01, abs=1e-3)
    assert way("one-cycle")[-1] < 1e-3
    assert way("constant")[-1] == 1.0
    assert way("one-cycle")[0] == pytest.approx(1 / 25)


def test_half_way_down_a_cosine_is_half_the_rate() -> None:
    middle = rate_factor(0.6, schedule="cosine", warmup_share=0.2)
    assert middle == pytest.approx((1 + 0.01) / 2)


def test_training_without_a_climb_begins_at_the_peak() -> None:
    assert way("cosine", warmup_share=0.0)[0] == 1.0
