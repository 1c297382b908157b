"""Glass to glass: from a stamp in the camera's picture to the same stamp on the page in a browser.

A camera of our own (MJPEG over HTTP, a stamp drawn into every picture) is shown by ``losszero-rt
live --serve``; a real Chromium opens the page, and a script reads the stamp back from its canvas in
the frame of animation that shows it. Everything is in between: the camera's network, decoding,
inference, painting, JPEG, WebSocket, the browser's decoding and drawing. Camera, run and browser
share the machine. Beside it the transport that was not chosen: an ``<img>`` with ``stream.mjpg``.

Run: python -m benchmarks.bench_glass (needs chromium, chromedriver and selenium)
"""

import re
import shutil
import signal
import sys
import time
import urllib.request
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any, Protocol

import numpy as np

from benchmarks.clips import ride_clip
from benchmarks.options import Options
from benchmarks.program import ProgramError, read_report, start_program
from benchmarks.record import Claim, Outcome, conduct
from benchmarks.stamps import (
    NUM_CODES,
    camera,
    sent_before,
    show_plain_stream,
    stamped_jpegs,
    start_reading,
)
from losszero_rt.timings import Percentiles, now_s

MAX_P95_MS = 150.0
SIZE, QUICK_SIZE, RATE = (720, 1280), (360, 640), 30
WARMUP_S, MEASURED_S, QUICK_S = 5.0, 30.0, 2.0
_START_S, _END_S = 90.0, 15.0
_FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--window-size=1280,800"),
)


def measure(options: Options) -> Outcome:
    """Measure the page, and the plain stream beside it."""
    why = why_no_browser()
    if why:
        return Outcome(claims=(claim_of(None, absent=why),), figures={})
    size, rate = (QUICK_SIZE if options.quick else SIZE), RATE
    jpegs = stamped_jpegs(ride_clip(options, size=size, num_frames=NUM_CODES))
    rounds = [measure_once(options, jpegs=jpegs) for _ in range(options.rounds)]
    page = Percentiles.of([delay for one in rounds for delay in one["page_ms"]])
    plain = Percentiles.of([delay for one in rounds for delay in one["plain_ms"]])
    figures = {
        "size": list(size),
        "rate": rate,
        "page_ms": {**page.as_dict(), "n": page.n},
        "plain_stream_ms": {**plain.as_dict(), "n": plain.n},
        "rounds": [
            {key: value for key, value in one.items() if key not in ("page_ms", "plain_ms")}
            for one in rounds
        ],
    }
    notes = (
        "camera, run and browser share the machine's cores",
        "a browser shows a picture at its next frame of animation: up to 17 ms are waiting for it",
    )
    seen = Claim(
        what="pictures that were seen on the page, of those that the camera sent",
        value=round(100 * float(np.mean([one["seen_share"] for one in rounds])), 1),
        unit="%",
    )
    claims = (claim_of(page.p95 if page.n else None), seen, *part_claims(rounds))
    return Outcome(claims=claims, figures=figures, notes=notes)


def claim_of(p95_ms: float | None, *, absent: str = "no picture was read back") -> Claim:
    """Return the claim."""
    return Claim(
        what="glass to glass at 1280x720, 30 a second, p95 of the pictures that were seen",
        value=None if p95_ms is None else round(p95_ms, 1),
        unit="ms",
        bound="at most",
        limit=MAX_P95_MS,
        absent="" if p95_ms is not None else absent,
    )


def part_claims(rounds: Sequence[Mapping[str, Any]]) -> list[Claim]:
    """Return what the time goes into, medians of all rounds, milliseconds.

    What is seen was handed on before, and what is handed on was captured: they overlap but for the
    first. JPEG is a part of the last.
    """
    told = {
        "camera_to_captured": "sent to captured",
        "captured_to_handed_on": "captured to painted and handed on",
        "jpeg": "of what follows, JPEG",
        "captured_to_seen": "captured to seen",
    }
    parts = {key: median(one["parts_p50_ms"][key] for one in rounds) for key in told}
    return [
        Claim(what=f"its parts, median: {told[key]}", value=round(value, 1), unit="ms")
        for key, value in parts.items()
    ]


def why_no_browser() -> str:
    """Say what is missing; nothing when all is there."""
    missing = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    try:
        import selenium.webdriver  # noqa: F401
    except ImportError:
        missing.append("selenium")
    return f"no {', no '.join(missing)} on this machine" if missing else ""


