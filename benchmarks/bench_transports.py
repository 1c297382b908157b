"""Transports of the live page: JPEG over a WebSocket, against MJPEG and WebRTC, screen to screen.

Stamped pictures are handed at 30 a second to the page that ships, which sends JPEG over a
WebSocket and, beside it, a plain ``multipart`` stream; and to a page of aiortc's, which sends VP8
or H.264. A real Chromium shows each in turn, and a script reads the stamp back in the frame of
animation that shows it. Pictures of all come from one thread of one process, so that what differs
is the transport: its delay, the pictures that arrive, the processor time of server and browser, and
the bits that travel, of which JPEG takes more.

Run: python -m benchmarks.bench_transports (needs chromium, chromedriver, selenium and aiortc)
"""

import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import av
import numpy as np
from av.video.frame import VideoFrame

from benchmarks.bench_glass import (
    QUICK_S,
    QUICK_SIZE,
    RATE,
    SIZE,
    chromium,
    page_state,
    wait_until,
    watch,
    why_no_browser,
)
from benchmarks.clips import ride_clip
from benchmarks.options import Options
from benchmarks.process_tree import cpu_s_of, tree_of
from benchmarks.record import Claim, Outcome, conduct
from benchmarks.stamps import NUM_CODES, show_plain_stream, stamped
from benchmarks.webrtc_page import CODECS, WebRtcPage, generous_bits
from losszero_rt.classmap import NIGHT_RIDE
from losszero_rt.frame import Planes
from losszero_rt.livestate import LiveStatus, Signal
from losszero_rt.serve import Page, PageOptions
from losszero_rt.timings import Percentiles, now_s
from losszero_rt.video.picture import view_of

OURS, PLAIN = "websocket, jpeg", "multipart, jpeg"
WAYS = (OURS, PLAIN, *CODECS)
MEASURED_S = 20.0
# What counts as the delay of a picture that never came.
UNSEEN_MS = 1000.0
_PUBLISH_PERIOD_S = 0.2

Take = Callable[[VideoFrame, int], None]


def measure(options: Options) -> Outcome:
    """Let the transports take turns."""
    why = why_no_browser() or ("" if find_spec("aiortc") else "aiortc is not installed")
    if why:
        return Outcome(claims=(claim_of({}, absent=why),), figures={})
    size = QUICK_SIZE if options.quick else SIZE
    pictures = stamped_pictures(options, size=size)
    rounds = [
        {way: measure_once(way, pictures=pictures, quick=options.quick) for way in WAYS}
        for _ in range(options.rounds)
    ]
    found = {way: summary_of([one[way] for one in rounds]) for way in WAYS}
    return Outcome(
        claims=(claim_of(found), *told(found)),
        figures={"size": list(size), "rate": RATE, "ways": found},
        notes=("pictures, server and browser share the machine's cores",),
    )


def stamped_pictures(options: Options, *, size: tuple[int, int]) -> list[VideoFrame]:
    """Return one yuv420p picture for every code."""
    clip = ride_clip(options, size=size, num_frames=NUM_CODES)
    with av.open(f"file:{clip}") as container:
        given = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return [
        VideoFrame.from_ndarray(stamped(given[code % len(given)], code), "rgb24").reformat(
            format="yuv420p"
        )
        for code in range(NUM_CODES)
    ]


class Feeder:
    """Hands pictures on at a steady rate, from a thread of its own, and remembers when.

    Args:
        pictures: One for every code.
        take: Is handed each, and its number.

    Attributes:
        sent: Code and Unix time, ms, of every picture, before it was handed on.
    """

    def __init__(self, pictures: Sequence[VideoFrame], *, take: Take) -> None:
        self._pictures, self._take = pictures, take
        self._end = threading.Event()
        self.sent: deque[tuple[int, float]] = deque()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        due_s, number = now_s(), 0
        while not self._end.wait(max(0.0, due_s - now_s())):
            self.sent.append((number % NUM_CODES, time.time() * 1e3))
            self._take(self._pictures[number % NUM_CODES], number)
            number += 1
            due_s += 1 / RATE

    def stop(self) -> None:
        """End the thread."""
        self._end.set()
        self._thread.join()


def measure_once(way: str, *, pictures: Sequence[VideoFrame], quick: bool) -> dict[str, Any]:
    """Show pictures in a browser by one transport; return what was seen and what it cost."""
    served = webrtc_page(way) if way in CODECS else our_page()
    with served as (url, take), chromium() as driver:
        source = Feeder(pictures, take=take)
        try:
            driver.get(url)
            if way in CODECS:
                wait_until(lambda: driver.execute_script(_VIDEO_WIDTH))
            else:
                wait_until(lambda: page_state(driver) == "live")
            if way == PLAIN:
                show_plain_stream(driver)
                wait_until(lambda: driver.execute_script("return document.images[0].naturalWidth"))
            browser = driver.service.process.pid
            before = time.process_time(), tree_cpu_s(browser), loopback_bytes(), now_s()
            seen = watch(
                driver, source=source, length_s=QUICK_S if quick else MEASURED_S, quick=quick
            )
            spent_s = now_s() - before[3]
            mbit_s = 8e-6 * (loopback_bytes() - before[2]) / spent_s
            server_cores = (time.process_time() - before[0]) / spent_s
            browser_cores = (tree_cpu_s(browser) - before[1]) / spent_s
            driver.get("about:blank")
        finally:
            source.stop()
    return {
        "delays_ms": seen.delays_ms,
        "seen_share": seen.seen_share,
        "server_cores": round(server_cores, 3),
        "browser_cores": round(browser_cores, 3),
        "mbit_s": round(mbit_s, 2),
    }


