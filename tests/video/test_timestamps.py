from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from losszero_rt.video.timestamps import PtsClock, Window

MILLISECOND = Fraction(1, 1000)
TIMES = st.lists(st.one_of(st.none(), st.integers(-1000, 100_000)), max_size=60)


@given(times=TIMES, by_dts=st.booleans())
def test_times_always_rise(times: list[int | None], by_dts: bool) -> None:
    clock = PtsClock(time_base=MILLISECOND, rate=Fraction(30), by_dts=by_dts)
    placed = [clock.next(time, time) for time in times]
    kept = [time for time in placed if time is not None]
    assert kept == sorted(set(kept))


@given(times=st.lists(st.integers(-1000, 100_000), unique=True))
def test_rising_times_stay_untouched(times: list[int]) -> None:
    clock = PtsClock(time_base=MILLISECOND, rate=None, by_dts=False)
    assert [clock.next(time, None) for time in sorted(times)] == sorted(times)
    assert clock.num_nudged == clock.num_synthesised == 0


def test_missing_times_continue_at_the_rate() -> None:
    clock = PtsClock(time_base=Fraction(1, 30000), rate=Fraction(30000, 1001), by_dts=False)
    assert [clock.next(None, None) for _ in range(3)] == [0, 1001, 2002]
    assert clock.num_synthesised == 3


def test_decoding_times_lose_the_decoders_delay() -> None:
    clock = PtsClock(time_base=Fraction(1, 30), rate=Fraction(30), by_dts=True)
    for dts in (5, 6, 7):
        clock.see_packet(dts)
    assert [clock.next(99, 7), clock.next(3, 8), clock.next(4, None)] == [5, 6, 7]


def test_window_holds_its_start_and_not_its_end() -> None:
    window = Window(time_base=MILLISECOND, first_pts=500, start_s=1.0, duration_s=2.0)
    assert window.start_pts == 1500
    assert window.before(1499)
    assert not window.before(1500)
    assert not window.after(3499)
    assert window.after(3500)


def test_window_without_bounds_holds_everything() -> None:
    window = Window(time_base=MILLISECOND, first_pts=500, start_s=0.0, duration_s=None)
    assert not window.before(-5)
    assert not window.after(10**12)