def measure_once(options: Options, *, jpegs: Sequence[bytes]) -> dict[str, Any]:
    """Show the camera once and watch it by both transports, one after the other."""
    report = options.work / "glass.json"
    length_s = QUICK_S if options.quick else MEASURED_S
    with camera(jpegs, rate=RATE) as source, chromium() as driver:
        with live_run(options, source.url, report=report) as url:
            driver.get(url)
            wait_until(lambda: page_state(driver) == "live")
            page = watch(driver, source=source, length_s=length_s, quick=options.quick)
            encode_ms = encode_p50_ms(url)
            driver.refresh()
            wait_until(lambda: page_state(driver) == "live")
            show_plain_stream(driver)
            wait_until(lambda: driver.execute_script("return document.images[0].naturalWidth"))
            plain = watch(driver, source=source, length_s=length_s, quick=options.quick)
            driver.get("about:blank")
        facts = read_report(report)
    parts = {
        "camera_to_captured": page.captured_p50_ms,
        "captured_to_handed_on": facts["latency_ms"]["p50"],
        "jpeg": encode_ms,
        "captured_to_seen": round(Percentiles.of(page.delays_ms).p50 - page.captured_p50_ms, 1),
    }
    return {
        "page_ms": page.delays_ms,
        "plain_ms": plain.delays_ms,
        "seen_share": page.seen_share,
        "shown_share": round(facts["frames"]["shown"] / facts["frames"]["read"], 3),
        "parts_p50_ms": parts,
        "stages_p50_ms": {name: stage["p50"] for name, stage in facts["stage_ms"].items()},
    }


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What was seen in some seconds.

    Attributes:
        delays_ms: From the first byte sent by the camera to the picture seen.
        captured_p50_ms: From the same to captured, as the run says, median.
        seen_share: Pictures seen of those sent.
    """

    delays_ms: list[float]
    captured_p50_ms: float
    seen_share: float


class Sender(Protocol):
    """What sends stamped pictures, and remembers when: :attr:`StampedCamera.sent`."""

    sent: deque[tuple[int, float]]


def watch(driver: Any, *, source: Sender, length_s: float, quick: bool) -> Watched:
    """Return what a browser sees in some seconds."""
    offset_ms = clock_offset_ms(driver)
    start_reading(driver)
    time.sleep(0.5 if quick else WARMUP_S)
    driver.execute_script("window.stamps.length = 0")
    first = len(source.sent)
    time.sleep(length_s)
    stamps = driver.execute_script("return window.stamps")
    num_sent = len(source.sent) - first
    seen = [(code, at_ms + offset_ms) for code, at_ms, _ in stamps]
    sent_ms = sent_before(seen, list(source.sent))
    pairs = [(stamp, ms) for stamp, ms in zip(stamps, sent_ms, strict=True) if ms is not None]
    captured = Percentiles.of([stamp[2] - ms for stamp, ms in pairs])
    return Watched(
        delays_ms=[stamp[1] + offset_ms - ms for stamp, ms in pairs],
        captured_p50_ms=round(captured.p50, 1),
        seen_share=round(len(seen) / max(1, num_sent), 3),
    )


def clock_offset_ms(driver: Any) -> float:
    """Return what to add to the browser's clock to have ours: of many readings the quickest."""
    best = (float("inf"), 0.0)
    for _ in range(30):
        before_ms = time.time() * 1e3
        theirs_ms = driver.execute_script("return performance.timeOrigin + performance.now()")
        after_ms = time.time() * 1e3
        best = min(best, (after_ms - before_ms, (before_ms + after_ms) / 2 - theirs_ms))
    return best[1]


def encode_p50_ms(url: str) -> float:
    """Ask the page how long the JPEG of a picture takes."""
    with urllib.request.urlopen(f"{url}metrics", timeout=10) as answer:
        text = answer.read().decode()
    found = re.search(r'encode_seconds\{quantile="0.5"\} (\S+)', text)
    return round(float(found[1]) * 1e3, 2) if found else 0.0


def page_state(driver: Any) -> str:
    """Return what the page says of itself."""
    return str(driver.execute_script("return document.body.dataset.state"))


def wait_until(holds: Any) -> None:
    """Wait until something holds.

    Raises:
        ProgramError: It did not.
    """
    deadline_s = now_s() + _START_S
    while not holds():
        if now_s() > deadline_s:
            raise ProgramError(f"the page showed nothing within {_START_S:.0f} s")
        time.sleep(0.1)


@contextmanager
def live_run(options: Options, source: str, *, report: Any) -> Iterator[str]:
    """Run ``losszero-rt live`` on a camera; yields the address of its page."""
    words = [sys.executable, "-m", "losszero_rt", "live", source, "--serve", "0", "--force"]
    words += ["--report", str(report)]
    if options.model != Options.model:
        words += ["--model", options.model, "--allow-unverified"]
    process = start_program(words, silent=False)
    assert process.stdout is not None, "started with a pipe"
    try:
        heard = []
        for line in process.stdout:
            heard.append(line)
            if found := re.search(r"http://\S+", line):
                yield found[0]
                break
        else:
            raise ProgramError("losszero-rt live served no page:\n" + "".join(heard))
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=_END_S)
    finally:
        process.kill()
        process.wait()


@contextmanager
def chromium() -> Iterator[Any]:
    """Run a browser without a window."""
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options as ChromeOptions
    from selenium.webdriver.chrome.service import Service

    settings = ChromeOptions()
    settings.binary_location = shutil.which("chromium") or ""
    for flag in _FLAGS:
        settings.add_argument(flag)
    service = Service(shutil.which("chromedriver"))
    driver = webdriver.Chrome(options=settings, service=service)
    try:
        yield driver
    finally:
        driver.quit()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the script."""
    return conduct("glass", measure, description=__doc__, arguments=arguments)


if __name__ == "__main__":
    sys.exit(main())
