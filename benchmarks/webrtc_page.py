"""A page that shows painted pictures by WebRTC: what our own page is compared with.

Nothing of it ships. aiortc does the work, an encoder in Python's process as our own JPEG one is;
the browser is asked not to hold pictures back. The offer travels over plain HTTP on loopback.
"""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from av.video.frame import VideoFrame

from losszero_rt.timings import now_s

CODECS = {"webrtc vp8": "video/VP8", "webrtc h264": "video/H264"}
# Enough for a night ride at 1280x720; aiortc would begin with a half to one.
BITS_PER_S = 4_000_000
_CLOCK = 90_000
_ANSWER_S = 30.0
_HTML = """<!doctype html><meta charset="utf-8"><title>WebRTC</title>
<video autoplay muted playsinline style="width:100%"></video>
<canvas id="picture" data-unix-ms="0" hidden></canvas>
<script>
(async () => {
  const link = new RTCPeerConnection();
  const {receiver} = link.addTransceiver('video', {direction: 'recvonly'});
  receiver.jitterBufferTarget = 0;
  link.ontrack = (event) => {
    document.querySelector('video').srcObject = new MediaStream([event.track]);
  };
  await link.setLocalDescription(await link.createOffer());
  while (link.iceGatheringState !== 'complete') await new Promise((go) => setTimeout(go, 20));
  const body = JSON.stringify(link.localDescription);
  const answer = await fetch('offer', {method: 'POST', body});
  await link.setRemoteDescription(await answer.json());
})();
</script>"""


class WebRtcPage:
    """Sends the newest picture to every browser that opens it.

    Args:
        codec: One of :data:`CODECS`.
    """

    def __init__(self, codec: str) -> None:
        self._mime = CODECS[codec]
        self._loop = asyncio.new_event_loop()
        self._links: list[Any] = []
        self._fresh: set[asyncio.Event] = set()
        self._newest: VideoFrame | None = None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._threads = [
            threading.Thread(target=self._loop.run_forever, daemon=True),
            threading.Thread(target=self._server.serve_forever, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def url(self) -> str:
        """What to open in a browser."""
        return f"http://127.0.0.1:{self._server.server_port}/"

    def show(self, picture: VideoFrame) -> None:
        """Send a picture, yuv420p; one that an encoder has not begun by the next is left out."""
        picture.pts, picture.time_base = round(now_s() * _CLOCK), Fraction(1, _CLOCK)
        self._newest = picture
        for event in tuple(self._fresh):
            self._loop.call_soon_threadsafe(event.set)

    def answer(self, offer: dict[str, str]) -> dict[str, str]:
        """Answer the offer of a browser."""
        work = asyncio.run_coroutine_threadsafe(self._answer(offer), self._loop)
        return work.result(_ANSWER_S)

    async def _answer(self, offer: dict[str, str]) -> dict[str, str]:
        from aiortc import RTCPeerConnection, RTCRtpSender, RTCSessionDescription

        link = RTCPeerConnection()
        self._links.append(link)
        await link.setRemoteDescription(RTCSessionDescription(**offer))
        link.addTrack(self._track())
        known = RTCRtpSender.getCapabilities("video").codecs
        (transceiver,) = link.getTransceivers()
        transceiver.setCodecPreferences([one for one in known if one.mimeType == self._mime])
        await link.setLocalDescription(await link.createAnswer())
        return {"sdp": link.localDescription.sdp, "type": link.localDescription.type}

    def _track(self) -> Any:
        from aiortc import VideoStreamTrack

        fresh = asyncio.Event()
        self._fresh.add(fresh)

        async def recv(_: Any) -> VideoFrame:
            await fresh.wait()
            fresh.clear()
            assert self._newest is not None, "set before the event"
            return self._newest

        # Made so because there is nothing to check a subclass against where aiortc is absent.
        return type("Newest", (VideoStreamTrack,), {"recv": recv})()

    def close(self) -> None:
        """Let browsers go, and end all threads."""
        closing = [asyncio.run_coroutine_threadsafe(one.close(), self._loop) for one in self._links]
        for one in closing:
            one.result(_ANSWER_S)
        self._server.shutdown()
        self._server.server_close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        for thread in self._threads:
            thread.join(_ANSWER_S)


def _handler_of(page: WebRtcPage) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send(_HTML.encode(), kind="text/html")

        def do_POST(self) -> None:
            offer = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._send(json.dumps(page.answer(offer)).encode(), kind="application/json")

        def _send(self, body: bytes, *, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    return Handler


@contextmanager
def generous_bits() -> Iterator[None]:
    """Let aiortc's encoders begin at :data:`BITS_PER_S`, and stay there."""
    from aiortc.codecs import h264, vpx

    names = ("MIN_BITRATE", "DEFAULT_BITRATE", "MAX_BITRATE")
    before = {(module, name): getattr(module, name) for module in (h264, vpx) for name in names}
    for module, name in before:
        setattr(module, name, BITS_PER_S)
    try:
        yield
    finally:
        for (module, name), value in before.items():
            setattr(module, name, value)
