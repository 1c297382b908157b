from losszero_rt.video.reconnecting import Reconnection


def reconnection(max_attempts: int | None = None) -> Reconnection:
    return Reconnection(max_attempts=max_attempts, open_timeout_s=10.0)


def test_waits_double_from_half_a_second_to_ten() -> None:
    waits_s = [reconnection().next_wait_s()]
    tried = reconnection()
    waits_s = [tried.next_wait_s() for _ in range(7)]
    assert waits_s == [0.5, 1, 2, 4, 8, 10, 10]


def test_waits_start_anew_only_after_ten_seconds_live() -> None:
    tried = reconnection()
    for _ in range(4):
        tried.next_wait_s()
    tried.went_live(100.0)
    tried.went_down(109.0)
    assert tried.next_wait_s() == 8
    tried.went_live(200.0)
    tried.went_down(210.0)
    assert tried.next_wait_s() == 0.5


def test_first_attempt_is_short_and_later_ones_longer() -> None:
    tried = reconnection()
    timeouts_s = []
    for _ in range(5):
        timeouts_s.append(tried.timeout_s())
        tried.went_down(0.0)
    assert timeouts_s == [1.5, 3, 6, 10, 10]


def test_gives_up_after_so_many_failed_attempts_in_a_row() -> None:
    tried = reconnection(2)
    tried.went_live(0.0)
    tried.went_down(100.0)
    assert tried.why_give_up() is None
    tried.went_down(101.0)
    tried.went_live(102.0)
    tried.went_down(500.0)
    assert tried.why_give_up() is None
    tried.went_down(501.0)
    tried.went_down(502.0)
    assert "2 failed attempts" in str(tried.why_give_up())


def test_no_attempt_that_is_allowed_is_none_that_failed() -> None:
    tried = reconnection(0)
    tried.went_down(0.0)
    assert tried.why_give_up() == "no attempt to reconnect is allowed"


def test_refused_logins_are_tried_thrice_and_far_apart() -> None:
    tried = reconnection()
    tried.went_live(0.0)
    tried.went_down(100.0)
    assert tried.next_wait_s() == 0.5
    tried.went_down(101.0, denied=True)
    tried.went_live(102.0)
    tried.went_down(202.0)
    for moment_s in (203.0, 214.0):
        tried.went_down(moment_s, denied=True)
        assert tried.next_wait_s() == 10
        assert tried.why_give_up() is None
    tried.went_down(220.0)
    assert tried.why_give_up() is None, "nobody refused anything"
    tried.went_down(225.0, denied=True)
    assert "3 refused logins" in str(tried.why_give_up())


def test_attempts_count_from_the_loss_and_only_what_came_back_is_a_reconnection() -> None:
    tried = reconnection()
    tried.went_live(0.0)
    assert (tried.attempt, tried.num_reconnects) == (0, 0), "the first connection is none"
    tried.went_down(100.0)
    for number in range(1, 4):
        tried.begins()
        assert (tried.attempt, tried.num_reconnects) == (number, 0)
        tried.went_down(100.0 + number)
    tried.begins()
    tried.went_live(110.0)
    assert (tried.attempt, tried.num_reconnects) == (0, 1)
    tried.went_down(130.0)
    tried.begins()
    assert (tried.attempt, tried.num_reconnects) == (1, 1)


def test_zero_means_no_attempt_at_all() -> None:
    tried = reconnection(0)
    tried.went_live(0.0)
    tried.went_down(100.0)
    assert tried.why_give_up() is not None


def test_long_outage_is_no_storm_but_flapping_is() -> None:
    patient = reconnection()
    patient.went_live(0.0)
    for moment_s in range(100, 200):
        patient.went_down(float(moment_s))
        assert patient.why_give_up() is None
    flapping = reconnection()
    reasons = []
    for index in range(6):
        flapping.went_live(index * 8.0)
        flapping.went_down(index * 8.0 + 1)
        reasons.append(flapping.why_give_up())
    assert reasons[:5] == [None] * 5
    assert "6 times within 60 s" in str(reasons[5])
    slow = reconnection()
    for index in range(20):
        slow.went_live(index * 13.0)
        slow.went_down(index * 13.0 + 1)
        assert slow.why_give_up() is None
