"""What a page answers besides its pictures: the plain stream, health, metrics, its files."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace

import httpx
import numpy as np

from losszero_rt.serve import Page
from tests.serve.painted import SIZE, PaintedRun, served, until
from tests.serve.watcher import address, decoded, watching


def get(page: Page, path: str, *, accept: str = "*/*") -> httpx.Response:
    url = address(page, path=path, scheme="http")
    return httpx.get(url, headers={"accept": accept}, timeout=20)


def parts_of(stream: Iterator[bytes]) -> Iterator[np.ndarray]:
    data = b""
    for chunk in stream:
        data += chunk
        while match := re.search(rb"Content-Length: (\d+)\r\n\r\n", data):
            end = match.end() + int(match[1])
            if len(data) < end:
                break
            jpeg, data = data[match.end() : end], data[end:]
            yield decoded(jpeg)


def test_players_get_a_stream_of_pictures(page: Page, run: PaintedRun) -> None:
    url = address(page, path="/stream.mjpg", scheme="http")
    with httpx.stream("GET", url, timeout=20) as answer:
        assert answer.headers["content-type"].startswith("multipart/x-mixed-replace; boundary=")
        parts = parts_of(answer.iter_raw())
        seen = [next(parts) for _ in range(5)]
        assert page.num_viewers == 1
    assert all(picture.shape == (*SIZE, 3) for picture in seen)
    assert not np.array_equal(seen[0], seen[-1])
    until(lambda: page.num_viewers == 0)


def test_health_follows_the_run(page: Page) -> None:
    with served(page, rate=200) as run:
        until(lambda: get(page, "/healthz").json() == {"status": "ok"})
        run.stop()
        page._hub.status_at_s -= 60
        stalled = get(page, "/healthz")
        assert (stalled.status_code, stalled.json()) == (503, {"status": "stalled"})


def test_metrics_are_those_of_the_run(page: Page, run: PaintedRun) -> None:
    with watching(page) as viewer:
        viewer.text("status")
        for _ in range(3):
            viewer.picture()
        answer = get(page, "/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    modern = get(page, "/metrics", accept="application/openmetrics-text; version=1.0.0")
    assert modern.headers["content-type"].startswith("application/openmetrics-text")
    assert modern.text.endswith("# EOF\n")
    text = answer.text
    assert 'losszero_rt_frames_total{fate="dropped",reason="newer"} 133.0' in text
    assert 'losszero_rt_class_share{class="lane mark"} 0.03' in text
    assert 'losszero_rt_signal{losszero_rt_signal="live"} 1.0' in text
    assert 'losszero_rt_model_miou{of="openvino bf16"} 0.7364' in text
    assert 'losszero_rt_model_miou_ci95{bound="low",of="openvino bf16"} 0.71' in text
    assert 'losszero_rt_model_miou_pictures{of="openvino bf16"} 40.0' in text
    assert "losszero_rt_weights_miou 0.74" in text
    assert 'engine_name="openvino"' in text
    assert "losszero_rt_viewers 1.0" in text
    assert float(re.findall(r"(?m)^losszero_rt_pictures_sent_total (\S+)", text)[0]) >= 3
    assert float(re.findall(r'age_seconds{quantile="0.95"} (\S+)', text)[0]) < 1


def told(page: Page, words: str) -> str:
    """Return the metrics once they say something; else nothing."""
    text = get(page, "/metrics").text
    return text if words in text else ""


def test_metrics_tell_attempts_from_reconnections(page: Page, run: PaintedRun) -> None:
    run.signal = replace(run.signal, state="reconnecting", attempt=4, num_reconnects=2)
    text = until(lambda: told(page, "losszero_rt_connect_attempts 4.0"), what="the figures")
    assert "losszero_rt_reconnects_total 2.0" in text
    assert "# HELP losszero_rt_reconnects_total Times that a lost signal came back" in text


def test_files_of_the_page_name_nothing_outside(page: Page, run: PaintedRun) -> None:
    for path in ("/", "/live.css", "/live.js", "/figures.js", "/icon.svg"):
        answer = get(page, path)
        assert answer.status_code == 200
        assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)", answer.text)
    html = get(page, "/").text
    assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=", html)


def test_an_age_that_is_not_known_yet_is_no_age_of_zero(page: Page) -> None:
    with served(page) as run:
        run.changes = {"age_ms": {}}
        until(lambda: 'age_seconds{quantile="0.95"} NaN' in get(page, "/metrics").text)


def test_other_paths_and_methods_are_refused(page: Page, run: PaintedRun) -> None:
    assert get(page, "/../hub.py").status_code == 404
    assert get(page, "/page/live.js").status_code == 404
    url = address(page, path="/", scheme="http")
    origin = {"origin": url.rstrip("/")}
    assert httpx.post(url, headers=origin, timeout=20).status_code == 405
    big = httpx.post(f"{url}session", headers=origin, content=b"x" * 100_000, timeout=20)
    assert big.status_code == 400
    long = httpx.get(url, headers={"x-long": "y" * 40_000}, timeout=20)
    assert long.status_code == 431
    assert json.loads(get(page, "/healthz").text)["status"] == "ok"
