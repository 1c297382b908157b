"""Showing every n-th frame only."""

from collections.abc import Iterable, Iterator

from losszero_rt.frame import Frame, LostFrame, StreamItem


def thin(items: Iterable[StreamItem], *, stride: int) -> Iterator[StreamItem]:
    """Let every n-th frame through; the others become lost frames with the reason ``stride``."""
    for item in items:
        if isinstance(item, Frame) and item.index % stride:
            yield LostFrame(index=item.index, pts=item.pts, fate="dropped", reason="stride")
        else:
            yield item
