"""The page's share of the processors, on a clock that the test turns."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from losszero_rt.cores import num_cores
from losszero_rt.serve.pace import LONGEST_S, PAGE_SHARE, Pace


@dataclass
class Turned:
    now_s: float = 0.0
    spent_s: float = 0.0

    def pace(self, *, share: float = PAGE_SHARE) -> Pace:
        return Pace(share=share, clock_s=lambda: self.now_s, thread_s=lambda: self.spent_s)


def make_pictures(costs_ms: list[tuple[float, float]], *, share: float) -> Turned:
    """Make one picture after the other, as soon as each may be made."""
    turned = Turned()
    pace = turned.pace(share=share)
    for encode_ms, send_ms in costs_ms:
        turned.now_s += pace.wait_s
        pace.begin()
        pace.note_encoded(encode_ms)
        turned.spent_s += send_ms / 1e3
        turned.now_s += max(encode_ms, send_ms) / 1e3
    return turned


def test_the_first_picture_need_not_wait() -> None:
    assert Turned().pace().wait_s == 0


@pytest.mark.parametrize("share", [0.05, 0.1, 0.4])
def test_a_steady_page_takes_its_share_and_no_more(share: float) -> None:
    turned = make_pictures([(3.0, 9.0)] * 400, share=share)
    taken = (400 * 3e-3 + turned.spent_s) / turned.now_s / num_cores()
    assert taken == pytest.approx(share, rel=0.1)


def test_twenty_viewers_get_fewer_pictures_than_one() -> None:
    one, twenty = (make_pictures([(3.0, send)] * 100, share=0.1).now_s for send in (0.5, 10.0))
    assert twenty > 3 * one


def test_a_night_without_viewers_does_not_slow_the_first_who_comes() -> None:
    turned = Turned()
    pace = turned.pace(share=0.1)
    for _ in range(50):
        pace.begin()
        pace.note_encoded(3.0)
        turned.spent_s += 2e-3
        turned.now_s += 0.05
    steady_s = 5e-3 / 0.1 / num_cores()
    turned.spent_s += 40.0
    turned.now_s += 40_000.0
    pace.begin()
    assert pace.wait_s <= steady_s + 0.21 * LONGEST_S


@given(st.lists(st.tuples(st.floats(0, 500), st.floats(0, 500)), max_size=30))
def test_no_wait_is_longer_than_the_longest(costs_ms: list[tuple[float, float]]) -> None:
    turned = Turned()
    pace = turned.pace()
    for encode_ms, send_ms in costs_ms:
        pace.begin()
        pace.note_encoded(encode_ms)
        turned.spent_s += send_ms / 1e3
        assert 0 <= pace.wait_s <= LONGEST_S
