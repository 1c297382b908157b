"""Gaps of the signal, from what a poller sees of it."""

from dataclasses import replace

import pytest

from losszero_rt.livestate import Signal, SignalState
from losszero_rt.pipeline.signal_history import MAX_GAPS, SignalHistory, no_signal_line

NOON = 1_767_225_600.0


def at(seconds: float, state: SignalState, reason: str = "", num_reconnects: int = 0) -> Signal:
    return Signal(
        state=state,
        since_s=100 + seconds,
        since_unix_s=NOON + seconds,
        reason=reason,
        num_reconnects=num_reconnects,
    )


def test_gap_spans_from_the_stall_to_the_next_live_and_has_the_first_reason() -> None:
    history = SignalHistory()
    lines = [
        history.look(signal)
        for signal in (
            at(0, "connecting"),
            at(1, "live"),
            at(10, "stalled", "no data for 5 s"),
            at(15, "reconnecting", "refused"),
            at(17, "connecting"),
            at(18, "live", num_reconnects=1),
        )
    ]
    assert [bool(line) for line in lines] == [False, False, True, False, False, True]
    assert lines[2].startswith("no signal since ")
    assert lines[2].endswith("no data for 5 s")
    assert lines[5] == "signal is back after 8.0 s"
    facts = history.as_dict(now_s=200)
    assert (facts["reconnects"], facts["num_gaps"], facts["lost_s"]) == (1, 1, 8.0)
    (gap,) = facts["gaps"]
    assert gap["since"] == "2026-01-01T00:00:10.000+00:00"
    assert gap["until"] == "2026-01-01T00:00:18.000+00:00"
    assert gap["reason"] == "no data for 5 s"


def test_line_on_the_picture_says_which_attempt_it_is() -> None:
    lost = at(10, "reconnecting", "refused")
    assert "attempt" not in no_signal_line(lost), "the first one is still to come"
    line = no_signal_line(replace(lost, attempt=3, num_reconnects=8))
    assert line.startswith("no signal since ")
    assert line.endswith(", attempt 3 to connect: refused")


def test_looking_again_at_the_same_signal_says_and_counts_nothing() -> None:
    history = SignalHistory()
    history.look(at(0, "live"))
    lost = at(1, "reconnecting", "reset by peer")
    assert history.look(lost)
    assert not any(history.look(lost) for _ in range(5))
    assert history.as_dict(now_s=103)["num_gaps"] == 1


def test_gap_that_goes_on_is_counted_until_now_and_closed_at_the_end() -> None:
    history = SignalHistory()
    history.look(at(0, "live"))
    history.look(at(4, "stalled", "silent"))
    assert history.as_dict(now_s=110)["lost_s"] == 6.0
    history.look(at(9, "ended", "gone"))
    assert history.as_dict(now_s=500)["lost_s"] == 5.0


def test_first_connection_is_no_gap() -> None:
    history = SignalHistory()
    history.look(at(0, "connecting"))
    history.look(at(3, "live"))
    assert history.as_dict(now_s=104)["num_gaps"] == 0


def test_days_of_gaps_need_no_more_memory() -> None:
    history = SignalHistory()
    for number in range(2 * MAX_GAPS):
        history.look(at(2 * number, "stalled"))
        history.look(at(2 * number + 1, "live"))
    facts = history.as_dict(now_s=0)
    assert len(facts["gaps"]) == MAX_GAPS
    assert facts["num_gaps"] == 2 * MAX_GAPS
    assert facts["lost_s"] == pytest.approx(2 * MAX_GAPS)


def test_line_without_a_reason_has_no_colon_at_its_end() -> None:
    assert not no_signal_line(at(0, "stalled")).endswith(":")
