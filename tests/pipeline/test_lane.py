import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from losszero_rt.pipeline.lane import Background, Lane, Permits
from tests.waiting import until


@dataclass(frozen=True)
class Parcel:
    number: int
    nbytes: int = 10


def parcels(count: int) -> Iterator[Parcel]:
    for number in range(count):
        yield Parcel(number)


def wait_until_still(counter: list[int]) -> int:
    """Return the counter's value once it has not moved for a while."""
    seen = -1
    while seen != counter[0]:
        seen = counter[0]
        time.sleep(0.05)
    return seen


def test_items_arrive_in_order_and_the_end_is_a_value() -> None:
    lane = Lane(lambda: parcels(500), name="t", max_items=3, max_bytes=1000)
    assert [parcel.number for parcel in lane] == list(range(500))
    assert list(lane) == [], "asking again after the end answers at once"
    lane.close()


@pytest.mark.parametrize(("max_items", "max_bytes", "held"), [(4, 1000, 4), (100, 35, 3)])
def test_queue_is_bounded_by_items_and_by_bytes(max_items: int, max_bytes: int, held: int) -> None:
    made = [0]

    def counted() -> Iterator[Parcel]:
        for parcel in parcels(1000):
            made[0] += 1
            yield parcel

    lane = Lane(counted, name="t", max_items=max_items, max_bytes=max_bytes)
    assert wait_until_still(made) == held + 1, "the queue's fill and the one in hand"
    assert lane.queued_bytes <= max_bytes
    lane.close()


def test_one_item_larger_than_the_bound_still_passes() -> None:
    lane = Lane(lambda: iter([Parcel(0, nbytes=999)]), name="t", max_items=2, max_bytes=10)
    assert [parcel.number for parcel in lane] == [0]
    lane.close()


def test_exception_travels_behind_the_items_made_before_it() -> None:
    def failing() -> Iterator[Parcel]:
        yield from parcels(3)
        raise RuntimeError("decoder broke")

    lane = Lane(failing, name="t", max_items=10, max_bytes=1000)
    parcels_made = iter(lane)
    assert [next(parcels_made).number for _ in range(3)] == [0, 1, 2]
    with pytest.raises(RuntimeError, match="decoder broke"):
        next(parcels_made)
    lane.close()


def test_close_wakes_a_producer_that_waits_for_room() -> None:
    lane = Lane(lambda: parcels(10_000), name="full", max_items=1, max_bytes=1000)
    time.sleep(0.05)
    start = time.perf_counter()
    lane.close()
    assert time.perf_counter() - start < 1
    assert not any(thread.name == "full" for thread in threading.enumerate())


def test_close_wakes_a_consumer_that_waits_for_items() -> None:
    gate = threading.Event()

    def stuck() -> Iterator[Parcel]:
        gate.wait(5)
        yield Parcel(0)

    lane = Lane(stuck, name="stuck", max_items=1, max_bytes=1000)
    seen: list[list[Parcel]] = []
    consumer = threading.Thread(target=lambda: seen.append(list(lane)))
    consumer.start()
    closer = threading.Thread(target=lane.close)
    closer.start()
    consumer.join(1)
    assert seen == [[]]
    gate.set()
    closer.join(1)
    assert not closer.is_alive()


def test_close_runs_the_producers_own_cleaning_up() -> None:
    cleaned = threading.Event()

    def careful() -> Iterator[Parcel]:
        try:
            yield from parcels(10_000)
        finally:
            cleaned.set()

    lane = Lane(careful, name="t", max_items=1, max_bytes=1000)
    next(iter(lane))
    lane.close()
    assert cleaned.is_set()


def test_chained_lanes_stop_when_closed_from_the_source_down() -> None:
    first = Lane(lambda: parcels(10_000), name="a", max_items=2, max_bytes=1000)
    second = Lane(lambda: iter(first), name="b", max_items=2, max_bytes=1000)
    next(iter(second))
    start = time.perf_counter()
    first.close()
    second.close()
    assert time.perf_counter() - start < 1
    assert not any(thread.name in ("a", "b") for thread in threading.enumerate())


def lesser(parcel: Parcel) -> Parcel | None:
    """A parcel that weighs nothing in the place of one that weighs something."""
    return Parcel(-parcel.number, nbytes=0) if parcel.nbytes else None


