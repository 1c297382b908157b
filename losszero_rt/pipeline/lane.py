"""Threads, and what they hand each other. The only file that knows threads.

    producer thread                      consumer thread
    for item in items:   -> [ | | | ] ->   for item in lane:
        put (waits when full)                 take (waits when empty)

The contract, each line a test: the queue is bounded in bytes and items; a full one makes the
producer wait, or exchanges what waits for something lesser, in place; an exception of the producer
travels to the consumer, behind the items made before it; closing interrupts the producer, wakes
both sides, joins the thread and says whether it ended; a producer that does not end can be cut off,
and its thread is left alone; the end of the stream is a value, never a time-out.
"""

import threading
from collections.abc import Callable, Generator, Iterator
from typing import Generic, TypeVar, cast

from losszero_rt.pipeline.waiting import Sized, Waiting

Item = TypeVar("Item")

JOIN_TIMEOUT_S = 5.0


class _End:
    """Last value of a lane: the end of the stream, or the exception that ended it."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


class Lane(Generic[Item]):
    """Runs an iterator on its own thread and hands its items over in order.

    Args:
        make_items: Called on the lane's thread; its iterator produces the items and is closed
            (``close()`` of a generator) on that same thread when the lane ends.
        name: Name of the thread.
        max_items: Items the queue may hold.
        max_bytes: Bytes the queue may hold; one item is let in however large it is.
        on_full: Asked for each waiting item, the oldest first, when the queue is full: returns
            what takes its place, or None for an item that stays. Without it, and where nothing
            gives way, the producer waits. It runs on the lane's thread.
        on_put: Hears of every item that is let into the queue, on the lane's thread, before the
            consumer can take it.
        interrupt: Ends a read that the iterator is blocked in; called once by :meth:`close`.
    """

    def __init__(
        self,
        make_items: Callable[[], Iterator[Item]],
        *,
        name: str,
        max_items: int,
        max_bytes: int,
        on_full: Callable[[Item], Item | None] | None = None,
        on_put: Callable[[Item], None] | None = None,
        interrupt: Callable[[], None] | None = None,
    ) -> None:
        self._make_items = make_items
        self._on_put, self._interrupt = on_put, interrupt
        self._waiting = Waiting[Item](max_items=max_items, max_bytes=max_bytes, on_full=on_full)
        self._end: _End | None = None
        self._changed = threading.Condition()
        self._closed = self._is_cut = False
        self._thread = threading.Thread(target=self._produce, name=name, daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[Item]:
        """Return the items; behind them comes the producer's exception if it had one."""
        return cast(Iterator[Item], self.polled(None))  # without a period there is no None

    def polled(self, period_s: float | None) -> Iterator[Item | None]:
        """Yield the items, raise the producer's exception; None whenever none came for a while.

        Args:
            period_s: How long to wait for an item, seconds; None waits as long as it takes.
        """
        while True:
            item = self._take(period_s)
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item

    @property
    def queued_bytes(self) -> int:
        """Bytes waiting in the queue."""
        return self._waiting.nbytes

    def cut(self) -> None:
        """End the stream where it is, whatever the producer still does.

        What waits is still handed over, what the producer makes from now on is left. This is for
        one who sits in a call that nobody can interrupt: its thread goes on until the call returns,
        and then lets go of its source, or it dies with the process.
        """
        with self._changed:
            self._closed = self._is_cut = True
            self._end = self._end or _End()
            self._changed.notify_all()

    def close(self, *, timeout_s: float = JOIN_TIMEOUT_S) -> bool:
        """Stop the producer at its next item, empty the queue and join the thread.

        Args:
            timeout_s: How long to wait for the thread, seconds; one that was cut off is not
                waited for.

        Returns:
            Whether the thread has ended.
        """
        with self._changed:
            interrupt, self._interrupt = self._interrupt, None
            self._closed = True
            self._waiting.clear()
            self._end = _End()
            self._changed.notify_all()
        try:
            if interrupt is not None:
                interrupt()
        finally:
            self._thread.join(0 if self._is_cut else timeout_s)
        return not self._thread.is_alive()

    def _produce(self) -> None:
        end = _End()
        try:
            self._feed(self._make_items())
        except BaseException as error:  # handed to the consumer, whatever it is
            end = _End(error)
        with self._changed:
            self._end = self._end or end
            self._changed.notify_all()

    def _feed(self, items: Iterator[Item]) -> None:
        try:
            for item in items:
                if not self._put(item):
                    return
        finally:
            if isinstance(items, Generator):
                items.close()

    def _put(self, item: Item) -> bool:
        size = cast(Sized, item).nbytes
        with self._changed:
            while not self._closed and not self._waiting.has_room(size):
                self._changed.wait()
            if self._closed:
                return False
            self._waiting.put(item)
            if self._on_put is not None:
                self._on_put(item)
            self._changed.notify_all()
            return True

    def _take(self, period_s: float | None) -> Item | _End | None:
        with self._changed:
            while not self._waiting:
                if self._end is not None:  # it stays, for whoever asks again
                    return self._end
                if not self._changed.wait(period_s):
                    return None
            item = self._waiting.take()
            self._changed.notify_all()
            return item


class Permits:
    """A fixed number of permits, taken on one thread and given back on another.

    Args:
        count: Permits there are.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._closed = False
        self._changed = threading.Condition()

    def take(self) -> bool:
        """Wait for a permit and take it; False once closed."""
        with self._changed:
            while not self._free and not self._closed:
                self._changed.wait()
            if self._closed:
                return False
            self._free -= 1
            return True

    def give(self) -> None:
        """Give a permit back."""
        with self._changed:
            self._free += 1
            self._changed.notify()

    def close(self) -> None:
        """Wake whoever waits; nothing is given out any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class Background:
    """Runs one piece of work on a thread of its own, and hands on how it ended.

    Args:
        work: Called once on that thread; to end it early is up to its owner.
        name: Name of the thread.
    """

    def __init__(self, work: Callable[[], None], *, name: str) -> None:
        self._work = work
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """Whether the work still goes on."""
        return self._thread.is_alive()

    @property
    def error(self) -> BaseException | None:
        """What the work raised; None while it runs and when it ended well."""
        return self._error

    def join(self, timeout_s: float = JOIN_TIMEOUT_S) -> bool:
        """Wait for the end of the work.

        Args:
            timeout_s: How long to wait at most, seconds.

        Returns:
            Whether it has ended; a thread that has not is left alone and dies with the process.

        Raises:
            BaseException: Whatever the work raised.
        """
        self._thread.join(timeout_s)
        if self._error is not None:
            raise self._error
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:  # handed to whoever joins, whatever it is
            self._error = error
        finally:
            # Its owner is in it as a rule: a ring that would keep what it worked on, an encoder of
            # some megabytes for example, until the collector comes by.
            del self._work


def any_left_behind() -> bool:
    """Whether a thread is still at work that nothing waits for: one inside a source that hangs."""
    return any(thread.daemon for thread in threading.enumerate())
