"""One thread, one bounded queue, one way to stop. The only file that knows threads.

    producer thread                      consumer thread
    for item in items:   -> [ | | | ] ->   for item in lane:
        put (waits when full)                 take (waits when empty)

The contract, each line a test: the queue is bounded in bytes and items; an exception of the
producer travels to the consumer, behind the items made before it; closing wakes both sides and
joins the thread; the end of the stream is a value in the queue, never a time-out.
"""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from typing import Generic, Protocol, TypeVar, cast

Item = TypeVar("Item")

JOIN_TIMEOUT_S = 5.0


class Sized(Protocol):
    """Anything that knows how many bytes it holds."""

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        ...


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
    """

    def __init__(
        self,
        make_items: Callable[[], Iterator[Item]],
        *,
        name: str,
        max_items: int,
        max_bytes: int,
    ) -> None:
        self._make_items = make_items
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._queue: deque[Item | _End] = deque()
        self._queued_bytes = 0
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._produce, name=name, daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[Item]:
        """Yield the items, then raise the producer's exception if it had one."""
        while True:
            item = self._take()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item

    @property
    def queued_bytes(self) -> int:
        """Bytes waiting in the queue."""
        return self._queued_bytes

    def close(self) -> None:
        """Stop the producer at its next item, empty the queue and join the thread."""
        with self._changed:
            self._closed = True
            self._queue.clear()
            self._queued_bytes = 0
            self._queue.append(_End())
            self._changed.notify_all()
        self._thread.join(JOIN_TIMEOUT_S)

    def _produce(self) -> None:
        end = _End()
        try:
            self._feed(self._make_items())
        except BaseException as error:  # handed to the consumer, whatever it is
            end = _End(error)
        with self._changed:
            self._queue.append(end)
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
            while not self._closed and self._is_full(size):
                self._changed.wait()
            if self._closed:
                return False
            self._queue.append(item)
            self._queued_bytes += size
            self._changed.notify_all()
            return True

    def _is_full(self, size: int) -> bool:
        if not self._queue:
            return False
        too_many = len(self._queue) >= self._max_items
        return too_many or self._queued_bytes + size > self._max_bytes

    def _take(self) -> Item | _End:
        with self._changed:
            while not self._queue:
                self._changed.wait()
            item = self._queue[0]
            if not isinstance(item, _End):  # the end stays, for whoever asks again
                self._queue.popleft()
                self._queued_bytes -= cast(Sized, item).nbytes
                self._changed.notify_all()
            return item