def test_full_queue_exchanges_its_oldest_in_place_and_the_producer_never_waits() -> None:
    done = threading.Event()

    def all_at_once() -> Iterator[Parcel]:
        yield from parcels(100)
        done.set()

    lane = Lane(all_at_once, name="t", max_items=1000, max_bytes=25, on_full=lesser)
    assert done.wait(10), "nobody takes, and still the producer ends"
    assert lane.queued_bytes <= 25
    assert [parcel.number for parcel in lane] == [*(-n for n in range(98)), 98, 99]
    lane.close()


def test_where_nothing_gives_way_the_producer_waits() -> None:
    made = [0]

    def counted() -> Iterator[Parcel]:
        for parcel in parcels(100):
            made[0] += 1
            yield parcel

    lane = Lane(counted, name="t", max_items=4, max_bytes=25, on_full=lesser)
    assert wait_until_still(made) == 5, "four in the queue, most of them lesser, and one in hand"
    assert [parcel.number for parcel in lane][-1] == 99
    lane.close()


def test_close_interrupts_a_producer_that_is_blocked_in_a_read() -> None:
    silence, calls = threading.Event(), []

    def stop() -> None:
        calls.append(threading.current_thread().name)
        silence.set()

    def blocked() -> Iterator[Parcel]:
        yield Parcel(0)
        silence.wait(60)

    lane = Lane(blocked, name="blocked", max_items=1, max_bytes=1000, interrupt=stop)
    assert next(iter(lane)).number == 0
    start = time.perf_counter()
    lane.close()
    lane.close()
    assert time.perf_counter() - start < 4
    assert len(calls) == 1
    assert not any(thread.name == "blocked" for thread in threading.enumerate())


def test_closing_says_whether_the_thread_has_ended() -> None:
    gate = threading.Event()

    def stuck() -> Iterator[Parcel]:
        yield Parcel(0)
        gate.wait(60)

    lane = Lane(stuck, name="stuck", max_items=4, max_bytes=1000)
    assert next(iter(lane)).number == 0
    assert not lane.close(timeout_s=0.1)
    gate.set()
    assert lane.close()


def test_producer_that_cannot_be_interrupted_is_cut_off_and_nothing_of_before_is_lost() -> None:
    gate, cleaned = threading.Event(), threading.Event()
    counted: list[int] = []

    def stuck() -> Iterator[Parcel]:
        try:
            yield from parcels(3)
            gate.wait(60)
            yield Parcel(3)
        finally:
            cleaned.set()

    lane = Lane(
        stuck,
        name="stuck",
        max_items=9,
        max_bytes=1000,
        on_put=lambda parcel: counted.append(parcel.number),
    )
    until(lambda: len(counted) == 3)
    lane.cut()
    assert [parcel.number for parcel in lane] == [0, 1, 2], "and the end is there at once"
    start = time.perf_counter()
    assert not lane.close()
    assert time.perf_counter() - start < 2, "nobody waits for a thread that was cut off"
    gate.set()
    assert cleaned.wait(20), "it lets go of its source by itself"
    assert counted == [0, 1, 2], "what came too late does not count"


def test_polling_tells_of_silence_and_still_hands_over_everything() -> None:
    gate = threading.Event()

    def slow() -> Iterator[Parcel]:
        yield Parcel(0)
        gate.wait(60)
        yield Parcel(1)

    lane = Lane(slow, name="t", max_items=4, max_bytes=1000)
    seen: list[int | None] = []
    for parcel in lane.polled(0.02):
        seen.append(parcel.number if parcel else None)
        if seen.count(None) == 3:
            gate.set()
    assert [number for number in seen if number is not None] == [0, 1]
    assert seen[1:4] == [None, None, None]
    lane.close()


def test_permits_are_waited_for_and_closing_ends_the_wait() -> None:
    permits = Permits(2)
    taken: list[int] = []

    def take_all() -> None:
        while permits.take():
            taken.append(len(taken))

    taker = Background(take_all, name="taker")
    until(lambda: len(taken) == 2)
    permits.give()
    until(lambda: len(taken) == 3)
    assert taker.is_running
    permits.close()
    assert taker.join(10)
    assert not permits.take()


def test_background_work_hands_its_exception_to_who_joins() -> None:
    def failing() -> None:
        raise OSError("port taken")

    work = Background(failing, name="server")
    with pytest.raises(OSError, match="port taken"):
        work.join(10)
    assert isinstance(work.error, OSError)
    assert not work.is_running


def test_joining_work_that_does_not_end_returns_in_time() -> None:
    gate = threading.Event()

    def endless() -> None:
        gate.wait(60)

    work = Background(endless, name="server")
    assert not work.join(0.05)
    assert work.error is None
    gate.set()
    assert work.join(10)
