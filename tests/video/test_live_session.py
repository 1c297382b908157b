"""One connection, with the faults of devices that no test machine has."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import av.error
import pytest
from av.container import InputContainer

from losszero_rt.timings import now_s
from losszero_rt.video import LiveOptions, parse_address
from losszero_rt.video.live_opening import Connection, connect
from losszero_rt.video.live_session import LiveSession
from losszero_rt.video.sockets import Silence
from losszero_rt.video.stop_flag import StopFlag

OPTIONS = LiveOptions(read_timeout_s=0.5, realtime=False)


class Faulty:
    """A container that raises before every packet, as often as it has errors left."""

    def __init__(self, container: InputContainer, errors: Iterator[Exception]) -> None:
        self._container = container
        self._errors = errors

    def demux(self, *streams: Any) -> Iterator[Any]:
        for packet in self._container.demux(*streams):
            error = next(self._errors, None)
            if error is not None:
                raise error
            yield packet

    def close(self) -> None:
        self._container.close()


def session(errors: Iterator[Exception], *, stop: StopFlag | None = None) -> LiveSession:
    stop = stop or StopFlag()
    address = parse_address("lavfi:testsrc2=size=64x64:rate=30:duration=1", options=OPTIONS)
    connection: Connection = connect(address, options=OPTIONS, stop=stop, timeout_s=5)
    faulty = cast(InputContainer, Faulty(connection.container, errors))
    return LiveSession(replace(connection, container=faulty), options=OPTIONS, stop=stop)


def endless(error: Exception) -> Iterator[Exception]:
    while True:
        yield error


BUSY = av.error.BlockingIOError(11, "would block", "camera")
BAD = av.error.InvalidDataError(1, "bad", "camera")
GONE = av.error.OSError(19, "no such device", "camera")


@pytest.mark.parametrize("error", [BUSY, BAD], ids=["busy", "bad"])
def test_device_that_has_nothing_yet_is_asked_again(error: Exception) -> None:
    made = session(iter([error] * 20))
    arrivals = made.arrivals()
    # Each error costs the packet that it was raised for; ten of thirty are left.
    pictures = [next(arrivals).picture for _ in range(10)]
    assert None not in pictures
    with pytest.raises(EOFError):
        next(arrivals)
    made.close()


def test_device_that_never_has_anything_is_silent() -> None:
    made, begun_s = session(endless(BUSY)), now_s()
    with pytest.raises(Silence):
        list(made.arrivals())
    assert now_s() - begun_s >= 0.5
    made.close()


def test_container_that_stays_bad_is_given_up() -> None:
    made = session(endless(BAD))
    with pytest.raises(av.error.InvalidDataError):
        list(made.arrivals())
    made.close()


def test_unplugged_device_ends_the_connection() -> None:
    made = session(iter([GONE]))
    with pytest.raises(OSError, match="no such device"):
        list(made.arrivals())
    made.close()


def test_stop_ends_the_polling_of_a_silent_device() -> None:
    stop = StopFlag()

    def errors() -> Iterator[Exception]:
        for _ in range(20):
            yield BUSY
        stop.raised = True
        yield BUSY

    made = session(errors(), stop=stop)
    assert list(made.arrivals()) == []
    made.close()
