"""The pictures as a plain stream, for players and for browsers without scripts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from losszero_rt.serve.hub import Hub
from losszero_rt.serve.places import place_of
from losszero_rt.serve.viewer import Viewer

BOUNDARY = "losszero-rt-picture"
MJPEG_KIND = f"multipart/x-mixed-replace; boundary={BOUNDARY}"
# A player that takes nothing for so long is gone, or will show what is long past.
STALLED_S = 10.0


class MjpegStream(StreamingResponse):
    """A multipart stream of JPEG files, to one viewer.

    A player never says what it has drawn. So a picture is under way until the network has room
    for another, and one who stopped to take them neither counts as watching nor stays for long.

    Args:
        hub: Where the pictures come from.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub, self._viewer = hub, Viewer(max_under_way=1)
        super().__init__(_parts(hub, self._viewer), media_type=MJPEG_KIND)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send pictures until either side ends."""

        async def send_in_time(message: Message) -> None:
            with suppress(TimeoutError):
                async with asyncio.timeout(STALLED_S):
                    await send(message)
                    return
            # Ended in peace, the connection would first wait for all to be taken.
            place_of(scope).end()

        self._hub.join(self._viewer)
        try:
            await super().__call__(scope, receive, send_in_time)
        finally:
            self._hub.leave(self._viewer)


async def _parts(hub: Hub, viewer: Viewer) -> AsyncIterator[bytes]:
    yield f"--{BOUNDARY}\r\n".encode()
    while not hub.closing:
        await viewer.wake.wait()
        viewer.wake.clear()
        picture = hub.picture
        if picture is None or not viewer.is_due(picture):
            continue
        hub.note_sent(viewer, picture)
        head = f"Content-Type: image/jpeg\r\nContent-Length: {len(picture.jpeg)}\r\n\r\n"
        # Browsers show a part when the next one begins, so it begins at once.
        yield head.encode() + picture.jpeg + f"\r\n--{BOUNDARY}\r\n".encode()
        # Asked for the next part, the server has handed this one to the network.
        viewer.note_drawn(picture.number)
        hub.note_ready(viewer)
