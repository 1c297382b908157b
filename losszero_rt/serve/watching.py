"""A viewer's connection: pictures and figures out, words and wishes in."""

import asyncio
from collections.abc import AsyncIterator

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from losszero_rt.errors import UsageError
from losszero_rt.serve.hub import Hub
from losszero_rt.serve.message_limit import MessageLimit
from losszero_rt.serve.messages import parse_choice, parse_message, picture_message, refused_text
from losszero_rt.serve.viewer import Viewer

CLOSED_AT_END, CLOSED_BROKEN, CLOSED_FULL = 1001, 1008, 1013


async def watch(socket: WebSocket, hub: Hub) -> None:
    """Serve one viewer until either side ends."""
    viewer = Viewer()
    hub.join(viewer)
    tasks = {asyncio.create_task(_speak(socket, hub, viewer))}
    tasks.add(asyncio.create_task(_listen(socket, hub, viewer)))
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        hub.leave(viewer)
    for task in done:
        error = task.exception()
        if error is not None and not isinstance(error, WebSocketDisconnect):
            raise error
    both = (socket.client_state, socket.application_state)
    if both == (WebSocketState.CONNECTED, WebSocketState.CONNECTED):
        await socket.close(CLOSED_BROKEN)


async def _speak(socket: WebSocket, hub: Hub, viewer: Viewer) -> None:
    while True:
        await viewer.wake.wait()
        viewer.wake.clear()
        if viewer.refusal:
            text, viewer.refusal = refused_text(viewer.refusal), ""
            await socket.send_text(text)
        text = hub.newer_text(viewer)
        if text:
            await socket.send_text(text)
        picture = hub.picture
        if picture is not None and viewer.is_due(picture):
            hub.note_sent(viewer, picture)
            screen_ms = viewer.screen_ms[-1] if viewer.screen_ms else 0.0
            await socket.send_bytes(picture_message(picture, screen_ms=screen_ms))
            hub.note_ready(viewer)  # a second picture may be encoded while this one travels
        if hub.closing:
            await socket.send_text('{"t":"end"}')
            await socket.close(CLOSED_AT_END)
            return


async def _listen(socket: WebSocket, hub: Hub, viewer: Viewer) -> None:
    limit = MessageLimit()
    async for text in _texts(socket):
        # Nothing is read meanwhile: whoever says more than that waits at their own end.
        await asyncio.sleep(limit.wait_s())
        try:
            _heed(parse_message(text), hub=hub, viewer=viewer)
        except UsageError as error:
            viewer.refusal = str(error)
            viewer.wake.set()


async def _texts(socket: WebSocket) -> AsyncIterator[str]:
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        if not isinstance(message.get("text"), str):
            return
        yield message["text"]


def _heed(message: dict[str, object], *, hub: Hub, viewer: Viewer) -> None:
    kind = message.get("t")
    number = message.get("number")
    if kind == "drawn" and isinstance(number, int) and not isinstance(number, bool):
        viewer.note_drawn(number)
        hub.note_ready(viewer)
    elif kind == "pause":
        hub.pause(viewer, message.get("paused") is True)
    elif kind == "choice":
        hub.ask(parse_choice(message, status=hub.status))
    else:
        raise UsageError("an unknown message", accepted="drawn, choice, pause")
