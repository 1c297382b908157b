"""Who hears how a run goes on; the command line's printer is one."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from losszero_rt.frame import Frame, LostFrame, StreamItem


class Progress(Protocol):
    """Hears how a run goes on."""

    def start(self, name: str, *, total: int | None) -> None:
        """Begin a source."""
        ...

    def step(self) -> None:
        """Count one frame."""
        ...

    def done(self) -> None:
        """End the source."""
        ...

    def warn(self, text: str) -> None:
        """Show one line."""
        ...

    def fail(self, text: str) -> None:
        """Show one line that says what went wrong."""
        ...

    def note(self, text: str) -> None:
        """Show one line if details are wanted."""
        ...


def counted(items: Iterable[StreamItem], *, progress: Progress) -> Iterator[StreamItem]:
    """Yield the items of a source, each frame counted on its way."""
    for item in items:
        if isinstance(item, Frame | LostFrame):
            progress.step()
        yield item
