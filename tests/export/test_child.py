import pytest

from export.child import ChildError, run_child

ECHO = "tests.export.echo_child"


def test_the_last_line_is_the_answer() -> None:
    assert run_child(ECHO, {"size": [1, 2]}, timeout_s=60) == {"size": [1, 2]}


def test_a_failure_is_told_by_its_last_line() -> None:
    with pytest.raises(ChildError, match=r"^no kernel fits$"):
        run_child(ECHO, {"fails": "no kernel fits"}, timeout_s=60)


def test_a_silent_death_is_told_by_its_status() -> None:
    with pytest.raises(ChildError, match="exit status 9"):
        run_child(ECHO, {"dies": True}, timeout_s=60)


def test_a_child_that_somebody_ends_is_told_by_the_signal() -> None:
    with pytest.raises(ChildError, match=r"^tests\.export\.echo_child was ended by SIGKILL$"):
        run_child(ECHO, {"killed": True}, timeout_s=60)


def test_a_child_that_takes_too_long_is_ended() -> None:
    with pytest.raises(ChildError, match="not done within 0 s"):
        run_child(ECHO, {}, timeout_s=0.01)
