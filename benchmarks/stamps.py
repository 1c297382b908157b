"""A network camera of our own whose pictures carry a stamp, and how a browser reads it back."""

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

NUM_BITS = 6
NUM_CODES = 1 << NUM_BITS
_BOUNDARY = "picture"
# Blocks beside all that is written on a picture, large enough to stay black and white under an
# overlay: the bits, least significant first, their parity, one that is always white and one that
# is always black.
_NUM_BLOCKS = NUM_BITS + 3
_BAND = (0.6, 0.7)
_ACROSS = (0.4, 0.95)

# Reads the stamp of every new picture in the frame of animation that shows it, from the page's
# canvas, or from an image or a video where the page has one.
_READER = """
const [numBlocks, low, high, line] = arguments;
const image = document.images[0] || document.querySelector('video');
const canvas = document.getElementById('picture');
const strip = new OffscreenCanvas(numBlocks, 1).getContext('2d', {willReadFrequently: true});
window.stamps = [];
let last = null;
function codeOf(source, width, height) {
  strip.drawImage(source, low * width, line * height, (high - low) * width, 1, 0, 0, numBlocks, 1);
  const green = [...strip.getImageData(0, 0, numBlocks, 1).data].filter((_, i) => i % 4 === 1);
  if (green.at(-2) < 128 || green.at(-1) > 127) return null;
  const bits = green.slice(0, -2).map((level) => (level > 127 ? 1 : 0)), parity = bits.pop();
  if (bits.filter(Boolean).length % 2 !== parity) return null;
  return bits.reduce((sum, bit, place) => sum + (bit << place), 0);
}
function look() {
  const fresh = image ? codeOf(image, image.naturalWidth || image.videoWidth,
    image.naturalHeight || image.videoHeight) : canvas.dataset.drawn;
  if (fresh !== last) {
    const code = image ? fresh : codeOf(canvas, canvas.width, canvas.height);
    const unixMs = performance.timeOrigin + performance.now();
    if (code !== null) window.stamps.push([code, unixMs, Number(canvas.dataset.unixMs)]);
    last = fresh;
  }
  requestAnimationFrame(look);
}
look();
"""
_PLAIN = """
document.getElementById('pause').click();
const image = document.createElement('img');
image.src = 'stream.mjpg';
image.style.width = '100%';
document.getElementById('stage').prepend(image);
"""


def start_reading(driver: Any) -> None:
    """Let a browser collect what it shows in ``window.stamps``.

    Each is a code, the Unix time when it was seen, ms, and that of the capture as the page has it.
    """
    driver.execute_script(_READER, _NUM_BLOCKS, *_ACROSS, sum(_BAND) / 2)


def show_plain_stream(driver: Any) -> None:
    """Have the page show the plain stream in an image, in place of its own picture."""
    driver.execute_script(_PLAIN)


def stamped(pixels_HWC: np.ndarray, code: int) -> np.ndarray:
    """Return a copy of a picture, uint8 (H, W, 3), with the blocks of ``code`` in it."""
    picture = pixels_HWC.copy()
    height, width = picture.shape[:2]
    rows = slice(round(_BAND[0] * height), round(_BAND[1] * height))
    bits = [*(code >> bit & 1 for bit in range(NUM_BITS)), code.bit_count() & 1, 1, 0]
    edges = np.linspace(_ACROSS[0] * width, _ACROSS[1] * width, _NUM_BLOCKS + 1).round().astype(int)
    for bit, left, right in zip(bits, edges[:-1], edges[1:], strict=True):
        picture[rows, left:right] = 255 * bit
    return picture


def stamped_jpegs(clip: Path) -> list[bytes]:
    """Return one JPEG for every code, on the pictures of a clip."""
    with av.open(f"file:{clip}") as container:
        pictures = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    jpegs = []
    for code in range(NUM_CODES):
        done, jpeg = cv2.imencode(".jpg", stamped(pictures[code % len(pictures)], code))
        assert done, "a picture can be encoded"
        jpegs.append(jpeg.tobytes())
    return jpegs


class StampedCamera(ThreadingHTTPServer):
    """Serves MJPEG at a steady rate to whoever asks, and remembers when it sent each picture.

    Args:
        jpegs: One picture for every code.
        rate: Pictures a second.

    Attributes:
        sent: Code and Unix time, ms, of every picture, when its first byte was handed over.
    """

    daemon_threads = True

    def __init__(self, jpegs: Sequence[bytes], *, rate: float) -> None:
        super().__init__(("127.0.0.1", 0), _Pictures)
        self.jpegs, self.rate = jpegs, rate
        self.sent: deque[tuple[int, float]] = deque()

    @property
    def url(self) -> str:
        """Where the stream is."""
        return f"http://127.0.0.1:{self.server_port}/camera.mjpg"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Let a viewer go: that is how every measurement ends."""


class _Pictures(BaseHTTPRequestHandler):
    server: StampedCamera

    def do_GET(self) -> None:
        """Send pictures until the viewer goes."""
        self.send_response(200)
        self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={_BOUNDARY}")
        self.end_headers()
        due_s, number = time.perf_counter(), 0
        while True:
            jpeg = self.server.jpegs[number % NUM_CODES]
            head = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n"
            self.server.sent.append((number % NUM_CODES, time.time() * 1e3))
            self.wfile.write(f"{head}\r\n".encode() + jpeg + b"\r\n")
            number += 1
            due_s += 1 / self.server.rate
            time.sleep(max(0.0, due_s - time.perf_counter()))

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def camera(jpegs: Sequence[bytes], *, rate: float) -> Iterator[StampedCamera]:
    """Run a camera on threads of its own."""
    server = StampedCamera(jpegs, rate=rate)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def sent_before(
    seen: Sequence[tuple[int, float]], sent: Sequence[tuple[int, float]]
) -> list[float | None]:
    """Return when each picture was sent, Unix time, ms; None for one that was not.

    Args:
        seen: Code and Unix time, ms, as the browser read them.
        sent: The same as the camera sent them; codes repeat, so the last one before counts.
    """
    by_code: dict[int, list[float]] = {}
    for code, at_ms in sent:
        by_code.setdefault(code, []).append(at_ms)
    return [
        max((sent_ms for sent_ms in by_code.get(code, ()) if sent_ms <= at_ms), default=None)
        for code, at_ms in seen
    ]
