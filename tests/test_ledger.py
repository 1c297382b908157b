import pytest
from hypothesis import given
from hypothesis import strategies as st

from losszero_rt.ledger import Fate, Ledger

ends = st.lists(
    st.tuples(
        st.sampled_from(["shown", "late", "dropped", "corrupt"]),
        st.sampled_from(["stride", "non-monotonic", "prekey"]),
    )
)


@given(ends)
def test_every_frame_read_has_exactly_one_end(fates: list[tuple[Fate, str]]) -> None:
    ledger = Ledger()
    for fate, reason in fates:
        ledger.enter()
        ledger.settle(fate, reason=reason)
    ledger.check()
    counts = ledger.as_dict()
    assert counts["read"] == len(fates)
    parts = [counts[k] for k in ("shown", "late", "dropped", "corrupt")]
    assert sum(int(str(part)) for part in parts) == len(fates)
    assert 0 <= ledger.lost_share <= 1


@given(ends, ends)
def test_absorbing_adds_every_count(
    first: list[tuple[Fate, str]], second: list[tuple[Fate, str]]
) -> None:
    whole, part, other = Ledger(), Ledger(), Ledger()
    for ledger, fates in ((part, first), (other, second), (whole, first + second)):
        for fate, reason in fates:
            ledger.enter()
            ledger.settle(fate, reason=reason)
    part.absorb(other)
    assert part.as_dict() == whole.as_dict()


def test_a_frame_without_an_end_is_found() -> None:
    ledger = Ledger()
    ledger.enter()
    with pytest.raises(AssertionError, match="0 frames settled of 1"):
        ledger.check()


def test_frames_left_out_by_stride_are_no_loss() -> None:
    ledger = Ledger()
    for index in range(9):
        ledger.enter()
        ledger.settle("dropped" if index % 3 else "shown", reason="stride")
    assert ledger.lost_share == 0
    ledger.enter()
    ledger.settle("corrupt")
    assert ledger.lost_share == pytest.approx(1 / 4)


def test_frames_above_the_rate_that_was_asked_for_are_no_loss_but_others_are() -> None:
    ledger = Ledger()
    for fate, reason in (("shown", ""), ("dropped", "max-fps"), ("dropped", "newer"), ("late", "")):
        ledger.enter()
        ledger.settle(fate, reason=reason)  # type: ignore[arg-type]
    assert (ledger.num_lost, ledger.num_wished) == (2, 1)
    assert ledger.lost_share == pytest.approx(2 / 3)
