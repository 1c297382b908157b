"""Reading live sources in tests: so many frames, until something happened, until told to stop."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from losszero_rt.frame import Frame, LostFrame
from losszero_rt.livestate import Signal, SignalState
from losszero_rt.video import LiveOptions, LiveSource, parse_address

LIMIT_S = 30.0


def open_live(text: str, **settings: object) -> LiveSource:
    options = LiveOptions(**settings)  # type: ignore[arg-type]
    return LiveSource(parse_address(text, options=options), options=options)


def take(source: LiveSource, num_frames: int) -> list[Frame]:
    """Read on until so many frames came; the source stays open."""
    frames: list[Frame] = []
    for item in source:
        if isinstance(item, Frame):
            frames.append(item)
        if len(frames) == num_frames:
            return frames
    raise AssertionError(f"the source ended after {len(frames)} of {num_frames} frames")


def read_until(source: LiveSource, done: Callable[[], bool]) -> list[Frame | LostFrame]:
    """Read on until ``done``, for half a minute at most."""
    items: list[Frame | LostFrame] = []
    until_s = time.monotonic() + LIMIT_S
    for item in source:
        items.append(item)
        if done():
            return items
        assert time.monotonic() < until_s, f"not so far after {LIMIT_S} s: {source.signal}"
    raise AssertionError(f"the source ended: {source.signal}")


def on_signal(source: LiveSource, tell: Callable[[Signal], object]) -> None:
    """Have ``tell`` called with every new signal of a source, in the thread that reads it."""
    original = source._signal

    def signal_and_tell(state: SignalState, *, since_s: float, reason: str = "") -> None:
        original(state, since_s=since_s, reason=reason)
        tell(source.signal)

    source._signal = signal_and_tell  # type: ignore[method-assign]


@contextmanager
def in_background(work: Callable[[], object]) -> Iterator[None]:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield
    thread.join(LIMIT_S)
    assert not thread.is_alive()


def seconds_to_stop(source: LiveSource, *, when: Callable[[], bool]) -> float:
    """Stop a source from another thread once ``when`` holds; return how long it took to end."""
    asked_s = 0.0

    def ask() -> None:
        nonlocal asked_s
        until_s = time.monotonic() + LIMIT_S
        while not when() and time.monotonic() < until_s:
            time.sleep(0.01)
        asked_s = time.monotonic()
        source.stop()

    with in_background(ask):
        for _ in source:
            pass
        ended_s = time.monotonic()
    return ended_s - asked_s
