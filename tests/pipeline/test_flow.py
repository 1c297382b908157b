from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from losszero_rt.errors import UsageError
from losszero_rt.frame import Frame, LostFrame
from losszero_rt.pipeline.flow import POLICIES, STARVED_AFTER_S, Admission, Flow, Policy
from tests.pipeline.simulation import Ends, Schedule, Simulation, frame_at

ROUNDING_S = 1e-6

costs_s = st.lists(st.floats(0.001, 0.3), min_size=1, max_size=20)
schedules = st.builds(
    Schedule,
    gaps_s=st.lists(
        st.one_of(st.floats(0.0005, 0.05), st.floats(0.05, 1.5)), min_size=1, max_size=120
    ),
    infer_s=costs_s,
    paint_s=costs_s,
    num_requests=st.integers(1, 3),
)
flows = st.builds(
    Flow,
    policy=st.sampled_from(POLICIES),
    deadline_ms=st.floats(1, 900),
    max_fps=st.one_of(st.none(), st.floats(0.5, 200)),
)


def simulated(schedule: Schedule, *, flow: Flow) -> Ends:
    return Simulation(schedule, flow=flow).run()


def steady(*, fps: float, infer_s: float, seconds: float = 20.0, paint_s: float = 0.0) -> Schedule:
    """Frames at one rate and of one cost."""
    return Schedule(gaps_s=[1 / fps] * int(fps * seconds), infer_s=[infer_s], paint_s=[paint_s])


@settings(max_examples=300, deadline=None)
@given(schedules, flows)
def test_every_frame_meets_one_end_in_the_order_of_capture(schedule: Schedule, flow: Flow) -> None:
    ends = simulated(schedule, flow=flow)
    assert ends.order == list(range(len(schedule.gaps_s)))
    ends.ledger.check()
    assert ends.ledger.read == len(schedule.gaps_s)
    assert ends.ledger.shown == len(ends.ages_s)
    fates = {(lost.fate, lost.reason) for lost in ends.lost}
    expected = {("dropped", "max-fps")} if flow.max_fps else set()
    expected |= {("dropped", "newer")} if flow.policy != "all" else set()
    expected |= {("late", "deadline")} if flow.policy == "deadline" else set()
    assert fates <= expected


@settings(max_examples=300, deadline=None)
@given(schedules)
def test_all_shows_every_frame(schedule: Schedule) -> None:
    ends = simulated(schedule, flow=Flow(policy="all"))
    assert list(ends.ages_s) == list(range(len(schedule.gaps_s)))


@settings(max_examples=300, deadline=None)
@given(schedules)
def test_age_under_latest_is_at_most_three_service_times_and_one_a_request_more(
    schedule: Schedule,
) -> None:
    """Wait for the one in the engine, own inference and painting, with those before in each."""
    ends = simulated(schedule, flow=Flow(policy="latest"))
    most = (2 + schedule.num_requests) * schedule.service_s
    assert max(ends.ages_s.values()) <= most + ROUNDING_S


@pytest.mark.parametrize("slower", [1.5, 4, 30])
def test_age_under_latest_stays_flat_however_slow_the_model(slower: float) -> None:
    infer_s = slower / 30
    ends = simulated(steady(fps=30, infer_s=infer_s, seconds=120), flow=Flow(policy="latest"))
    ages = [age_s for _, age_s in sorted(ends.ages_s.items())]
    assert max(ages) <= infer_s + 1 / 30 + ROUNDING_S, "it waits for the next frame at most"
    assert len(ages) == pytest.approx(120 / infer_s, abs=2), "the engine is never idle"


@settings(max_examples=300, deadline=None)
@given(schedules, flows)
def test_no_schedule_starves_the_picture(schedule: Schedule, flow: Flow) -> None:
    ends = simulated(schedule, flow=flow)
    turns_s = 1.25 / flow.max_fps if flow.max_fps else 0.0
    backlog_s = (schedule.num_requests + 2) * schedule.service_s
    most_s = STARVED_AFTER_S + turns_s + 2 * max(schedule.gaps_s) + backlog_s
    first_s = schedule.gaps_s[0]
    for before_s, after_s in pairwise([first_s, *ends.handed_s]):
        assert after_s - before_s <= most_s + ROUNDING_S


@settings(max_examples=200, deadline=None)
@given(
    st.floats(5, 60),
    st.floats(0.001, 0.5),
    st.floats(5, 900),
)
def test_with_steady_costs_nothing_but_probes_is_shown_after_its_deadline(
    fps: float, infer_s: float, deadline_ms: float
) -> None:
    flow = Flow(policy="deadline", deadline_ms=deadline_ms)
    ends = simulated(steady(fps=fps, infer_s=infer_s, seconds=8), flow=flow)
    late = [i for i, age_s in ends.ages_s.items() if age_s > deadline_ms / 1e3 + ROUNDING_S]
    assert set(late) <= ends.unproven
    if infer_s > deadline_ms / 1e3:
        assert len(ends.ages_s) <= 8 / STARVED_AFTER_S + 2
        assert ends.ledger.late > 0


@settings(max_examples=300, deadline=None)
@given(schedules, st.floats(0.001, 0.1), st.floats(5, 900))
def test_whatever_the_engine_takes_only_starving_shows_a_frame_after_its_deadline(
    schedule: Schedule, paint_s: float, deadline_ms: float
) -> None:
    steady_paint = replace(schedule, paint_s=[paint_s])
    ends = simulated(steady_paint, flow=Flow(policy="deadline", deadline_ms=deadline_ms))
    over = [i for i, age_s in ends.ages_s.items() if age_s > deadline_ms / 1e3]
    rounded = [i for i in over if ends.ages_s[i] <= deadline_ms / 1e3 + ROUNDING_S]
    assert set(over) - set(rounded) <= ends.unproven
    assert len(over) - len(rounded) <= ends.ledger.over_deadline <= len(over)


