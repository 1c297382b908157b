"""Where the run and its viewers meet: the newest picture, the newest figures, what is asked for.

The run's threads put a picture or a status in and go on at once. Everything else happens on the
thread of the event loop; only the encoding, once a picture for all viewers and only when one of
them is ready for it, goes to a thread of the loop's executor.
"""

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

from losszero_rt.frame import Planes
from losszero_rt.livestate import LiveStatus, PictureChoice
from losszero_rt.serve.messages import status_text
from losszero_rt.serve.pace import Pace
from losszero_rt.serve.pictures import JpegEncoder, NewestPainted, Picture
from losszero_rt.serve.viewer import Viewer
from losszero_rt.timings import now_s

_RECENT = 300
_FAREWELL_S = 1.0
# How often the wishes of viewers are told to all of them at once, and not with the next figures.
_ASK_PERIOD_S = 0.05


class Hub:
    """Hands pictures and figures to viewers.

    ``offer``, ``publish``, ``prefer`` and ``close`` may be called from any thread, and the
    attributes read; the other methods belong to the thread of the event loop.

    Args:
        quality: JPEG quality, 1..100.
        max_side: Longer side of a picture that is sent, pixels.

    Attributes:
        wants_frame: Whether a viewer could take a picture now.
        choice: What the viewers asked for; paused when every one of them paused.
        status: The newest figures; None before the first.
        status_at_s: Monotonic clock when they came.
        viewers: Those who watch.
        picture: The picture encoded last; None before the first.
        closing: Whether the page is about to end.
        encode_ms: Time that the last pictures took to encode.
        num_sent: Pictures sent, to all viewers together.
        sent_bytes: Their size.
    """

    def __init__(self, *, quality: int, max_side: int) -> None:
        self.wants_frame = False
        self.choice = PictureChoice()
        self.status: LiveStatus | None = None
        self.status_at_s = 0.0
        self.viewers: tuple[Viewer, ...] = ()
        self.picture: Picture | None = None
        self.closing = False
        self.encode_ms: deque[float] = deque(maxlen=_RECENT)
        self.num_sent = 0
        self.sent_bytes = 0
        self._encoder = JpegEncoder(quality=quality, max_side=max_side)
        self._newest, self._pace = NewestPainted(), Pace()
        self._reopens = False
        self._due, self._ending = asyncio.Event(), asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._look_is_pending = self._was_asked = False
        self._told: LiveStatus | None = None
        self._text, self._text_number = "", 0
        self._renewed_s = 0.0

    def offer(self, planes: Planes, *, index: int, captured_at_s: float) -> None:
        """Copy a painted picture in, if somebody could take it; the newest wins."""
        if self.wants_frame:
            self._newest.put(planes, index=index, captured_at_s=captured_at_s)
            self._ask_to_look()

    def publish(self, status: LiveStatus) -> None:
        """Put in newer figures."""
        self.status, self.status_at_s = status, now_s()
        self._ask_to_look()

    def prefer(self, choice: PictureChoice) -> None:
        """Choose the picture to begin with; what a viewer asked for stays."""
        if not self._was_asked:
            self.choice = replace(choice, paused=self.choice.paused)

    def close(self) -> None:
        """Let every viewer be told that this is the end."""
        self.closing = True
        self._ask_to_look()

    def _ask_to_look(self) -> None:
        # One look is enough for all that came before it: calls never pile up in a busy loop.
        if self._loop is None or self._look_is_pending:
            return
        self._look_is_pending = True
        with suppress(RuntimeError):  # the loop has just been closed
            self._loop.call_soon_threadsafe(self._look)

    def _look(self) -> None:
        self._look_is_pending = False
        self._due.set()
        if self.status is not self._told or self.closing:
            self._told = self.status
            self._renew_text()
        if self.closing:
            self._ending.set()

    def _renew_text(self) -> None:
        self._renewed_s = now_s()
        if self.status is not None:
            self._text_number += 1
            self._text = status_text(self.status, asked=self.choice, num_viewers=len(self.viewers))
        self._wake_all()

    def _wake_all(self) -> None:
        for viewer in self.viewers:
            viewer.wake.set()

    def join(self, viewer: Viewer) -> None:
        """Begin to serve a viewer."""
        self.viewers = (*self.viewers, viewer)
        self._reckon()
        self._renew_text()

    def leave(self, viewer: Viewer) -> None:
        """Stop to serve a viewer."""
        self.viewers = tuple(other for other in self.viewers if other is not viewer)
        if not self.viewers:
            self._drop_waiting()
        self._reckon()
        self._renew_text()

    def _drop_waiting(self) -> None:
        painted = self._newest.take()
        if painted is not None:  # else the next viewer would see it as new, however late
            self._newest.give_back(painted)

    def pause(self, viewer: Viewer, paused: bool) -> None:
        """Stop or go on to send pictures to one viewer."""
        viewer.paused = paused
        self.note_ready(viewer)

    def ask(self, choice: PictureChoice) -> None:
        """Take over what a viewer asked for: the newest wish counts, for all."""
        self._was_asked = True
        self.choice = choice
        self._reckon()
        # The next figures hold it too: who asks very often does not wake everybody each time.
        if now_s() - self._renewed_s >= _ASK_PERIOD_S:
            self._renew_text()

    def note_ready(self, viewer: Viewer) -> None:
        """Go on with a viewer who may have become ready for a picture."""
        self._reckon()
        viewer.wake.set()
        self._due.set()

    def note_sent(self, viewer: Viewer, picture: Picture) -> None:
        """Count a picture that is about to be sent."""
        viewer.note_sent(picture)
        self.num_sent += 1
        self.sent_bytes += len(picture.jpeg)
        self._reckon()

    def newer_text(self, viewer: Viewer) -> str:
        """Return the figures as a message if this viewer has not got them yet, else nothing."""
        if viewer.seen_status == self._text_number:
            return ""
        viewer.seen_status = self._text_number
        return self._text

    def _reckon(self) -> None:
        self.wants_frame = any(viewer.is_ready for viewer in self.viewers) and self._in_pace()
        paused = bool(self.viewers) and all(viewer.paused for viewer in self.viewers)
        if paused != self.choice.paused:
            self.choice = replace(self.choice, paused=paused)

    def _in_pace(self) -> bool:
        """Say whether a picture may be made now; if not, look again when it may."""
        wait_s = self._pace.wait_s
        if wait_s > 0 and self._loop is not None and not self._reopens:
            self._reopens = True
            self._loop.call_later(wait_s, self._reopen)
        return wait_s <= 0

    def _reopen(self) -> None:
        self._reopens = False
        self._reckon()
        self._due.set()

    async def encode_forever(self) -> None:
        """Encode the newest picture whenever a viewer is ready for one. Ends by cancelling."""
        self._loop = asyncio.get_running_loop()
        # One picture is encoded at a time. The loop's own executor would start another thread
        # whenever the next picture comes before the last thread has said that it is free again.
        self._loop.set_default_executor(ThreadPoolExecutor(1, thread_name_prefix="jpeg"))
        self._look()  # at what came before there was a loop to look
        while True:
            await self._due.wait()
            self._due.clear()
            number = self.picture.number if self.picture else 0
            is_due = any(v.is_ready and v.seen_picture >= number for v in self.viewers)
            if not is_due or not self._in_pace():
                continue
            painted = self._newest.take()
            if painted is not None:
                self._pace.begin()
                self._reckon()
                self.picture = await self._loop.run_in_executor(None, self._encoder.encode, painted)
                self._newest.give_back(painted)
                self.encode_ms.append(self.picture.encode_ms)
                self._pace.note_encoded(self.picture.encode_ms)
                self._wake_all()

    async def wait_for_end(self) -> None:
        """Wait until the page is to end and its viewers have been told, or will not be reached."""
        await self._ending.wait()
        with suppress(TimeoutError):
            async with asyncio.timeout(_FAREWELL_S):
                while self.viewers:
                    await asyncio.sleep(_FAREWELL_S / 50)
