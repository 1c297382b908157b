import math
import threading
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from losszero_rt.timings import now_s
from losszero_rt.video.live_clock import LiveClock, Pacer
from losszero_rt.video.stop_flag import StopFlag

MS = Fraction(1, 1000)


def clock(*, by_arrival: bool = False, time_base: Fraction = MS) -> LiveClock:
    made = LiveClock()
    made.begin(time_base=time_base, rate=Fraction(30), by_arrival=by_arrival)
    return made


def test_steps_are_those_of_the_source_whatever_the_arrival() -> None:
    times = clock()
    stated, arrived_s = [5000, 5033, 5100, 5267], [1.0, 1.2, 1.2, 1.3]
    pairs = zip(stated, arrived_s, strict=True)
    assert [times.next(s, arrived_s=a) for s, a in pairs] == [0, 2970, 9000, 24030]


def test_times_do_not_drift_when_units_do_not_divide() -> None:
    times = clock(time_base=Fraction(1, 1_000_000))
    last = [times.next(index * 33_333, arrived_s=index / 30) for index in range(10_000)][-1]
    assert last == round(9_999 * 33_333 * 90_000 / 1_000_000)


def test_gap_of_a_lost_connection_is_kept() -> None:
    times = clock()
    assert times.next(100, arrived_s=10.0) == 0
    times.begin(time_base=Fraction(1, 90_000), rate=None, by_arrival=False)
    assert times.next(77, arrived_s=17.5) == 675_000
    assert times.next(3077, arrived_s=17.6) == 678_000


def test_source_that_changes_its_clock_goes_on_at_the_pace_of_ours() -> None:
    times = clock()
    times.next(0, arrived_s=0.0)
    assert times.next(9_000_000, arrived_s=0.1) == 9_000
    assert times.next(9_000_033, arrived_s=0.1) == 11_970
    assert times.next(10, arrived_s=0.3) == 11_970 + 18_000
    assert times.next(43, arrived_s=0.3) == 11_970 + 18_000 + 2_970


def test_duplicates_move_and_late_pictures_are_refused() -> None:
    times = clock()
    assert times.next(0, arrived_s=0.0) == 0
    assert times.next(100, arrived_s=0.1) == 9_000
    assert times.next(100, arrived_s=0.1) == 9_001
    assert times.next(40, arrived_s=0.1) is None
    assert times.next(133, arrived_s=0.2) == 11_970


def test_first_picture_without_a_time_is_a_step_before_the_next() -> None:
    times = clock()
    assert times.next(None, arrived_s=1.0) == 0
    assert times.next(3000, arrived_s=1.001) == 3000
    assert times.next(3033, arrived_s=1.002) == 5970


def test_pictures_of_a_timeless_format_are_as_old_as_their_arrival() -> None:
    times = clock(by_arrival=True)
    arrived_s = [5.0, 5.1, 5.1, 7.1]
    assert [times.next(None, arrived_s=a) for a in arrived_s] == [0, 9_000, 9_001, 189_001]


@given(
    st.lists(
        st.tuples(
            st.none() | st.integers(-(2**40), 2**40) | st.integers(0, 100),
            st.floats(0, 100, allow_nan=False),
            st.booleans(),
        ),
        max_size=60,
    ),
    st.booleans(),
)
def test_times_increase_whatever_comes(
    pictures: list[tuple[int | None, float, bool]], by_arrival: bool
) -> None:
    times, arrived_s, given_times = clock(by_arrival=by_arrival), 0.0, [-1]
    for stated, waited_s, reconnects in pictures:
        arrived_s += waited_s
        if reconnects:
            times.begin(time_base=MS, rate=None, by_arrival=by_arrival)
        placed = times.next(stated, arrived_s=arrived_s)
        if placed is not None:
            assert placed > given_times[-1]
            given_times.append(placed)
    if len(given_times) > 1:
        assert given_times[1] == 0


def test_pacer_keeps_the_rate_and_does_not_catch_up_on_a_long_delay() -> None:
    pacer, begun_s = Pacer(StopFlag()), now_s()
    for index in range(11):
        pacer.hold(index / 50)
    assert now_s() - begun_s >= 0.2
    behind = Pacer(StopFlag())
    behind.hold(0.0)
    behind._start_s = now_s() - 5
    behind.hold(1.0)
    begun_s = now_s()
    behind.hold(1.2)
    assert now_s() - begun_s >= 0.19


def test_pacer_lets_go_when_told_to_stop() -> None:
    stop = StopFlag()
    pacer = Pacer(stop)
    pacer.hold(0.0)
    stop.raised = True
    begun_s = now_s()
    pacer.hold(4.0)
    assert now_s() - begun_s < 1


def test_pacer_waits_for_a_source_that_gives_a_picture_in_a_while() -> None:
    stop = StopFlag()
    pacer, begun_s = Pacer(stop, leap_s=math.inf), now_s()
    pacer.hold(0.0)
    threading.Timer(0.3, lambda: setattr(stop, "raised", True)).start()
    pacer.hold(20.0)
    assert 0.25 < now_s() - begun_s < 2