def test_frame_that_turns_out_late_is_left_out_unless_nothing_was_shown_for_long() -> None:
    now = [0.0]
    flow = Flow(policy="deadline", deadline_ms=100)
    admission = Admission(flow, has_newer=lambda: False, clock=lambda: now[0])

    def ready(captured_s: float, *, index: int, took_s: float) -> Frame | LostFrame:
        now[0] = captured_s
        frame = frame_at(captured_s, index=index)
        assert admission.judge(frame) is frame
        now[0] += took_s
        item = admission.judge_ready(frame, admitted_at_s=captured_s)
        if isinstance(item, Frame):
            admission.learn(item, admitted_at_s=captured_s, handed_at_s=now[0])
        return item

    assert isinstance(ready(0.0, index=0, took_s=0.05), Frame)
    lost = LostFrame(index=1, pts=100_000_000, fate="late", reason="deadline")
    assert ready(0.1, index=1, took_s=0.2) == lost
    # The last picture is half a second old by then, so this one is shown however late it is.
    assert isinstance(ready(0.6, index=2, took_s=0.2), Frame)


def test_deadline_keeps_frames_over_a_hiccup_that_latest_would_lose() -> None:
    infer_s = ([0.01] * 40 + [0.12]) * 10
    schedule = Schedule(gaps_s=[1 / 30] * len(infer_s), infer_s=infer_s, paint_s=[0.001])
    lost = {
        policy: len(simulated(schedule, flow=Flow(policy=policy, deadline_ms=300)).lost)
        for policy in ("latest", "deadline")
    }
    assert lost["deadline"] == 0
    assert lost["latest"] >= 10


def test_estimate_recovers_once_the_machine_is_fast_again() -> None:
    slow, fast = 0.4, 0.01
    schedule = Schedule(gaps_s=[0.04] * 500, infer_s=[slow] * 150 + [fast] * 350, paint_s=[0.001])
    ends = simulated(schedule, flow=Flow(policy="deadline", deadline_ms=150))
    back = [index for index in range(150, 500) if index in ends.ages_s]
    # A probe each half second is enough to see it, and one is enough to believe it.
    assert len(back) > 300
    assert ends.ledger.late > 50


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(0.001, 0.2), min_size=2, max_size=200), st.floats(0.5, 100))
def test_max_fps_holds_over_any_stretch(gaps_s: list[float], max_fps: float) -> None:
    times = admitted_times(gaps_s, max_fps=max_fps)
    for k, first_s in enumerate(times):
        for n, last_s in enumerate(times[k:]):
            # One that made up for a delay, one that came early, the one at each end.
            assert n <= (last_s - first_s) * max_fps + 1 + 1 + 0.25


@pytest.mark.parametrize("max_fps", [1, 7, 10, 15, 20, 24, 29.97, 30, 50])
def test_max_fps_gives_the_rate_that_was_asked_for(max_fps: float) -> None:
    times = admitted_times([1 / 30] * 900, max_fps=max_fps)
    assert len(times) == pytest.approx(30 * min(max_fps, 30), abs=1.5)


def test_max_fps_of_the_stream_itself_drops_nothing_for_jitter() -> None:
    early_s = [0.007 if index % 2 else 0.0 for index in range(300)]
    times = [index / 30 - early_s[index] for index in range(300)]
    gaps_s = [after - before for before, after in pairwise([-1 / 30, *times])]
    assert len(admitted_times(gaps_s, max_fps=30)) == 300


def test_pause_is_followed_by_no_burst() -> None:
    times = admitted_times([0.1] * 10 + [60.0] + [0.001] * 50, max_fps=10)
    assert len([time_s for time_s in times if time_s > 30]) == 1


def admitted_times(gaps_s: Iterable[float], *, max_fps: float) -> list[float]:
    admission = Admission(Flow(policy="all", max_fps=max_fps), has_newer=lambda: False)
    times, at_s = [], 0.0
    for index, gap_s in enumerate(gaps_s):
        at_s += gap_s
        if isinstance(admission.judge(frame_at(at_s, index=index)), Frame):
            times.append(at_s)
    return times


def test_late_frame_tells_its_fate_and_keeps_its_place() -> None:
    now = [0.0]
    flow = Flow(policy="deadline", deadline_ms=100)
    admission = Admission(flow, has_newer=lambda: False, clock=lambda: now[0])
    assert isinstance(admission.judge(frame_at(0.0, index=0)), Frame)
    now[0] = 0.3
    lost = admission.judge(frame_at(0.1, index=1))
    assert lost == LostFrame(index=1, pts=100_000_000, fate="late", reason="deadline")


def test_of_several_late_frames_the_newest_is_the_one_let_through() -> None:
    flow = Flow(policy="deadline", deadline_ms=100)
    infer_s = 2.0
    ends = simulated(steady(fps=5, infer_s=infer_s, seconds=60), flow=flow)
    assert len(ends.ages_s) == pytest.approx(60 / infer_s, abs=2)
    assert max(ends.ages_s.values()) <= infer_s + 1 / 5 + ROUNDING_S


@pytest.mark.parametrize(
    "fields",
    [
        {"policy": "newest"},
        {"deadline_ms": 0},
        {"deadline_ms": float("nan")},
        {"deadline_ms": float("inf")},
        {"max_fps": 0},
        {"max_fps": -5},
        {"max_fps": float("nan")},
    ],
)
def test_impossible_flows_are_refused(fields: dict[str, float | Policy]) -> None:
    with pytest.raises(UsageError):
        Flow(**fields)  # type: ignore[arg-type]
