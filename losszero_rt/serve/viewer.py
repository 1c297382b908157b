"""One who watches: what is under way to them, and what they have seen."""

import asyncio
from collections import deque

from losszero_rt.serve.pictures import Picture
from losszero_rt.timings import now_s

# One picture travels while the one before is decoded and drawn; a third would only wait.
MAX_UNDER_WAY = 2
_RECENT = 150


class Viewer:
    """One who watches. Belongs to the thread of the event loop.

    A picture is sent only to a viewer who has drawn all but one of those before, so a slow one
    gets fewer pictures, each as new as can be, and no queue grows anywhere.

    Args:
        max_under_way: Pictures that may be under way at one time.

    Attributes:
        wake: Set when there may be something to send.
        paused: Whether this viewer wants no pictures for now.
        seen_picture: Number of the picture that was sent last; 0 before the first.
        seen_status: Number of the status that was sent last.
        refusal: Why the last request was refused, until it has been said.
        screen_ms: Capture to the word that the picture was drawn, of the last pictures. The word's
            way back is in it, so it is no less than the delay that the viewer sees.
    """

    def __init__(self, *, max_under_way: int = MAX_UNDER_WAY) -> None:
        self._max_under_way = max_under_way
        self.wake = asyncio.Event()
        self.paused = False
        self.seen_picture = 0
        self.seen_status = 0
        self.refusal = ""
        self.screen_ms: deque[float] = deque(maxlen=_RECENT)
        self._under_way: dict[int, float] = {}

    @property
    def is_ready(self) -> bool:
        """Whether another picture may be sent."""
        return not self.paused and len(self._under_way) < self._max_under_way

    def is_due(self, picture: Picture | None) -> bool:
        """Say whether this picture should be sent now."""
        return picture is not None and self.is_ready and picture.number > self.seen_picture

    def note_sent(self, picture: Picture) -> None:
        """Count a picture as under way, before it is sent."""
        self.seen_picture = picture.number
        self._under_way[picture.number] = picture.captured_at_s

    def note_drawn(self, number: int) -> None:
        """Count a picture as drawn; a number that is not under way is no news."""
        captured_at_s = self._under_way.pop(number, None)
        if captured_at_s is not None:
            self.screen_ms.append((now_s() - captured_at_s) * 1e3)
