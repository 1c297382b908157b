"""How fast a viewer may talk, on a clock that the test turns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from losszero_rt.serve.message_limit import MESSAGES_AT_ONCE, MESSAGES_PER_S, MessageLimit

SLACK_S = 1e-6


def heeded(gaps_s: list[float]) -> list[float]:
    """Say one message after the other, so long after the last was heeded; return when each was."""
    now_s, times_s = 0.0, []
    limit = MessageLimit(clock_s=lambda: now_s)
    for gap_s in gaps_s:
        now_s += gap_s
        now_s += limit.wait_s()
        times_s.append(now_s)
    return times_s


@given(st.lists(st.sampled_from([0.0, 0.001, 0.02, 1.5]), min_size=2, max_size=900))
def test_no_stretch_of_time_holds_more_than_its_share(gaps_s: list[float]) -> None:
    times_s = heeded(gaps_s)
    for first in range(0, len(times_s), 50):
        for last in range(first, len(times_s), 50):
            span_s = times_s[last] - times_s[first]
            num_allowed = MESSAGES_AT_ONCE + (span_s + SLACK_S) * MESSAGES_PER_S + 1
            assert last - first + 1 <= num_allowed


@pytest.mark.parametrize("rate_per_s", [1.0, 60.0, 199.0])
def test_who_talks_no_faster_never_waits(rate_per_s: float) -> None:
    times_s = heeded([1 / rate_per_s] * 2000)
    assert times_s[-1] == pytest.approx(2000 / rate_per_s)


def test_flood_is_heeded_at_the_lasting_rate() -> None:
    times_s = heeded([0.0] * (MESSAGES_AT_ONCE + 400))
    assert times_s[MESSAGES_AT_ONCE - 1] == pytest.approx(0, abs=SLACK_S)
    assert times_s[-1] == pytest.approx(400 / MESSAGES_PER_S, rel=0.02)