_VIDEO_WIDTH = "return document.querySelector('video').videoWidth"


def loopback_bytes() -> int:
    """Return how many bytes have come over loopback by now, those of the browser's driver too."""
    for line in Path("/proc/net/dev").read_text().splitlines():
        name, _, numbers = line.partition(":")
        if name.strip() == "lo":
            return int(numbers.split()[0])
    return 0


def tree_cpu_s(pid: int) -> float:
    """Return the processor time of a process and of all that it started, seconds."""
    return sum(cpu_s_of(one) for one in tree_of(pid))


@contextmanager
def our_page() -> Iterator[tuple[str, Take]]:
    """Serve the page that ships; yields its address, and what takes pictures."""
    page = Page(PageOptions(port=0))
    page.bind()
    server = threading.Thread(target=page.run, daemon=True)
    server.start()
    published_s = 0.0

    def take(picture: VideoFrame, number: int) -> None:
        nonlocal published_s
        if now_s() - published_s > _PUBLISH_PERIOD_S:
            published_s = now_s()
            page.publish(usual_status((picture.height, picture.width)))
        y, u, v = (view_of(plane) for plane in picture.planes)
        page.show(Planes(y=y, u=u, v=v), index=number, captured_at_s=now_s())

    try:
        yield page.url, take
    finally:
        page.stop()
        server.join()


@contextmanager
def webrtc_page(way: str) -> Iterator[tuple[str, Take]]:
    """Serve pictures by WebRTC; yields the address, and what takes pictures."""
    with generous_bits():
        page = WebRtcPage(way)
        try:
            yield page.url, lambda picture, _: page.show(picture)
        finally:
            page.close()


def usual_status(size: tuple[int, int]) -> LiveStatus:
    """Return the figures of a run that does well, on pictures of (height, width) ``size``."""
    return LiveStatus(
        source="stamps",
        signal=Signal(state="live", since_s=now_s(), since_unix_s=time.time()),
        elapsed_s=1.0,
        size=size,
        fps=float(RATE),
        fps_measured=float(RATE),
        fps_declared=float(RATE),
        age_ms={"p50": 10.0, "p95": 20.0, "p99": 30.0, "max": 40.0},
        frames={"read": 1, "shown": 1, "late": 0, "dropped": 0, "dropped_by_reason": {}},
        shares=(0.5, 0.2, 0.1, 0.1, 0.05, 0.05),
        class_names=NIGHT_RIDE.names,
        class_colours=NIGHT_RIDE.colours,
        engine={"name": "none", "device": "CPU", "precision": "none"},
        model={"name": "none", "verified": False},
    )


def summary_of(rounds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the delays of all rounds together, and medians of the rest."""
    delays = Percentiles.of([ms for one in rounds for ms in delays_of(one)])
    kept = ("seen_share", "server_cores", "browser_cores", "mbit_s")
    medians = {name: round(median(one[name] for one in rounds), 3) for name in kept}
    return {"delay_ms": {**delays.as_dict(), "n": delays.n}, **medians}


def delays_of(one: dict[str, Any]) -> list[float]:
    """Return the delays of a round; a picture that was not seen came later than all others."""
    seen_ms = sorted(one["delays_ms"])
    num_unseen = round(len(seen_ms) * (1 / one["seen_share"] - 1)) if one["seen_share"] else 0
    return seen_ms + [UNSEEN_MS] * max(0, num_unseen)


def claim_of(found: dict[str, Any], *, absent: str = "") -> Claim:
    """Return the claim: the transport that was chosen is not behind the best of the others."""
    share = None
    if found:
        others = min(found[way]["delay_ms"]["p95"] for way in WAYS if way != OURS)
        share = round(found[OURS]["delay_ms"]["p95"] / others, 2)
    what = "p95 of the delay of JPEG over a WebSocket, of that of the quickest other transport"
    return Claim(what=what, value=share, unit="x", bound="at most", limit=1.0, absent=absent)


def told(found: dict[str, Any]) -> Iterator[Claim]:
    """Yield the delay of each transport, with what it showed and cost."""
    for way, facts in found.items():
        cost = f"{facts['server_cores']} cores to send, {facts['browser_cores']} to show"
        cost += f", {facts['mbit_s']:.0f} Mbit/s"
        seen = f"{100 * facts['seen_share']:.0f} % seen, p50 {facts['delay_ms']['p50']} ms"
        what = f"{way}: p95 of the delay ({seen}, {cost})"
        yield Claim(what=what, value=float(np.round(facts["delay_ms"]["p95"], 1)), unit="ms")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the script."""
    return conduct("transports", measure, description=__doc__, arguments=arguments)


if __name__ == "__main__":
    sys.exit(main())
