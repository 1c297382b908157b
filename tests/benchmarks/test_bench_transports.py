"""The comparison of transports, as far as it needs no browser."""

import threading

import numpy as np
import pytest
from av.video.frame import VideoFrame

from benchmarks.bench_transports import (
    OURS,
    UNSEEN_MS,
    WAYS,
    Feeder,
    claim_of,
    delays_of,
    our_page,
    summary_of,
    told,
)
from benchmarks.stamps import NUM_CODES


def found(*, ours_ms: float, others_ms: float) -> dict[str, object]:
    costs = {"seen_share": 0.98, "server_cores": 0.1, "browser_cores": 0.4, "mbit_s": 20.0}
    return {
        way: summary_of([{"delays_ms": [ours_ms if way == OURS else others_ms] * 99, **costs}])
        for way in WAYS
    }


@pytest.mark.parametrize(("ours_ms", "holds"), [(20.0, True), (50.0, False)])
def test_the_transport_that_ships_must_not_be_behind(ours_ms: float, holds: bool) -> None:
    figures = found(ours_ms=ours_ms, others_ms=40.0)
    claim = claim_of(figures)
    assert (claim.value, claim.holds) == (ours_ms / 40, holds)
    lines = list(told(figures))
    assert len(lines) == len(WAYS)
    assert lines[0].what.startswith(f"{OURS}: p95 of the delay (98 % seen")


def test_pictures_that_never_came_are_no_gain() -> None:
    assert delays_of({"delays_ms": [10.0] * 9, "seen_share": 0.9}) == [10.0] * 9 + [UNSEEN_MS]
    assert delays_of({"delays_ms": [10.0] * 9, "seen_share": 1.01}) == [10.0] * 9


def test_without_a_browser_nothing_is_claimed() -> None:
    claim = claim_of({}, absent="no chromium on this machine")
    assert (claim.value, claim.holds) == (None, None)


def test_pictures_are_handed_on_in_order_and_remembered() -> None:
    pictures = [VideoFrame(64, 32, "yuv420p") for _ in range(NUM_CODES)]
    enough, taken = threading.Event(), list[int]()

    def take(picture: VideoFrame, number: int) -> None:
        assert picture is pictures[number % NUM_CODES]
        taken.append(number)
        if number == 5:
            enough.set()

    feeder = Feeder(pictures, take=take)
    assert enough.wait(10)
    feeder.stop()
    assert taken == list(range(len(taken)))
    assert [code for code, _ in feeder.sent] == [number % NUM_CODES for number in taken]
    assert np.all(np.diff([at_ms for _, at_ms in feeder.sent]) > 0)


def test_the_page_that_ships_is_what_is_measured() -> None:
    with our_page() as (url, take):
        assert url.startswith("http://127.0.0.1:")
        take(VideoFrame(64, 32, "yuv420p"), 0)
