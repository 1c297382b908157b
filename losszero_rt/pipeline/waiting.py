"""What waits between two threads: a queue bounded in items and bytes, itself without threads."""

from collections import deque
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar, cast

Item = TypeVar("Item")


class Sized(Protocol):
    """Anything that knows how many bytes it holds."""

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        ...


class Waiting(Generic[Item]):
    """A bounded queue that can make room for what is newer.

    Args:
        max_items: Items it may hold.
        max_bytes: Bytes it may hold; one item is let in however large it is.
        on_full: Says what takes the place of a waiting item when there is no room, the oldest
            asked first; None for an item that stays. Without it nothing is ever replaced.
    """

    def __init__(
        self,
        *,
        max_items: int,
        max_bytes: int,
        on_full: Callable[[Item], Item | None] | None = None,
    ) -> None:
        self._items: deque[Item] = deque()
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._on_full = on_full
        self.nbytes = 0

    def __len__(self) -> int:
        return len(self._items)

    def has_room(self, size: int) -> bool:
        """Say whether an item of so many bytes may come in, others replaced where that is asked."""
        if self._on_full is not None and not self._fits(size):
            self._replace_oldest(size, self._on_full)
        return self._fits(size)

    def put(self, item: Item) -> None:
        """Let an item in; the caller has asked :meth:`has_room`."""
        self._items.append(item)
        self.nbytes += _size_of(item)

    def take(self) -> Item:
        """Return the oldest item."""
        item = self._items.popleft()
        self.nbytes -= _size_of(item)
        return item

    def clear(self) -> None:
        """Forget all items."""
        self._items.clear()
        self.nbytes = 0

    def _fits(self, size: int) -> bool:
        if not self._items:
            return True
        too_large = self.nbytes > 0 and self.nbytes + size > self._max_bytes
        return len(self._items) < self._max_items and not too_large

    def _replace_oldest(self, size: int, lesser: Callable[[Item], Item | None]) -> None:
        """Exchange items in place until there is room, so that the order stays whole."""
        for place, item in enumerate(self._items):
            instead = lesser(item)
            if instead is not None:
                self._items[place] = instead
                self.nbytes += _size_of(instead) - _size_of(item)
                if self._fits(size):
                    return


def _size_of(item: object) -> int:
    return cast(Sized, item).nbytes
